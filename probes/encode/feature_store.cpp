// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/feature_store.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/error.h"
#include "probes/heads/head.h"

namespace permafrost {
namespace {

constexpr std::int64_t kBytesKept = 4 << 20;

}  // namespace

FeatureStore::FeatureStore(const std::filesystem::path& path) : file_(read_safetensors(path)) {
  const at::Tensor& features = file_.tensor("features", path.string());
  if (features.dim() != 3 || features.scalar_type() != at::kFloat || features.numel() == 0)
    throw InputError(path.string(), "features", "float32 [windows,tokens,width]",
                     c10::str(features.dtype().name(), " ", features.sizes()));
  frames_ = file_.tensor("frames", path.string());
  windows_ = features.size(0);
  tokens_ = features.flatten(0, 1);
}

const float* FeatureStore::rows(std::int64_t, std::int64_t first, std::int64_t count) {
  if (first < given_back_) given_back_ = 0;  // read once more from the start
  const at::NoGradGuard no_grad;
  block_ = standardised(tokens_.slice(0, first, first + count).unsqueeze(0)).contiguous();
  give_back(first + count);
  return block_.const_data_ptr<float>();
}

// Rows in front of `first`, as whole pages.
void FeatureStore::give_back(std::int64_t first) {
  const std::int64_t row = tokens_.size(1) * static_cast<std::int64_t>(sizeof(float));
  if ((first - given_back_) * row < kBytesKept && first < tokens()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto at = [&](std::int64_t number) {
    return reinterpret_cast<std::uintptr_t>(tokens_.const_data_ptr<float>()) +
           static_cast<std::uintptr_t>(number * row);
  };
  const std::uintptr_t begin = (at(given_back_) + page - 1) / page * page,
                       end = at(first) / page * page;
  // A hint: where it is not taken, the system gives the pages to whoever needs them.
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  given_back_ = first;
}

}  // namespace permafrost
