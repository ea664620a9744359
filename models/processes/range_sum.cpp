// SPDX-License-Identifier: Apache-2.0
#include "models/processes/range_sum.h"

#include <ATen/ATen.h>

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

// Adds a range of shard `from` to that of shard `to`: pieces of both are the same ranges of the
// same tensors.
void add_range(const FlatShards& shards, std::int64_t to, std::int64_t from, std::int64_t first,
               std::int64_t count) {
  std::vector<at::Tensor> more;
  visit_range(shards[static_cast<std::size_t>(from)], first, count,
              [&](const at::Tensor& piece, std::int64_t) { more.push_back(piece); });
  auto next = more.begin();
  visit_range(shards[static_cast<std::size_t>(to)], first, count,
              [&](const at::Tensor& piece, std::int64_t) { piece.add_(*next++); });
}

class ExactSum : public RangeSum {
 public:
  ExactSum(ProcessGroup& group, const RangeSumOptions& options, const at::TensorOptions& values)
      : group_(group),
        addition_(options.addition),
        shards_(options.shards),
        part_((options.bucket + group.ranks() - 1) / group.ranks()) {
    const std::int64_t ranks = group.ranks();
    const std::int64_t sent = most_blocks(addition_, ranks * shards_, ranks);
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      blocks_.push_back(blocks_of(addition_, rank * shards_, shards_));
    out_ = at::empty({ranks, sent, part_}, values);
    in_ = at::empty({ranks, sent, part_}, values);
    all_ = at::empty({ranks * part_}, values);
  }

  std::int64_t bucket() const override { return part_ * group_.ranks(); }

  void add(const FlatShards& shards, std::int64_t first, std::int64_t count) override {
    add_blocks(shards, first, count);
    fill_out(shards, first, count);
    group_.all_to_all(in_, out_);
    group_.all_gather(all_, sum_of_blocks());
    copy_back(shards[0], first, count, all_);
  }

 private:
  std::size_t here() const { return static_cast<std::size_t>(group_.rank()); }

  // Each block of this rank into its first shard.
  void add_blocks(const FlatShards& shards, std::int64_t first, std::int64_t count) const {
    for (const auto& block : blocks_[here()]) {
      const std::int64_t begin = block.begin - group_.rank() * shards_;
      add_pairwise(block.size, [&](std::int64_t to, std::int64_t from) {
        add_range(shards, begin + to, begin + from, first, count);
      });
    }
  }

  void fill_out(const FlatShards& shards, std::int64_t first, std::int64_t count) {
    const auto& mine = blocks_[here()];
    if (count < bucket()) out_.zero_();
    for (std::int64_t rank = 0; rank < group_.ranks(); ++rank) {
      const std::int64_t begin = rank * part_, end = std::min(count, begin + part_);
      if (begin >= end) continue;
      for (std::size_t b = 0; b < mine.size(); ++b) {
        const auto shard = static_cast<std::size_t>(mine[b].begin - group_.rank() * shards_);
        copy_range(out_[rank][static_cast<std::int64_t>(b)], shards[shard], first + begin,
                   end - begin);
      }
    }
  }

  // Of what came in; item k of the sum is a block that begins with shard k, or within one.
  at::Tensor sum_of_blocks() {
    std::vector<at::Tensor> items(static_cast<std::size_t>(group_.ranks() * shards_));
    for (std::size_t rank = 0; rank < blocks_.size(); ++rank)
      for (std::size_t b = 0; b < blocks_[rank].size(); ++b)
        items[static_cast<std::size_t>(blocks_[rank][b].begin)] =
            in_[static_cast<std::int64_t>(rank)][static_cast<std::int64_t>(b)];
    add_all(addition_, static_cast<std::int64_t>(items.size()),
            [&](std::int64_t to, std::int64_t from) {
              const at::Tensor& more = items[static_cast<std::size_t>(from)];
              if (more.defined()) items[static_cast<std::size_t>(to)].add_(more);
            });
    return items[0];
  }

  ProcessGroup& group_;
  Addition addition_;
  std::int64_t shards_, part_;                   // of this rank; values of a part
  std::vector<std::vector<ShardBlock>> blocks_;  // of every rank
  at::Tensor out_, in_, all_;
};

class FastSum : public RangeSum {
 public:
  FastSum(ProcessGroup& group, std::int64_t bucket, const at::TensorOptions& sent)
      : group_(group), buffer_(at::empty({bucket}, sent)) {}

  std::int64_t bucket() const override { return buffer_.numel(); }

  void add(const FlatShards& shards, std::int64_t first, std::int64_t count) override {
    add_pairwise(static_cast<std::int64_t>(shards.size()), [&](std::int64_t to, std::int64_t from) {
      add_range(shards, to, from, first, count);
    });
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

std::unique_ptr<RangeSum> range_sum(ProcessGroup& group, const RangeSumOptions& options,
                                    const at::TensorOptions& values) {
  const bool two_numbers =
      group.ranks() == 2 && most_blocks(options.addition, 2 * options.shards, 2) == 1;
  if (options.reduce == Reduce::exact && !two_numbers)
    return std::make_unique<ExactSum>(group, options, values);
  const bool halves = options.reduce == Reduce::fast_bfloat16;
  return std::make_unique<FastSum>(group, options.bucket,
                                   halves ? values.dtype(at::kBFloat16) : values);
}

}  // namespace permafrost
