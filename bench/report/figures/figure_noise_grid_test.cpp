// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bench/records/record_folder.h"
#include "bench/report/figures/figures.h"
#include "bench/testing/test_messages.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace figure_noise_grid_test {

struct GridRow {
  std::string encoder;
  int right;        // of 20 test samples
  double held_out;  // share
};

Record record_of(const GridRow& row) {
  Record r;
  r.used_by = {{110, row.encoder, "motion", std::nullopt}};
  r.encoder = {.name = row.encoder,
               .source = "zoo denoiser",
               .sha256 = row.encoder,
               .spec = {{"family", "vjepa"}, {"width", 64}, {"depth", 4}}};
  r.task = {.name = "motion", .version = 1, .classes = 4};
  r.protocol = {{"name", "frozen"}, {"kind", "probe"}};
  r.selections = {{.learning_rate = 1e-3, .held_out_accuracy = {0.1, row.held_out}}};
  for (int i = 0; i < 20; ++i)
    r.predictions.push_back({"s" + std::to_string(i), 1, i < row.right ? 1 : 0, i});
  complete(r);
  return r;
}

class NoiseGrid : public testing::Test {
 protected:
  Figure figure_of(const std::vector<GridRow>& rows) const {
    TableSpec spec{.number = 110, .title = "Where"};
    spec.columns = {{.name = "motion", .task = "motion", .protocol = "frozen"}};
    std::vector<std::vector<TableCell>> inputs;
    for (const auto& row : rows) {
      spec.rows.push_back({.name = row.encoder, .encoder = row.encoder});
      const Record record = record_of(row);
      write_record(files_.path(), record);
      inputs.push_back({TableCell{.seeds = {record}}});
    }
    write_table(files_.path(), build_table(spec, {.suite = "denoiser", .seeds = 1}, inputs));
    const ResultsFolder folder = read_results_folder(files_.path());
    return noise_grid_figure(folder, folder.tables.at(0), "grid");
  }

 private:
  TestFolder files_;
};

TEST_F(NoiseGrid, HasAPanelForCleanAndForNoisedClips) {
  const Figure figure = figure_of({{"d at 0.1, 1 blocks", 8, 0.40},
                                   {"d at 0.1, 4 blocks", 10, 0.45},
                                   {"d at 0.4, 1 blocks", 9, 0.60},
                                   {"d at 0.4, 4 blocks", 18, 0.55},
                                   {"d at 0.4, 4 blocks, noised", 16, 0.70},
                                   {"random", 5, 0.9}});
  ASSERT_EQ(figure.panels.size(), 2U);
  EXPECT_EQ(figure.panels[0].title, "motion, clean");
  EXPECT_TRUE(holds(figure.panels[0].alt, "tau 0.4, 4 blocks, clean clips: 90.0 %"))
      << figure.panels[0].alt;
  EXPECT_FALSE(holds(figure.panels[0].alt, "80.0"));
  EXPECT_TRUE(holds(figure.panels[1].alt, "tau 0.4, 4 blocks, noised clips: 80.0 %"));
  // Chosen where no test sample is, and not among encoders of another kind.
  ASSERT_EQ(figure.notes.size(), 1U);
  EXPECT_TRUE(holds(figure.notes[0],
                    "columns: tau 0.4, 4 blocks, noised clips (70.0 %); tau 0.4, 1 block, clean"))
      << figure.notes[0];
}

TEST_F(NoiseGrid, IsNotDrawnOfOneLevelOrOfOtherEncoders) {
  const Figure one = figure_of({{"d at 0.1, 1 blocks", 8, 0.4}, {"d at 0.1, 4 blocks", 9, 0.4}});
  EXPECT_TRUE(one.panels.empty() && one.notes.empty());
  const Figure other = figure_of({{"pico/vjepa", 8, 0.4}, {"look at this, blocks", 9, 0.4}});
  EXPECT_TRUE(other.panels.empty() && other.notes.empty());
}

}  // namespace figure_noise_grid_test
}  // namespace permafrost
