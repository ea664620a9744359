// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bench/report/figures/figures.h"
#include "bench/testing/test_messages.h"

namespace permafrost {
namespace figure_learning_test {

struct LearningRow {
  std::string name;
  int right;  // of 20 test samples
  std::optional<SeenClips> seen;
  bool floor = false;
};

Record record_of(const LearningRow& row) {
  Record r;
  r.encoder = {
      .name = row.name, .source = "file", .sha256 = row.name, .spec = {{"family", "vjepa"}}};
  r.task = {.name = "motion", .version = 1, .classes = 4};
  r.protocol = {{"name", "frozen"}, {"kind", "probe"}};
  for (int i = 0; i < 20; ++i)
    r.predictions.push_back({"s" + std::to_string(i), 1, i < row.right ? 1 : 0, i});
  complete(r);
  return r;
}

Figure figure_of(const std::vector<LearningRow>& rows) {
  TableSpec spec{.number = 112, .title = "How long"};
  spec.columns = {{.name = "motion", .task = "motion", .protocol = "frozen"}};
  std::vector<std::vector<TableCell>> inputs;
  std::vector<std::optional<SeenClips>> seen;
  for (const auto& row : rows) {
    spec.rows.push_back({.name = row.name, .encoder = row.name, .floor = row.floor});
    inputs.push_back({TableCell{.seeds = {record_of(row)}}});
    seen.push_back(row.seen);
  }
  return learning_figure(build_table(spec, {.suite = "pico", .seeds = 1}, inputs), "learning",
                         seen);
}

TEST(LearningFigure, HasACurveForEveryRecipeInOrderOfClips) {
  const Figure figure = figure_of({{"b", 12, SeenClips{"vjepa, multiblock", 80'000}},
                                   {"a", 8, SeenClips{"vjepa, multiblock", 10'000}},
                                   {"c", 10, SeenClips{"denoise", 9'984}},
                                   {"d", 18, SeenClips{"denoise", 1'000'000}},
                                   {"random (floor)", 6, std::nullopt, true}});
  ASSERT_EQ(figure.panels.size(), 1U);
  EXPECT_TRUE(holds(figure.panels[0].alt, "vjepa, multiblock: 40.0 after 10 k 60.0 after 80 k"))
      << figure.panels[0].alt;
  EXPECT_TRUE(holds(figure.panels[0].alt, "denoise: 50.0 after 10 k 90.0 after 1 M"));
  EXPECT_TRUE(holds(figure.panels[0].alt, "random (floor): 30.0"));
  EXPECT_FALSE(holds(figure.panels[0].svg, "9.984"));
  ASSERT_EQ(figure.legend.size(), 2U);
  EXPECT_NE(figure.legend[0].ink, figure.legend[1].ink);
}

TEST(LearningFigure, IsNotDrawnWithoutTwoPointsOfOneRecipe) {
  EXPECT_TRUE(figure_of({{"a", 8, SeenClips{"vjepa", 10'000}},
                         {"b", 8, SeenClips{"vjepa", 10'000}},
                         {"c", 8, SeenClips{"denoise", 80'000}},
                         {"d", 8, std::nullopt}})
                  .panels.empty());
}

}  // namespace figure_learning_test
}  // namespace permafrost
