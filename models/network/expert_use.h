// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which tokens go to which experts of a block, counted over clips: whether the load is even, and
// whether an expert's tokens have something in common.
//
//   ExpertUse use(8, {4, 6, 6});
//   use.add(routes[0], labels);          // of a batch of clips
//   use.information_on_place();          // bits
#include <array>
#include <cstdint>
#include <vector>

#include "models/network/layers/block_trace.h"

namespace permafrost {

// Counts of pairs, a row for each value of one thing.
using CountTable = std::vector<std::vector<double>>;

// Entropy in bits of counts or probabilities, which need not sum to 1; 0 where all are 0.
double entropy_of(const std::vector<double>& counts);
// Mutual information of rows and columns in bits, less what n independent pairs would have on
// average by chance, (rows - 1) (columns - 1) / (2 n ln 2) over rows and columns that occur; at
// least 0. Source: Miller 1955, Madow 1948.
double mutual_information(const CountTable& table);

class ExpertUse {
 public:
  // `grid`: tokens of a clip over time, height and width. Throws Error where `experts` is 0.
  ExpertUse(std::int64_t experts, const std::array<int, 3>& grid);

  // Tokens of clips [B,N,...], N that of the grid; waits for their device. A label a clip, from 0,
  // or none. Throws Error for tokens that are not the grid's.
  void add(const RoutedTokens& tokens, const std::vector<int>& labels = {});

  std::int64_t experts() const { return experts_; }
  // Share of all choices that fell on every expert.
  std::vector<double> load() const;
  double largest_load() const;  // over the mean load: 1 where it is even
  // Experts whose load is below a tenth of the mean.
  int dead() const;
  double entropy() const;          // of a token's probabilities, the mean over tokens; bits
  double entropy_of_mean() const;  // of the mean of the probabilities; at most log2 E
  // Mutual information of a token's first choice with where, when and in a clip of which label it
  // stands, bits.
  double information_on_place() const { return mutual_information(by_place_); }
  double information_on_frame() const { return mutual_information(by_frame_); }
  double information_on_label() const { return mutual_information(by_label_); }
  // First choices: a row for every time step of the grid, for every label.
  const CountTable& by_frame() const { return by_frame_; }
  const CountTable& by_label() const { return by_label_; }

 private:
  std::int64_t experts_;
  std::array<int, 3> grid_;
  double tokens_ = 0, entropy_ = 0;
  std::vector<double> chosen_, probability_;
  CountTable by_place_, by_frame_, by_label_;
};

}  // namespace permafrost
