// SPDX-License-Identifier: Apache-2.0
#include "models/network/expert_use.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/error.h"

namespace permafrost {
namespace {

double total_of(const std::vector<double>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

double occurring(const std::vector<double>& counts) {
  return static_cast<double>(
      std::count_if(counts.begin(), counts.end(), [](double c) { return c > 0; }));
}

}  // namespace

double entropy_of(const std::vector<double>& counts) {
  const double total = total_of(counts);
  double sum = 0;
  for (const double count : counts)
    if (count > 0) sum -= count / total * std::log2(count / total);
  return sum;
}

double mutual_information(const CountTable& table) {
  if (table.empty()) return 0;
  std::vector<double> rows, columns(table[0].size()), cells;
  for (const auto& row : table) {
    rows.push_back(total_of(row));
    for (std::size_t i = 0; i < row.size(); ++i) columns[i] += row[i];
    cells.insert(cells.end(), row.begin(), row.end());
  }
  const double total = total_of(rows);
  if (total == 0) return 0;
  const double by_chance =
      (occurring(rows) - 1) * (occurring(columns) - 1) / (2 * total * std::log(2.0));
  return std::max(0.0, entropy_of(rows) + entropy_of(columns) - entropy_of(cells) - by_chance);
}

ExpertUse::ExpertUse(std::int64_t experts, const std::array<int, 3>& grid)
    : experts_(experts), grid_(grid) {
  if (experts < 1) throw Error("expert use of a block without experts");
  const std::vector<double> none(static_cast<std::size_t>(experts));
  chosen_ = probability_ = none;
  by_place_.assign(static_cast<std::size_t>(grid[1] * grid[2]), none);
  by_frame_.assign(static_cast<std::size_t>(grid[0]), none);
}

void ExpertUse::add(const RoutedTokens& tokens, const std::vector<int>& labels) {
  const at::Tensor chosen = tokens.chosen.to(at::kCPU).contiguous();
  const at::Tensor p = tokens.probabilities.to(at::kCPU).to(at::kDouble);
  const std::int64_t clips = chosen.size(0), n = chosen.size(1), k = chosen.size(2);
  const std::int64_t places = std::int64_t{grid_[1]} * grid_[2];
  if (n != places * grid_[0] || p.size(2) != experts_)
    throw Error(c10::str("expert use: ", n, " tokens a clip and ", p.size(2), " experts, expected ",
                         places * grid_[0], " and ", experts_));
  tokens_ += static_cast<double>(clips * n);
  entropy_ += -at::xlogy(p, p).sum().item<double>() / std::log(2.0);
  const at::Tensor sums = p.flatten(0, 1).sum(0).contiguous();
  for (std::int64_t e = 0; e < experts_; ++e)
    probability_[static_cast<std::size_t>(e)] += sums.const_data_ptr<double>()[e];
  const auto* choice = chosen.const_data_ptr<std::int64_t>();
  for (std::int64_t b = 0; b < clips; ++b)
    for (std::int64_t t = 0; t < n; ++t, choice += k) {
      for (std::int64_t j = 0; j < k; ++j) ++chosen_[static_cast<std::size_t>(choice[j])];
      const auto first = static_cast<std::size_t>(choice[0]);
      ++by_place_[static_cast<std::size_t>(t % places)][first];
      ++by_frame_[static_cast<std::size_t>(t / places)][first];
      if (labels.empty()) continue;
      const auto label = static_cast<std::size_t>(labels[static_cast<std::size_t>(b)]);
      if (by_label_.size() <= label)
        by_label_.resize(label + 1, std::vector<double>(static_cast<std::size_t>(experts_)));
      ++by_label_[label][first];
    }
}

std::vector<double> ExpertUse::load() const {
  std::vector<double> shares = chosen_;
  const double total = std::max(1.0, total_of(chosen_));
  for (double& share : shares) share /= total;
  return shares;
}

double ExpertUse::largest_load() const {
  const auto shares = load();
  return *std::max_element(shares.begin(), shares.end()) * static_cast<double>(experts_);
}

int ExpertUse::dead() const {
  const auto shares = load();
  const double least = 0.1 / static_cast<double>(experts_);
  return static_cast<int>(
      std::count_if(shares.begin(), shares.end(), [&](double share) { return share < least; }));
}

double ExpertUse::entropy() const { return tokens_ > 0 ? entropy_ / tokens_ : 0; }
double ExpertUse::entropy_of_mean() const { return entropy_of(probability_); }

}  // namespace permafrost
