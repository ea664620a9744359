// SPDX-License-Identifier: Apache-2.0
// Pretraining on lists of files: what their labels and their missing files mean.
#include <nlohmann/json.hpp>

#include "common/files/files.h"
#include "common/files/png.h"
#include "models/encoders/encoder.h"
#include "models/pretraining/pretrain.h"
#include "models/testing/test_support.h"
#include "models/testing/toy_pretraining.h"

namespace permafrost {
namespace pretrain_real_clips_test {

PretrainResult run(const Json& json, const std::filesystem::path& out,
                   std::int64_t stop_after = 0) {
  return pretrain(read_pretrain_config(json, "tiny.json"), json,
                  {.out = out, .execution = {.quiet = true}, .stop_after = stop_after});
}

class PretrainOnRealClips : public testing::Test {
 protected:
  TestFolder folder_;
};

// Real clips, as pictures: a list of three files and `missing` that are not there.
Json with_real_clips(const std::filesystem::path& folder, int missing, const std::string& more) {
  std::string list;
  for (int k = 0; k < 3; ++k) {
    const std::string name = std::to_string(k) + ".png";
    write_png(folder / name, Image(24, 24, static_cast<std::uint8_t>(40 * k)));
    list += name + more + "\n";
  }
  for (int k = 0; k < missing; ++k) list += "gone" + std::to_string(k) + ".png" + more + "\n";
  write_file_atomically(folder / "list.txt", list);
  return toy_pretraining(
      {{"steps", 4},
       {"checkpoint_every", 2},
       {"real_clips", {{"manifest", (folder / "list.txt").string()}, {"share", 1}}}});
}

TEST_F(PretrainOnRealClips, LabelsOfListsPlayNoPart) {
  run(with_real_clips(folder_ / "clips", 0, ""), folder_ / "none");
  for (const char* label : {" 3", ",run", " run", " 0 -1"}) {
    const auto out = folder_ / ("label" + std::string(label));
    run(with_real_clips(folder_ / "clips", 0, label), out);
    EXPECT_EQ(log_of(out)[3]["loss"], log_of(folder_ / "none")[3]["loss"]) << label;
  }
}

TEST_F(PretrainOnRealClips, FilesThatAreMissingAreRefusedBeforeAnythingIsWritten) {
  const Json json = with_real_clips(folder_ / "clips", 7, " 0");
  const std::string text = input_error_of([&] { run(json, folder_ / "run"); });
  for (const char* part : {"list.txt:4", "7 of 10 missing", "gone0.png", "..."})
    EXPECT_TRUE(contains(text, part)) << text;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(PretrainOnRealClips, FilesThatAreMissingAreCountedWhereItIsAskedFor) {
  Json json = with_real_clips(folder_ / "clips", 7, " 0");
  json["real_clips"]["missing_files"] = "count";
  const PretrainResult part = run(json, folder_ / "run", 2);
  EXPECT_EQ(part.missing_files, 7);
  run(json, folder_ / "run");
  const auto log = log_of(folder_ / "run");
  ASSERT_EQ(log.size(), 5U);
  EXPECT_EQ(log[0]["event"], "missing_files");
  EXPECT_EQ(log[0]["lists"][0]["entries"], 10);
  EXPECT_EQ(log[0]["lists"][0]["missing"], 7);
  EXPECT_EQ(log[0]["lists"][0]["first_missing"].size(), 5U);
  const Json provenance = load_encoder_file(folder_ / "run/encoder.safetensors").provenance;
  EXPECT_EQ(provenance["missing_files"], log[0]["lists"]);
  // What is left is drawn as if the list named nothing else.
  json = with_real_clips(folder_ / "clips", 0, " 0");
  run(json, folder_ / "left");
  EXPECT_EQ(log_of(folder_ / "left")[3]["loss"], log[4]["loss"]);
}

TEST_F(PretrainOnRealClips, DoesNotGoOnWithOtherFiles) {
  Json json = with_real_clips(folder_ / "clips", 1, "");
  json["real_clips"]["missing_files"] = "count";
  run(json, folder_ / "run", 2);
  std::filesystem::remove(folder_ / "clips/2.png");
  const std::string text = input_error_of([&] { run(json, folder_ / "run"); });
  EXPECT_TRUE(contains(text, "have come or gone")) << text;
}

TEST_F(PretrainOnRealClips, AClipThatCannotBeReadEndsTheRunAndIsNamed) {
  const Json json = with_real_clips(folder_ / "clips", 0, "");
  for (int k = 0; k < 3; ++k)
    write_file_atomically(folder_ / "clips" / (std::to_string(k) + ".png"), "no picture");
  EXPECT_TRUE(contains(input_error_of([&] { run(json, folder_ / "run"); }), ".png"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/config.json"));
}

}  // namespace pretrain_real_clips_test
}  // namespace permafrost
