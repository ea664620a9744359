// SPDX-License-Identifier: Apache-2.0
// evaluate_task on video files: a paper's protocol from the recipe down to the pixels.
#include "bench/evaluate/evaluation.h"
#include "common/files/files.h"
#include "datasets/clips/source.h"
#include "datasets/packing/pack_writer.h"
#include "datasets/testing/test_video.h"
#include "probes/encode/features.h"
#include "probes/testing/classifier_test_support.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace evaluation_video_test {

// Wide frames, brighter to the right and with time.
TestVideo ramp(int base) {
  TestVideo video;
  for (int t = 0; t < 40; ++t) {
    TestImage image = flat_image(20, 60, base, 2 * base, 30);
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
      image.rgb[i] =
          static_cast<std::uint8_t>(image.rgb[i] + i / 3 % 60 + 2 * static_cast<std::size_t>(t));
    video.frames.push_back(std::move(image));
  }
  return video;
}

struct Videos {
  TestFolder folder;
  EvaluationOptions options;
  Videos() {
    std::string lines;
    for (const int k : {0, 1, 2}) {
      const std::string name = std::to_string(k) + ".mov";
      write_test_video(folder / name, ramp(10 + 20 * k));
      lines += name + " " + std::to_string(k) + "\n";
    }
    write_file_atomically(folder / "damaged.mov", "this is no video");
    write_file_atomically(folder / "clips.csv", lines + "damaged.mov 1\n");
    options.task = {
        .name = "ramps", .kind = TaskKind::manifest, .manifest = "clips.csv", .folds = 2};
    options.data = folder.path();
    options.execution.quiet = true;
  }
};

Classifier three_classes() {
  ClassifierSpec spec = small_classifier_spec();
  spec.classes = 3;
  return random_classifier(spec, 1, 0.25);
}

TEST(EvaluationOfVideos, ShowsEveryViewAndClipOfTheRecipe) {
  Videos videos;
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Classifier head = three_classes();
  videos.options.recipe = "ssv2_16x2x3";
  videos.options.set = {"frames=4"};
  const Evaluation e = evaluate_task(encoder, head, videos.options);
  EXPECT_EQ(e.protocol.views, 3);
  EXPECT_EQ(e.protocol.clips, 2);
  for (int k = 0; k < 3; ++k) {
    at::Tensor expected = at::zeros({3});
    for (int view = 0; view < 3; ++view) {
      std::vector<at::Tensor> tokens;
      for (int clip = 0; clip < 2; ++clip) {
        Clip shown = read_clip(
            (videos.folder / (std::to_string(k) + ".mov")).string(),
            {.shape = {4, 16, 16}, .frame_step = 4, .antialias = false, .view = view, .views = 3},
            clip, 2);
        tokens.push_back(encode_pixels(encoder, pixel_tensor(shown.pixels.data(), 1, shown.shape)));
      }
      const at::Tensor logits = classify(head.weights, head.spec, at::cat(tokens, 1));
      expected = expected + at::softmax(logits, 1)[0] / 3;
    }
    const auto place = static_cast<std::size_t>(k);
    EXPECT_EQ(e.predictions[place].predicted, expected.argmax().item<int>());
    EXPECT_NEAR(e.confidence[place], expected.max().item<double>(), 1e-5);
  }
}

TEST(EvaluationOfVideos, ShowsEveryViewOfAPack) {
  Videos videos;
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Classifier head = three_classes();
  videos.options.recipe = "ssv2_16x2x3";
  videos.options.set = {"frames=4"};
  const Evaluation files = evaluate_task(encoder, head, videos.options);
  write_pack(read_manifest(videos.folder / "clips.csv"), "clips.csv", videos.folder / "pack",
             {.spec = {.short_side = 20}});
  videos.options.task.manifest = "pack";
  const Evaluation packed = evaluate_task(encoder, head, videos.options);
  EXPECT_EQ(packed.protocol.views, 3);
  ASSERT_EQ(packed.n(), files.n());
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_NEAR(packed.confidence[k], files.confidence[k], 1e-6) << k;
}

TEST(EvaluationOfVideos, CountsADamagedFileAsWrongAndNamesIt) {
  Videos videos;
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Evaluation e = evaluate_task(encoder, three_classes(), videos.options);
  EXPECT_EQ(e.recipe, "");
  EXPECT_EQ(e.n(), 4);
  EXPECT_DOUBLE_EQ(e.coverage(), 0.75);
  ASSERT_EQ(e.failures.size(), 1U);
  EXPECT_EQ(e.failures[0].sample, "damaged.mov");
  EXPECT_TRUE(contains(e.failures[0].reason, "damaged.mov"));
  EXPECT_EQ(e.predictions[3].predicted, -1);
  EXPECT_TRUE(contains(e.warnings.at(0), "1 of 4 samples could not be read"));
}

TEST(EvaluationOfVideos, TakesLabelsByNameWhateverTheManifestsOrder) {
  Videos videos;
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  Classifier head = three_classes();
  head.class_names = {"a b", "c", "d"};
  videos.options.task.class_names = {"d", "A_b", "C"};
  const Evaluation named = evaluate_task(encoder, head, videos.options);
  const Evaluation plain = evaluate_task(encoder, three_classes(), videos.options);
  const std::vector<int> map{1, 2, 0};
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(named.predictions[i].predicted,
              map[static_cast<std::size_t>(plain.predictions[i].predicted)]);
}

}  // namespace evaluation_video_test
}  // namespace permafrost
