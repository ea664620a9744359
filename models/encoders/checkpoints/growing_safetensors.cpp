// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/growing_safetensors.h"

#include <ATen/ATen.h>

#include "common/error.h"
#include "models/encoders/checkpoints/safetensors.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

const fs::path& plain_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored))
    throw InputError(path.string(), "", "a plain file, whose header is written last",
                     "something else");
  return path;
}

}  // namespace

GrowingSafetensors::GrowingSafetensors(const fs::path& path, std::string name,
                                       std::vector<std::int64_t> row)
    : path_(path), name_(std::move(name)), row_(std::move(row)), file_(plain_file(path)) {
  file_.write(std::string(8 + kLongestGrown, ' '));
}

void GrowingSafetensors::add(const at::Tensor& rows) {
  if (rows.scalar_type() != at::kFloat || rows.dim() < 1 || rows.sizes().slice(1) != row_)
    throw Error(path_.string() + ": rows of another shape or type: " + c10::str(rows.sizes()));
  const at::Tensor values = rows.detach().to(at::kCPU).contiguous();
  file_.write({static_cast<const char*>(values.const_data_ptr()), values.nbytes()});
  rows_ += rows.size(0);
}

void GrowingSafetensors::finish(const NamedTensors& more,
                                const std::map<std::string, std::string>& metadata) {
  std::vector<std::int64_t> shape{rows_};
  shape.insert(shape.end(), row_.begin(), row_.end());
  // The first of its tensors has no values in memory: only its header is taken.
  NamedTensors all{{name_, at::empty(shape, at::TensorOptions(at::kFloat).device(at::kMeta))}};
  all.insert(all.end(), more.begin(), more.end());
  std::string header = safetensors_header(all, metadata, path_.string());
  if (header.size() > kLongestGrown)
    throw Error(path_.string() + ": a header of " + std::to_string(header.size()) +
                " bytes, where at most " + std::to_string(kLongestGrown) + " were kept free");
  header.resize(kLongestGrown, ' ');
  for (const auto& [name, tensor] : more) {
    const at::Tensor values = tensor.detach().to(at::kCPU).contiguous();
    file_.write({static_cast<const char*>(values.const_data_ptr()), values.nbytes()});
  }
  std::string size(8, '\0');
  for (int i = 0; i < 8; ++i)
    size[static_cast<std::size_t>(i)] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  file_.rewrite(0, size + header);
  file_.finish();
}

}  // namespace permafrost
