// SPDX-License-Identifier: Apache-2.0
#include "models/processes/shared_work.h"

#include <algorithm>

#include "common/error.h"
#include "common/machine/parallel.h"

namespace permafrost {
namespace {

// "3:abc0:" for {"abc", ""}: texts may hold any bytes.
std::string packed(const std::vector<std::string>& texts) {
  std::string bytes;
  for (const auto& text : texts) bytes += std::to_string(text.size()) + ":" + text;
  return bytes;
}

std::vector<std::string> unpacked(const std::string& bytes) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto colon = bytes.find(':', at);
    if (colon == std::string::npos) throw Error("texts of another rank are cut off");
    const std::size_t size = std::stoull(bytes.substr(at, colon - at));
    texts.push_back(bytes.substr(colon + 1, size));
    at = colon + 1 + size;
  }
  return texts;
}

}  // namespace

bool is_mine(const ProcessGroup* group, std::int64_t piece) {
  return group == nullptr || piece % group->ranks() == group->rank();
}

void for_my_pieces(const ProcessGroup* group, std::int64_t pieces, int threads,
                   const std::function<void(std::int64_t piece)>& body) {
  const std::int64_t step = group == nullptr ? 1 : group->ranks();
  const std::int64_t first = group == nullptr ? 0 : group->rank();
  const std::int64_t mine = first < pieces ? (pieces - first + step - 1) / step : 0;
  parallel_for(mine, threads, [&](std::int64_t i) { body(first + i * step); });
}

void share_rows(ProcessGroup* group, const std::vector<at::Tensor>& tensors, std::int64_t size) {
  if (group == nullptr || tensors.empty()) return;
  const std::int64_t n = tensors[0].size(0);
  for (std::int64_t begin = 0; begin < n; begin += size)
    for (const auto& tensor : tensors)
      group->broadcast(tensor.slice(0, begin, std::min(n, begin + size)),
                       static_cast<int>(begin / size % group->ranks()));
}

void share_texts(ProcessGroup* group, std::vector<std::string>& texts) {
  if (group == nullptr) return;
  const bool none =
      std::all_of(texts.begin(), texts.end(), [](const std::string& text) { return text.empty(); });
  if (!group->any(!none)) return;
  for (const auto& bytes : group->gather(packed(texts))) {
    const auto of_rank = unpacked(bytes);
    for (std::size_t i = 0; i < texts.size(); ++i)
      if (!of_rank.at(i).empty()) texts[i] = of_rank[i];
  }
}

}  // namespace permafrost
