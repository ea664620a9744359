// SPDX-License-Identifier: Apache-2.0
#include "models/processes/device_exchange.h"

#include <map>

#include "common/error.h"
#include "models/processes/nccl.h"
#include "models/processes/process_group.h"

namespace permafrost {
namespace {

// What `step` throws, in a line; empty where it does not.
template <typename Step>
std::string failure_of(const Step& step) {
  try {
    step();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// "rank 1 (node7): REASON" of the first rank that has one; the same on all ranks.
std::string first_reason(ProcessGroup& group, const std::string& mine) {
  const auto reasons = group.gather(mine);
  for (int rank = 0; rank < group.ranks(); ++rank)
    if (const std::string& reason = reasons[static_cast<std::size_t>(rank)]; !reason.empty())
      return group.name_of(rank) + ": " + reason;
  return "";
}

// NCCL refuses two ranks on one GPU.
std::string shared_gpu(ProcessGroup& group, const std::string& gpu) {
  const auto gpus = group.gather(group.machine() + ", GPU " + gpu);
  std::map<std::string, int> owners;
  for (int rank = 0; rank < group.ranks(); ++rank) {
    const auto [it, is_new] = owners.try_emplace(gpus[static_cast<std::size_t>(rank)], rank);
    if (!is_new)
      return group.name_of(rank) + ": its GPU is that of rank " + std::to_string(it->second);
  }
  return "";
}

}  // namespace

DeviceExchange open_device_exchange(ProcessGroup& group, const std::string& gpu) {
  const auto over_host = [](const std::string& reason) {
    return DeviceExchange{.collectives = nullptr, .how = "Gloo over the host; " + reason};
  };
  if (const auto reason = first_reason(group, failure_of([] { nccl(); })); !reason.empty())
    return over_host(reason);
  if (const auto reason = shared_gpu(group, gpu); !reason.empty()) return over_host(reason);
  DeviceExchange exchange;
  std::string id;
  std::string failure = failure_of([&] {
    if (group.is_first()) id = new_nccl_id();
  });
  id = group.from_first(id);
  if (!id.empty())
    failure = failure_of(
        [&] { exchange.collectives = nccl_collectives(id, group.rank(), group.ranks()); });
  if (const auto reason = first_reason(group, failure); !reason.empty()) return over_host(reason);
  exchange.how = "NCCL " + nccl().version();
  return exchange;
}

}  // namespace permafrost
