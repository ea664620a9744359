// SPDX-License-Identifier: Apache-2.0
#include "models/processes/gradient_exchange.h"

#include <torch/types.h>

#include <algorithm>
#include <functional>

#include "common/error.h"

namespace permafrost {
namespace {

// Calls visit(piece of a tensor, place in the range) for values first .. first+count-1 of the
// tensors laid one after the other.
void visit_range(const std::vector<at::Tensor>& flat, std::int64_t first, std::int64_t count,
                 const std::function<void(const at::Tensor&, std::int64_t)>& visit) {
  std::int64_t begin = 0;
  for (const auto& tensor : flat) {
    const std::int64_t end = begin + tensor.numel();
    const std::int64_t from = std::max(begin, first), to = std::min(end, first + count);
    if (from < to) visit(tensor.slice(0, from - begin, to - begin), from - first);
    begin = end;
    if (begin >= first + count) return;
  }
}

std::vector<at::Tensor> flat(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> views;
  for (const auto& tensor : tensors) views.push_back(tensor.view({-1}));
  return views;
}

// What is sent lies on the CPU, where the engine works; gradients of a device are copied.
at::TensorOptions sent_options(const at::Tensor& tensor) {
  return tensor.options().device(at::kCPU);
}

std::int64_t values_in(const std::vector<at::Tensor>& tensors) {
  std::int64_t count = 0;
  for (const auto& tensor : tensors) count += tensor.numel();
  return count;
}

void add_in_order(std::vector<at::Tensor> parts, const at::Tensor& sum) {
  sum.copy_(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) sum.add_(parts[i]);
}

class ExactSum {
 public:
  ExactSum(ProcessGroup& group, const std::vector<std::vector<at::Tensor>>& of_shards,
           std::int64_t bucket)
      : group_(group), count_(static_cast<std::int64_t>(of_shards.size())) {
    for (const auto& tensors : of_shards) shards_.push_back(flat(tensors));
    const std::int64_t values = values_in(shards_[0]), ranks = group.ranks();
    // A bucket has a part for each rank.
    part_ = (std::min(bucket, values) + ranks - 1) / ranks;
    const auto options = sent_options(shards_[0][0]);
    out_ = at::empty({ranks, count_, part_}, options);
    in_ = at::empty({ranks, count_, part_}, options);
    sum_ = at::empty({part_}, options);
    all_ = at::empty({ranks * part_}, options);
  }

  void run() {
    const std::int64_t values = values_in(shards_[0]), size = part_ * group_.ranks();
    for (std::int64_t first = 0; first < values; first += size)
      add_bucket(first, std::min(size, values - first));
  }

 private:
  void add_bucket(std::int64_t first, std::int64_t count) {
    const std::int64_t ranks = group_.ranks();
    if (count < part_ * ranks) out_.zero_();
    for (std::int64_t shard = 0; shard < count_; ++shard)
      for (std::int64_t rank = 0; rank < ranks; ++rank) {
        const std::int64_t begin = rank * part_, end = std::min(count, begin + part_);
        if (begin < end)
          visit_range(shards_[static_cast<std::size_t>(shard)], first + begin, end - begin,
                      [&](const at::Tensor& piece, std::int64_t place) {
                        out_[rank][shard].slice(0, place, place + piece.numel()).copy_(piece);
                      });
      }
    group_.all_to_all(in_, out_);
    std::vector<at::Tensor> parts;
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      for (std::int64_t shard = 0; shard < count_; ++shard) parts.push_back(in_[rank][shard]);
    add_in_order(std::move(parts), sum_);
    group_.all_gather(all_, sum_);
    visit_range(shards_[0], first, count, [&](const at::Tensor& piece, std::int64_t place) {
      piece.copy_(all_.slice(0, place, place + piece.numel()));
    });
  }

  ProcessGroup& group_;
  std::int64_t count_, part_ = 0;  // shards of this rank; values of a part
  std::vector<std::vector<at::Tensor>> shards_;
  at::Tensor out_, in_, sum_, all_;
};

// In buckets as well: one operation for many small tensors.
void sum_fast(ProcessGroup& group, const std::vector<std::vector<at::Tensor>>& of_shards,
              std::int64_t bucket, bool in_half) {
  for (std::size_t i = 0; i < of_shards[0].size(); ++i)
    for (std::size_t shard = 1; shard < of_shards.size(); ++shard)
      of_shards[0][i].add_(of_shards[shard][i]);
  const auto mine = flat(of_shards[0]);
  const std::int64_t values = values_in(mine);
  auto options = sent_options(mine[0]);
  if (in_half) options = options.dtype(at::kBFloat16);
  const at::Tensor buffer = at::empty({std::min(bucket, values)}, options);
  for (std::int64_t first = 0; first < values; first += buffer.numel()) {
    const std::int64_t count = std::min(buffer.numel(), values - first);
    const at::Tensor part = buffer.slice(0, 0, count);
    visit_range(mine, first, count, [&](const at::Tensor& piece, std::int64_t place) {
      part.slice(0, place, place + piece.numel()).copy_(piece);
    });
    group.sum(part);
    visit_range(mine, first, count, [&](const at::Tensor& piece, std::int64_t place) {
      piece.copy_(part.slice(0, place, place + piece.numel()));
    });
  }
}

}  // namespace

Reduce reduce_named(const std::string& name) {
  for (const Reduce reduce : {Reduce::exact, Reduce::fast, Reduce::fast_bfloat16})
    if (name == name_of(reduce)) return reduce;
  throw InputError("--reduce", "", "exact, fast or fast-bf16", quoted(name));
}

std::string name_of(Reduce reduce) {
  return reduce == Reduce::exact ? "exact" : reduce == Reduce::fast ? "fast" : "fast-bf16";
}

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

std::vector<at::Tensor> summed_over_ranks(ProcessGroup& group,
                                          const std::vector<std::vector<at::Tensor>>& of_shards,
                                          Reduce reduce, std::int64_t bucket) {
  const at::NoGradGuard no_grad;
  if (bucket == 0) bucket = std::clamp<std::int64_t>(values_in(of_shards[0]) / 8, 1 << 18, 1 << 21);
  if (reduce == Reduce::exact)
    ExactSum(group, of_shards, bucket).run();
  else
    sum_fast(group, of_shards, bucket, reduce == Reduce::fast_bfloat16);
  return of_shards[0];
}

std::vector<double> of_all_shards(ProcessGroup& group, const std::vector<double>& mine) {
  const auto n = static_cast<std::int64_t>(mine.size());
  const at::Tensor all = at::empty({group.ranks() * n}, at::kDouble);
  group.all_gather(all, at::tensor(mine, at::kDouble));
  return {all.data_ptr<double>(), all.data_ptr<double>() + all.numel()};
}

}  // namespace permafrost
