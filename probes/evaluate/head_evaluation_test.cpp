// SPDX-License-Identifier: Apache-2.0
#include "probes/evaluate/head_evaluation.h"

#include "probes/encode/features.h"
#include "probes/evaluate/class_map.h"
#include "probes/testing/classifier_test_support.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace head_evaluation_test {

std::vector<std::int64_t> first(std::int64_t n) {
  std::vector<std::int64_t> samples;
  for (std::int64_t i = 0; i < n; ++i) samples.push_back(i);
  return samples;
}

Classifier three_classes(std::uint64_t seed = 1) {
  ClassifierSpec spec = small_classifier_spec();
  spec.classes = 3;
  return random_classifier(spec, seed, 0.25);
}

// Another crop of the same samples: darker.
class DarkerClips : public ColouredClips {
 public:
  using ColouredClips::ColouredClips;
  Sample read(std::int64_t index, int place, int places) const override {
    Sample sample = ColouredClips::read(index, place, places);
    for (auto& value : sample.clip.pixels) value = static_cast<std::uint8_t>(value / 4);
    return sample;
  }
};

TEST(HeadEvaluation, DoesNotDependOnThreadsOrChunks) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const ColouredClips source(37, encoder.spec.clip_shape(), {5});
  EvaluationInput input{.views = {&source}, .samples = first(37), .clips = 2, .chunk = 5};
  const HeadOutput one = evaluate_head(encoder, three_classes(), input, 1);
  EXPECT_EQ(one.probabilities.sizes(), (std::vector<std::int64_t>{37, 3}));
  for (const int threads : {2, 5})
    EXPECT_TRUE(evaluate_head(encoder, three_classes(), input, threads)
                    .probabilities.equal(one.probabilities));
  for (const std::int64_t chunk : {0, 1, 16, 100}) {
    input.chunk = chunk;
    const HeadOutput other = evaluate_head(encoder, three_classes(), input, 2);
    EXPECT_LT(largest_difference(other.probabilities, one.probabilities), 1e-5) << chunk;
    EXPECT_EQ(other.predictions, one.predictions);
    EXPECT_EQ(other.failures, one.failures);
  }
}

TEST(HeadEvaluation, AveragesProbabilitiesOverViewsAndAttendsAcrossClips) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Classifier head = three_classes();
  const ColouredClips bright(4, encoder.spec.clip_shape());
  const DarkerClips dark(4, encoder.spec.clip_shape());
  const HeadOutput out =
      evaluate_head(encoder, head, {.views = {&bright, &dark}, .samples = {3, 1}, .clips = 2}, 1);
  const auto tokens = [&](const ClipSource& source, std::int64_t index, int clip) {
    Sample sample = source.read(index, clip, 2);
    return encode(
        encoder.weights, encoder.spec,
        patchify(pixel_tensor(sample.clip.pixels.data(), 1, sample.clip.shape), encoder.spec));
  };
  const auto logits = [&](const ClipSource& source, std::int64_t index) {
    return classify(head.weights, head.spec,
                    at::cat({tokens(source, index, 0), tokens(source, index, 1)}, 1));
  };
  for (const std::int64_t place : {0, 1}) {
    const std::int64_t index = place == 0 ? 3 : 1;
    const at::Tensor a = logits(bright, index), b = logits(dark, index);
    const at::Tensor by_probability = (at::softmax(a, 1) + at::softmax(b, 1)) / 2;
    const at::Tensor by_logit = at::softmax((a + b) / 2, 1);
    EXPECT_LT(largest_difference(out.probabilities[place], by_probability[0]), 1e-5);
    EXPECT_GT(largest_difference(out.probabilities[place], by_logit[0]), 1e-3);
    EXPECT_EQ(out.predictions[static_cast<std::size_t>(place)],
              by_probability.argmax(1).item<int>());
  }
}

TEST(HeadEvaluation, AveragesOverClipsWhereTheyAreNotAttendedTogether) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Classifier head = three_classes();
  const ColouredClips source(3, encoder.spec.clip_shape());
  const HeadOutput out = evaluate_head(
      encoder, head,
      {.views = {&source}, .samples = {0, 1, 2}, .clips = 2, .attend_across_clips = false}, 1);
  at::Tensor expected = at::zeros({3});
  for (int clip = 0; clip < 2; ++clip) {
    Sample sample = source.read(1, clip, 2);
    const at::Tensor tokens =
        encode_pixels(encoder, pixel_tensor(sample.clip.pixels.data(), 1, sample.clip.shape));
    expected = expected + at::softmax(classify(head.weights, head.spec, tokens), 1)[0] / 2;
  }
  EXPECT_LT(largest_difference(out.probabilities[1], expected), 1e-5);
}

TEST(HeadEvaluation, JoinsTheLayersOfEachClip) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Classifier head = three_classes();
  const ColouredClips source(2, encoder.spec.clip_shape());
  const HeadOutput last =
      evaluate_head(encoder, head, {.views = {&source}, .samples = {0, 1}, .layers = {1}}, 1);
  const HeadOutput plain = evaluate_head(encoder, head, {.views = {&source}, .samples = {0, 1}}, 1);
  EXPECT_LT(largest_difference(last.probabilities, plain.probabilities), 1e-6);
  const HeadOutput both =
      evaluate_head(encoder, head, {.views = {&source}, .samples = {0, 1}, .layers = {0, 1}}, 1);
  EXPECT_GT(largest_difference(both.probabilities, plain.probabilities), 1e-4);
}

TEST(HeadEvaluation, ReportsWhatCouldNotBeReadInAnyView) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const ColouredClips whole(9, encoder.spec.clip_shape());
  const ColouredClips broken(9, encoder.spec.clip_shape(), {2});
  const HeadOutput out =
      evaluate_head(encoder, three_classes(), {.views = {&whole, &broken}, .samples = first(9)}, 2);
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(out.failures[i], i == 2 ? "clip/2: broken" : "") << i;
    EXPECT_EQ(out.predictions[i] == -1, i == 2) << i;
  }
  EXPECT_EQ(out.probabilities[2].sum().item<float>(), 0);
  Classifier wild = three_classes();
  wild.weights.linear.bias[1] = std::nan("");
  EXPECT_TRUE(contains(
      evaluate_head(encoder, wild, {.views = {&whole}, .samples = {0}}, 1).failures[0], "finite"));
}

TEST(HeadEvaluation, RefusesAHeadOfAnotherWidthAndLeavesTheEncoderAsItWas) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const ColouredClips source(3, encoder.spec.clip_shape());
  ClassifierSpec spec = small_classifier_spec();
  spec.width = 32;
  EXPECT_TRUE(contains(input_error_of([&] {
                         evaluate_head(encoder, random_classifier(spec, 1),
                                       {.views = {&source}, .samples = {0}}, 1);
                       }),
                       "width: expected 16, that of encoder random-init, found 32"));
  Encoder changed = encoder;
  changed.sha256 = "another";
  EXPECT_THROW(evaluate_head(changed, three_classes(), {.views = {&source}, .samples = {0}}, 1),
               Error);
}

TEST(ClassMap, MatchesByNameWhateverTheOrder) {
  const ClassMap map = match_classes({"Riding bike", "abseiling", "tai chi"}, 3,
                                     {"abseiling", "tai_chi", "riding  BIKE"}, 3, "head");
  EXPECT_TRUE(map.by_name);
  EXPECT_TRUE(map.moves());
  EXPECT_EQ(map.task_class, (std::vector<int>{2, 0, 1}));
  EXPECT_FALSE(match_classes({}, 3, {"a", "b", "c"}, 3, "head").moves());
}

TEST(ClassMap, ListsTheNamesThatOneSideLacks) {
  const std::string error = input_error_of([] {
    match_classes({"a", "b"}, 2, {"b", "c", "d"}, 3, "h.pt");
  });
  EXPECT_EQ(error,
            "h.pt: class names: expected the same in head and task, found not in the task: \"a\"; "
            "not in the head: \"c\", \"d\"");
  EXPECT_TRUE(contains(input_error_of([] {
                         match_classes({"a", "A"}, 2, {"a"}, 1, "h");
                       }),
                       "each once, found \"a\" and \"A\""));
  EXPECT_TRUE(contains(input_error_of([] { match_classes({}, 400, {}, 174, "h"); }),
                       "classes: expected 174, those of the task, found 400"));
}

}  // namespace head_evaluation_test
}  // namespace permafrost
