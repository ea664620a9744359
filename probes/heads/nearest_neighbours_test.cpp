// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/nearest_neighbours.h"

#include <cmath>

#include "common/random.h"
#include "models/network/layers/linear.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace nearest_neighbours_test {

at::Tensor classes_of(std::initializer_list<std::int64_t> labels) {
  return at::tensor(std::vector<std::int64_t>(labels), at::kLong);
}

TEST(NearestNeighbours, VotesAreTheFormulaWrittenOut) {
  const at::Tensor bank =
      at::tensor({1.0F, 0.0F, 0.8F, 0.6F, 0.0F, 5.0F, -1.0F, 0.0F}).view({4, 2});
  const at::Tensor query = at::tensor({3.0F, 0.0F}).view({1, 2});
  const at::Tensor votes = neighbour_votes(bank, classes_of({0, 1, 1, 2}), query, {1, 3, 4}, 3);
  // Similarities 1, 0.8, 0 and -1: lengths do not count.
  const double w[] = {std::exp(1 / 0.07), std::exp(0.8 / 0.07), 1, std::exp(-1 / 0.07)};
  const double sum = w[0] + w[1] + w[2] + w[3];
  const at::Tensor expected = at::tensor({w[0] / sum, 0.0, 0.0,                  //
                                          w[0] / sum, (w[1] + w[2]) / sum, 0.0,  //
                                          w[0] / sum, (w[1] + w[2]) / sum, w[3] / sum})
                                  .view({3, 1, 3});
  EXPECT_LT(largest_difference(votes, expected), 1e-6);
}

TEST(NearestNeighbours, NearOnesOutweighMany) {
  // One neighbour at similarity 1 against two at 0.8: exp(0.2 / 0.07) is 17.
  const at::Tensor bank = at::tensor({1.0F, 0.0F, 0.8F, 0.6F, 0.8F, -0.6F}).view({3, 2});
  const at::Tensor votes =
      neighbour_votes(bank, classes_of({1, 0, 0}), at::tensor({1.0F, 0.0F}).view({1, 2}), {3}, 2);
  EXPECT_EQ(votes[0][0].argmax().item<int>(), 1);
}

TEST(NearestNeighbours, TakesTheWholeBankWhereThereAreFewer) {
  const at::Tensor bank = at::eye(3);
  const at::Tensor all = neighbour_votes(bank, classes_of({0, 1, 2}), bank, {200, 3}, 3);
  EXPECT_TRUE(all[0].equal(all[1]));
  EXPECT_TRUE(all[0].argmax(1).equal(classes_of({0, 1, 2})));
}

TEST(NearestNeighbours, ChunksOfQueriesChangeNothing) {
  RandomStream stream({.seed = 1, .purpose = "test"});
  const at::Tensor bank = normal_tensor({50, 6}, 1, stream);
  const at::Tensor queries = normal_tensor({600, 6}, 1, stream);
  std::vector<std::int64_t> labels;
  for (int i = 0; i < 50; ++i) labels.push_back(i % 4);
  const at::Tensor known = at::tensor(labels, at::kLong);
  const at::Tensor votes = neighbour_votes(bank, known, queries, {5}, 4);
  for (const std::int64_t i : {0, 255, 256, 599})
    EXPECT_LT(
        largest_difference(neighbour_votes(bank, known, queries.slice(0, i, i + 1), {5}, 4)[0][0],
                           votes[0][i]),
        1e-6);
  EXPECT_EQ(neighbour_votes(bank, known, queries.slice(0, 0, 0), {5}, 4).size(1), 0);
}

}  // namespace nearest_neighbours_test
}  // namespace permafrost
