// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/report/figures/figures.h"
#include "bench/testing/test_messages.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace figure_experts_test {

using Json = nlohmann::json;

Json inspected(const std::string& task, const std::vector<double>& load) {
  return {{"name", "pico/experts"},
          {"features", {{"task", task}}},
          {"experts",
           {{{"block", 1},
             {"load", load},
             {"place", 0.25},
             {"frame", 0.5},
             {"label", nullptr},
             {"first_by_frame", {load, load}}}}}};
}

class ExpertsFigure : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(files_ / "experts");
    write_file_atomically(files_ / "experts" / name, text);
  }
  Figure figure() const { return experts_figure({.path = files_.path()}); }
  TestFolder files_;
};

TEST_F(ExpertsFigure, ShowsTasksAndTime) {
  write("a.json", inspected("scene", {0.5, 0.2, 0.3}).dump());
  write("b.json", inspected("motion", {0.1, 0.2, 0.7}).dump());
  const Figure drawn = figure();
  ASSERT_EQ(drawn.panels.size(), 2U);
  EXPECT_EQ(drawn.panels[0].title, "pico/experts, block 1, load by task");
  EXPECT_EQ(drawn.panels[0].alt, "motion: 10 20 70; scene: 50 20 30");
  EXPECT_EQ(drawn.panels[1].alt, "step 0: 30 20 50; step 1: 30 20 50");
  ASSERT_EQ(drawn.notes.size(), 1U);
  EXPECT_TRUE(holds(drawn.notes[0], "scene: place 0.25, frame 0.50")) << drawn.notes[0];
}

TEST_F(ExpertsFigure, IsLeftOutOrSaysWhatIsWrong) {
  EXPECT_TRUE(figure().panels.empty() && figure().notes.empty());
  write("a.json", R"({"name": "x"})");
  write("b.json", inspected("scene", {0.5, 1.5}).dump());
  Json other = inspected("scene", {0.5, 0.5});
  write("c.json", other.dump());
  other = inspected("motion", {0.5, 0.25, 0.25});
  write("d.json", other.dump());
  const Figure drawn = figure();
  EXPECT_TRUE(drawn.panels.empty());
  ASSERT_EQ(drawn.notes.size(), 3U);
  EXPECT_TRUE(holds(drawn.notes[0], "a.json: experts: expected")) << drawn.notes[0];
  EXPECT_TRUE(holds(drawn.notes[1], "shares from 0 to 1")) << drawn.notes[1];
  EXPECT_TRUE(holds(drawn.notes[2], "of different networks")) << drawn.notes[2];
}

}  // namespace figure_experts_test
}  // namespace permafrost
