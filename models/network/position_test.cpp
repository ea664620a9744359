// SPDX-License-Identifier: Apache-2.0
#include "models/network/position.h"

#include <cmath>
#include <utility>
#include <vector>

#include "models/testing/test_support.h"

namespace permafrost {
namespace position_test {

struct Golden {
  int width, side;
  double sum, plain_sum;
  std::vector<std::pair<int, double>> cells;  // of token (3,5,7)
};

// Golden values of the reference (fp32 table, sums in float64), 8 steps of time.
const Golden kGolden[] = {
    {1024,
     14,
     754948.136587,
     763796.829925,
     {{0, .1411200},
      {1, .2944721},
      {171, -.9899925},
      {342, -.9589243},
      {343, -.9996768},
      {513, .2836622},
      {684, .6569866},
      {685, .3426696},
      {1023, .9999996}}},
    {1280,
     14,
     942925.320720,
     955225.191731,
     {{1, .2647749},
      {428, -.9589243},
      {429, -.9970384},
      {856, .6569866},
      {857, .4095248},
      {1279, .9999996}}},
    {1280,
     24,
     2661198.392755,
     2724900.089567,
     {{1, .2647749},
      {428, -.9589243},
      {429, -.9970384},
      {856, .6569866},
      {857, .4095248},
      {1279, .9999996}}},
    {384,
     14,
     282557.421731,
     285268.970407,
     {{1, .5173057}, {129, -.9277093}, {257, -.2196299}, {383, .9999997}}},
    {192, 14, 140436.373046, 141860.733931, {{1, .7782725}, {65, -.5711272}, {129, -.8593135}}},
};

TEST(Position, MatchesTheGoldenTables) {
  double worst_cell = 0, worst_sum = 0;
  for (const auto& golden : kGolden) {
    const int side = golden.side;
    const at::Tensor table = sincos_positions(golden.width, 8, side, side, true);
    ASSERT_EQ(table.sizes(), (std::vector<std::int64_t>{1, 8L * side * side, golden.width}));
    const at::Tensor row = table[0][(3 * side + 5) * side + 7];
    for (const auto& [column, value] : golden.cells)
      worst_cell = std::max(worst_cell, std::abs(row[column].item<double>() - value));
    const auto sum = [](const at::Tensor& t) { return t.sum(at::kDouble).item<double>(); };
    const at::Tensor plain = sincos_positions(golden.width, 8, side, side, false);
    worst_sum = std::max(
        {worst_sum, std::abs(sum(table) - golden.sum), std::abs(sum(plain) - golden.plain_sum)});
  }
  EXPECT_LT(worst_cell, 1e-6);
  EXPECT_LT(worst_sum, 1e-6);
  RecordProperty("worst_cell", std::to_string(worst_cell * 1e9) + "e-9");
  RecordProperty("worst_sum", std::to_string(worst_sum * 1e9) + "e-9");
}

TEST(Position, OrdersTimeHeightWidthOnAGridThatIsNotSquare) {
  const at::Tensor table = sincos_positions(24, 2, 3, 5, true);
  for (int t = 0; t < 2; ++t)
    for (int h = 0; h < 3; ++h)
      for (int w = 0; w < 5; ++w) {
        const at::Tensor row = table[0][(t * 3 + h) * 5 + w];
        EXPECT_FLOAT_EQ(row[0].item<float>(), std::sin(static_cast<float>(t)));
        EXPECT_FLOAT_EQ(row[4].item<float>(), std::cos(static_cast<float>(t)));
        EXPECT_FLOAT_EQ(row[8].item<float>(), std::sin(static_cast<float>(h)));
        EXPECT_FLOAT_EQ(row[16].item<float>(), std::sin(static_cast<float>(w)));
      }
}

TEST(Position, CutsTheLastColumnsOfAUniformTable) {
  // 16 wants 6 columns an axis: 18, of which the last two cosines of the width axis go.
  const at::Tensor cut = sincos_positions(16, 2, 3, 3, true);
  const at::Tensor whole = sincos_positions(18, 2, 3, 3, true);
  EXPECT_TRUE(cut.equal(whole.slice(2, 0, 16)));
}

TEST(Position, GivesTimeHalfOfATableThatIsNotUniform) {
  const at::Tensor row = sincos_positions(16, 2, 3, 3, false)[0][(1 * 3 + 2) * 3 + 1];
  EXPECT_FLOAT_EQ(row[0].item<float>(), std::sin(1.0F));
  EXPECT_FLOAT_EQ(row[8].item<float>(), std::sin(2.0F));
  EXPECT_FLOAT_EQ(row[12].item<float>(), std::sin(1.0F));
}

TEST(Position, RefusesWidthsThatDoNotShareOut) {
  for (const int width : {10, 12, 20}) {
    const std::string text = input_error_of([&] { sincos_positions(width, 2, 2, 2, false); });
    EXPECT_TRUE(contains(text, "multiple of 8")) << text;
    EXPECT_NO_THROW(sincos_positions(width, 2, 2, 2, true));
  }
}

}  // namespace position_test
}  // namespace permafrost
