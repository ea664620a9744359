// SPDX-License-Identifier: Apache-2.0
#include "models/processes/range_sum.h"

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
    if (begin >= first + count) return;
    const std::int64_t end = begin + tensor.numel();
    const std::int64_t from = std::max(begin, first), to = std::min(end, first + count);
    if (from < to) visit(tensor.slice(0, from - begin, to - begin), from - first);
    begin = end;
  }
}

void copy_range(const at::Tensor& to, const std::vector<at::Tensor>& flat, std::int64_t first,
                std::int64_t count) {
  visit_range(flat, first, count, [&](const at::Tensor& piece, std::int64_t place) {
    to.slice(0, place, place + piece.numel()).copy_(piece);
  });
}

void copy_back(const std::vector<at::Tensor>& flat, std::int64_t first, std::int64_t count,
               const at::Tensor& from) {
  visit_range(flat, first, count, [&](const at::Tensor& piece, std::int64_t place) {
    piece.copy_(from.slice(0, place, place + piece.numel()));
  });
}

class ExactSum : public RangeSum {
 public:
  ExactSum(ProcessGroup& group, int shards, std::int64_t bucket, const at::TensorOptions& values)
      : group_(group), count_(shards), part_((bucket + group.ranks() - 1) / group.ranks()) {
    const std::int64_t ranks = group.ranks();
    out_ = at::empty({ranks, count_, part_}, values);
    in_ = at::empty({ranks, count_, part_}, values);
    sum_ = at::empty({part_}, values);
    all_ = at::empty({ranks * part_}, values);
  }

  std::int64_t bucket() const override { return part_ * group_.ranks(); }

  void add(const FlatShards& shards, std::int64_t first, std::int64_t count) override {
    const std::int64_t ranks = group_.ranks();
    if (count < bucket()) out_.zero_();
    for (std::int64_t shard = 0; shard < count_; ++shard)
      for (std::int64_t rank = 0; rank < ranks; ++rank) {
        const std::int64_t begin = rank * part_, end = std::min(count, begin + part_);
        if (begin < end)
          copy_range(out_[rank][shard], shards[static_cast<std::size_t>(shard)], first + begin,
                     end - begin);
      }
    group_.all_to_all(in_, out_);
    sum_.copy_(in_[0][0]);
    for (std::int64_t i = 1; i < ranks * count_; ++i) sum_.add_(in_[i / count_][i % count_]);
    group_.all_gather(all_, sum_);
    copy_back(shards[0], first, count, all_);
  }

 private:
  ProcessGroup& group_;
  std::int64_t count_, part_;  // shards of this rank; values of a part
  at::Tensor out_, in_, sum_, all_;
};

class FastSum : public RangeSum {
 public:
  FastSum(ProcessGroup& group, std::int64_t bucket, const at::TensorOptions& sent)
      : group_(group), buffer_(at::empty({bucket}, sent)) {}

  std::int64_t bucket() const override { return buffer_.numel(); }

  void add(const FlatShards& shards, std::int64_t first, std::int64_t count) override {
    for (std::size_t shard = 1; shard < shards.size(); ++shard) {
      // Pieces of both shards are the same ranges of the same tensors.
      std::vector<at::Tensor> more;
      visit_range(shards[shard], first, count,
                  [&](const at::Tensor& piece, std::int64_t) { more.push_back(piece); });
      auto next = more.begin();
      visit_range(shards[0], first, count,
                  [&](const at::Tensor& piece, std::int64_t) { piece.add_(*next++); });
    }
    const at::Tensor part = buffer_.slice(0, 0, count);
    copy_range(part, shards[0], first, count);
    group_.sum(part);
    copy_back(shards[0], first, count, part);
  }

 private:
  ProcessGroup& group_;
  at::Tensor buffer_;
};

}  // namespace

Reduce reduce_named(const std::string& name) {
  for (const Reduce reduce : {Reduce::exact, Reduce::fast, Reduce::fast_bfloat16})
    if (name == name_of(reduce)) return reduce;
  throw InputError("--reduce", "", "exact, fast or fast-bf16", quoted(name));
}

std::string name_of(Reduce reduce) {
  return reduce == Reduce::exact ? "exact" : reduce == Reduce::fast ? "fast" : "fast-bf16";
}

std::unique_ptr<RangeSum> range_sum(ProcessGroup& group, Reduce reduce, int shards,
                                    std::int64_t bucket, const at::TensorOptions& values) {
  if (reduce == Reduce::exact) return std::make_unique<ExactSum>(group, shards, bucket, values);
  const bool halves = reduce == Reduce::fast_bfloat16;
  return std::make_unique<FastSum>(group, bucket, halves ? values.dtype(at::kBFloat16) : values);
}

}  // namespace permafrost
