// SPDX-License-Identifier: Apache-2.0
// A denoiser at one noise level as an encoder of a suite.
#include <nlohmann/json.hpp>

#include "bench/run/plan.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/denoiser_file.h"
#include "models/testing/toy_denoiser.h"

namespace permafrost {
namespace denoiser_choice_test {

class DenoiserChoice : public testing::Test {
 protected:
  DenoiserChoice() {
    Denoiser denoiser{.spec = toy::denoiser_spec()};
    denoiser.weights = toy::denoiser(denoiser.spec);
    denoiser.space = unmeasured_space(SpaceKind::pca, 5, denoiser.spec.network.patch_values());
    write_safetensors(folder_ / "t/wet.denoiser.safetensors", denoiser_tensors(denoiser),
                      denoiser_metadata(denoiser));
    ::setenv("PERMAFROST_ZOO", folder_.path().c_str(), 1);
  }
  ~DenoiserChoice() override { ::unsetenv("PERMAFROST_ZOO"); }

  static Suite suite_of(const Json& encoders) {
    return parse_suite({{"suite", "s"},
                        {"encoders", encoders},
                        {"tasks",
                         {{{"name", "motion"},
                           {"kind", "synthetic"},
                           {"world", "motion"},
                           {"train", 8},
                           {"test", 8}}}},
                        {"protocols", {{"p", Json::object()}}}},
                       "s.json");
  }
  static Json wet(double time, int blocks) {
    return {{"denoiser", "t/wet"}, {"time", time}, {"blocks", blocks}};
  }
  static Encoder opened(const Suite& suite, const std::string& name, std::string& unavailable) {
    return open_encoder(suite, encoder_of(suite, name), unavailable);
  }

  const TestFolder folder_;
};

TEST_F(DenoiserChoice, IsTheEncoderAtThatLevel) {
  const Suite suite = suite_of(
      {{"a", wet(0.1, 2)}, {"b", wet(0.3, 2)}, {"all", {{"denoiser", "t/wet"}, {"time", 0.1}}}});
  std::string unavailable;
  const Encoder a = opened(suite, "a", unavailable);
  EXPECT_EQ(unavailable, "");
  EXPECT_EQ(a.spec.depth, 2);
  EXPECT_EQ(a.name, "t/wet at 0.1, 2 blocks");
  EXPECT_EQ(a.source, "zoo denoiser");
  EXPECT_EQ(a.sha256, encoder_at(load_denoiser("t/wet", "test"), {0.1, 2}, "test").sha256);
  EXPECT_NE(a.sha256, opened(suite, "b", unavailable).sha256);
  EXPECT_EQ(opened(suite, "all", unavailable).spec.depth, 3);
  // By its path as well.
  const Suite by_path = suite_of({{"a",
                                   {{"denoiser", (folder_ / "t/wet.denoiser.safetensors").string()},
                                    {"time", 0.1},
                                    {"blocks", 2}}}});
  EXPECT_EQ(opened(by_path, "a", unavailable).sha256, a.sha256);
}

TEST_F(DenoiserChoice, OfSeveralPretrainingsSeedsTakeTurns) {
  const Suite suite = suite_of({{"a", {wet(0.1, 2), wet(0.1, 3)}}});
  EXPECT_EQ(encoder_for_seed(suite, "a", 2).name, "a (pretraining 2)");
  EXPECT_EQ(encoder_for_seed(suite, "a", 2).frozen.blocks, 3);
  EXPECT_EQ(encoder_for_seed(suite, "a", 3).frozen.blocks, 2);
}

// Noise on the input is part of the spec, and so of every cell's key.
TEST_F(DenoiserChoice, MaySeeItsClipsNoised) {
  Json noised = wet(0.1, 2);
  noised["noised"] = true;
  const Suite suite = suite_of({{"a", noised}, {"b", wet(0.1, 2)}});
  std::string unavailable;
  const Encoder a = opened(suite, "a", unavailable), b = opened(suite, "b", unavailable);
  EXPECT_EQ(a.name, "t/wet at 0.1, 2 blocks, noised");
  EXPECT_EQ(a.spec.input_noise, 0.1);
  EXPECT_EQ(a.spec.noise_components, 5);
  EXPECT_FALSE(to_json(b.spec).contains("input_noise"));
  EXPECT_EQ(read_encoder_spec(to_json(a.spec), "test").input_noise, 0.1);
  const auto key = [](const Encoder& encoder) {
    Record record;
    record.encoder = {encoder.name, encoder.source, encoder.sha256, to_json(encoder.spec)};
    return key_of(record);
  };
  EXPECT_NE(key(a), key(b));
  // Random weights like it are those of a network that sees clips as they are.
  EXPECT_EQ(random_encoder(a.spec, 1).spec.input_noise, 0);
}

TEST_F(DenoiserChoice, IsFoundAgainByItsName) {
  for (const FrozenAt& at : {FrozenAt{0.1, 2, false}, FrozenAt{0.02, 13, true}, FrozenAt{1, 1}}) {
    const auto name = frozen_name(text_of({"look at/this", at}));
    ASSERT_TRUE(name.has_value());
    EXPECT_EQ(name->denoiser, "look at/this");
    EXPECT_EQ(name->at.tau, at.tau);
    EXPECT_EQ(name->at.blocks, at.blocks);
    EXPECT_EQ(name->at.noised, at.noised);
  }
  for (const char* other : {"pico/vjepa-multiblock", "a at b", "a at 0.1, 2 block", ""})
    EXPECT_FALSE(frozen_name(other).has_value()) << other;
}

TEST_F(DenoiserChoice, SaysWhichFileIsNotThere) {
  const Suite suite = suite_of({{"a", {{"denoiser", "t/dry"}, {"time", 0.1}}}});
  std::string unavailable;
  opened(suite, "a", unavailable);
  EXPECT_TRUE(contains(unavailable, "no denoiser file ") &&
              contains(unavailable, "t/dry.denoiser.safetensors"))
      << unavailable;
}

TEST_F(DenoiserChoice, IsReadStrictly) {
  const auto refusal = [](const Json& encoder) {
    return input_error_of([&] { suite_of({{"a", encoder}}); });
  };
  EXPECT_TRUE(contains(refusal({{"denoiser", "t/wet"}}), "time"));
  EXPECT_TRUE(contains(refusal(wet(1.2, 2)), "time: expected a number"));
  EXPECT_TRUE(contains(refusal(wet(0.2, 0)), "blocks"));
  Json typo = wet(0.2, 2);
  typo["block"] = 2;
  EXPECT_TRUE(contains(refusal(typo), "nearest valid key: \"blocks\""));
  EXPECT_TRUE(contains(input_error_of([&] {
                         std::string unavailable;
                         opened(suite_of({{"a", wet(0.2, 4)}}), "a", unavailable);
                       }),
                       "blocks: expected 1 to 3, which the denoiser has, found 4"));
}

// A file that is no denoiser, and a denoiser where an encoder is expected.
TEST_F(DenoiserChoice, TakesDenoisersForNothingElse) {
  EXPECT_EQ(zoo_names(), std::vector<std::string>());
  EXPECT_EQ(zoo_denoiser_names(), std::vector<std::string>{"t/wet"});
  const std::string file = (folder_ / "t/wet.denoiser.safetensors").string();
  EXPECT_TRUE(contains(input_error_of([&] { load_encoder_file(file); }),
                       "metadata format: expected an encoder, found a denoiser (permafrost convert "
                       "--time TAU makes an encoder of it)"));
  EXPECT_TRUE(contains(input_error_of([&] { load_encoder("t/wet", "--encoder"); }),
                       "--encoder: expected a zoo name"));
  EXPECT_TRUE(contains(input_error_of([&] { load_encoder("t/wet", "--encoder"); }),
                       "a denoiser has that name: permafrost convert --time TAU"));
  Encoder encoder = random_encoder(toy::denoiser_spec().network, 1);
  save_encoder(folder_ / "plain.safetensors", encoder.weights, encoder.spec, {}, false);
  const std::string plain = (folder_ / "plain.safetensors").string();
  EXPECT_TRUE(contains(input_error_of([&] { load_denoiser(plain, "--encoder"); }),
                       plain + ": metadata format: expected \"permafrost.denoiser.1\", found "
                               "\"permafrost.encoder.1\""));
  EXPECT_TRUE(contains(input_error_of([&] { load_denoiser("t/wett", "--encoder"); }),
                       "nearest name: \"t/wet\""));
}

}  // namespace denoiser_choice_test
}  // namespace permafrost
