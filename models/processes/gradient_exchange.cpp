// SPDX-License-Identifier: Apache-2.0
#include "models/processes/gradient_exchange.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

#include "common/error.h"

namespace permafrost {
namespace {

// What `later` is given from now on waits for what `earlier` was given so far.
void follow(const c10::Stream& later, const c10::Stream& earlier) {
  c10::Event event(earlier.device_type());
  event.record(earlier);
  event.block(later);
}

}  // namespace

ShardRange shards_of_rank(int shards, int rank, int ranks) {
  if (shards % ranks != 0)
    throw InputError("gradient_shards", "",
                     "a multiple of the number of ranks, " + std::to_string(ranks),
                     std::to_string(shards));
  const int count = shards / ranks;
  return {.first = rank * count, .count = count};
}

ShardRange own_shards(int shards, const ProcessGroup* group) {
  if (group == nullptr) return {.first = 0, .count = shards};
  return shards_of_rank(shards, group->rank(), group->ranks());
}

GradientSum::GradientSum(ProcessGroup& group, const GradientSumOptions& options,
                         std::vector<at::Tensor> like)
    : like_(std::move(like)) {
  std::int64_t values = 0, bucket = options.bucket;
  for (const auto& tensor : like_) ends_.push_back(values += tensor.numel());
  if (bucket == 0) bucket = std::clamp<std::int64_t>(values / 8, 1 << 18, 1 << 21);
  const at::Device where = group.exchange_device(like_[0].device());
  sum_ = range_sum(group,
                   {.reduce = options.reduce,
                    .addition = options.addition,
                    .shards = options.shards,
                    .bucket = std::min(bucket, values)},
                   like_[0].options().device(where).requires_grad(false));
  if (!where.is_cpu()) {
    const c10::impl::VirtualGuardImpl device(where.type());
    computing_ = device.getStream(like_[0].device());
    sending_ =
        options.beside_computing ? device.getStreamFromGlobalPool(like_[0].device()) : computing_;
  }
  gradients_.assign(static_cast<std::size_t>(options.shards),
                    std::vector<at::Tensor>(like_.size()));
  if (!options.beside_computing) return;
  thread_ = std::jthread([this](const std::stop_token& stop) {
    try {
      exchange_on_a_stream(stop);
    } catch (...) {
      failure_ = std::current_exception();
    }
  });
}

GradientSum::~GradientSum() = default;  // asks the thread to stop and waits for it

void GradientSum::give(int shard, std::size_t number, const at::Tensor& gradient) {
  const auto place = static_cast<std::size_t>(shard);
  const at::Tensor whole = gradient.detach().contiguous();
  {
    const std::lock_guard lock(mutex_);
    gradients_[place][number] = whole;
  }
  given_.notify_one();
}

std::vector<at::Tensor> GradientSum::finish() {
  for (std::size_t shard = 0; shard < gradients_.size(); ++shard)
    for (std::size_t i = 0; i < like_.size(); ++i)
      if (!gradients_[shard][i].defined())
        give(static_cast<int>(shard), i, at::zeros_like(like_[i]));
  if (thread_.joinable())
    thread_.join();
  else
    exchange_on_a_stream({});
  if (failure_) std::rethrow_exception(failure_);
  if (sending_) follow(*computing_, *sending_);
  return std::move(gradients_[0]);
}

void GradientSum::exchange_on_a_stream(const std::stop_token& stop) {
  std::optional<c10::StreamGuard> guard;
  if (sending_) guard.emplace(*sending_);
  exchange(stop);
}

void GradientSum::exchange(const std::stop_token& stop) {
  const at::NoGradGuard no_grad;
  const std::int64_t values = ends_.back(), bucket = sum_->bucket();
  for (std::int64_t first = (values - 1) / bucket * bucket; first >= 0; first -= bucket) {
    const std::int64_t count = std::min(bucket, values - first);
    const auto begin = std::upper_bound(ends_.begin(), ends_.end(), first) - ends_.begin();
    const auto end = std::lower_bound(ends_.begin(), ends_.end(), first + count) - ends_.begin();
    const auto shards = await(begin, end + 1, stop);
    if (!shards) return;
    if (sending_) follow(*sending_, *computing_);  // what was given was queued there
    const std::int64_t before = begin == 0 ? 0 : ends_[static_cast<std::size_t>(begin) - 1];
    sum_->add(*shards, first - before, count);
  }
}

std::optional<FlatShards> GradientSum::await(std::ptrdiff_t begin, std::ptrdiff_t end,
                                             const std::stop_token& stop) {
  const auto is_given = [](const at::Tensor& tensor) { return tensor.defined(); };
  std::unique_lock lock(mutex_);
  const bool all_given = given_.wait(lock, stop, [&] {
    return std::all_of(gradients_.begin(), gradients_.end(), [&](const auto& tensors) {
      return std::all_of(tensors.begin() + begin, tensors.begin() + end, is_given);
    });
  });
  if (!all_given) return std::nullopt;
  FlatShards wanted;
  for (const auto& tensors : gradients_) {
    auto& flat = wanted.emplace_back();
    for (auto i = begin; i < end; ++i)
      flat.push_back(tensors[static_cast<std::size_t>(i)].view({-1}));
  }
  return wanted;
}

std::vector<double> of_all_shards(ProcessGroup& group, const std::vector<double>& mine) {
  const auto n = static_cast<std::int64_t>(mine.size());
  const at::Tensor all = at::empty({group.ranks() * n}, at::kDouble);
  group.all_gather(all, at::tensor(mine, at::kDouble));
  return {all.data_ptr<double>(), all.data_ptr<double>() + all.numel()};
}

}  // namespace permafrost
