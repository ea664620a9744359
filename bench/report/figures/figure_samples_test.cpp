// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bench/report/figures/figures.h"
#include "bench/testing/test_messages.h"
#include "common/files/files.h"
#include "common/files/png.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace figure_samples_test {

constexpr const char* kSamples = R"({"denoiser": "pico/denoise-d8", "solver": "euler", "steps": 50,
    "seed": 7, "frames": 8, "height": 48, "width": 48, "fps": 8, "coding": "lossless"})";

TEST(SamplesFigure, ShowsTheSheetOfTheFolder) {
  const TestFolder files;
  std::filesystem::create_directories(files / "samples");
  write_file_atomically(files / "samples" / "samples.json", kSamples);
  write_png(files / "samples" / "sheet.png", Image(30, 20, 9));
  const Figure figure = samples_figure({.path = files.path()});
  ASSERT_EQ(figure.panels.size(), 1U);
  EXPECT_EQ(figure.panels[0].width, 30);
  EXPECT_EQ(figure.panels[0].height, 20);
  EXPECT_TRUE(holds(figure.panels[0].svg, "data:image/png;base64,iVBOR"));
  EXPECT_TRUE(holds(figure.caption, "pico/denoise-d8 made out of noise: euler, 50 steps, seed 7"));
}

TEST(SamplesFigure, IsLeftOutOrSaysWhatIsWrong) {
  const TestFolder files;
  EXPECT_TRUE(samples_figure({.path = files.path()}).notes.empty());
  std::filesystem::create_directories(files / "samples");
  write_file_atomically(files / "samples" / "samples.json", kSamples);
  write_file_atomically(files / "samples" / "sheet.png",
                        "no picture, but as long as the head of one");
  const Figure figure = samples_figure({.path = files.path()});
  EXPECT_TRUE(figure.panels.empty());
  ASSERT_EQ(figure.notes.size(), 1U);
  EXPECT_TRUE(holds(figure.notes[0], "sheet.png: expected a PNG file")) << figure.notes[0];
}

}  // namespace figure_samples_test
}  // namespace permafrost
