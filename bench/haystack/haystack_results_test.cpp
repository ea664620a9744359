// SPDX-License-Identifier: Apache-2.0
// What lies under results/haystack is what a run left: means follow from the answers at every
// depth, tables from the means, and encoders are those of models/zoo.
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "common/files/csv.h"
#include "common/files/files.h"
#include "models/encoders/denoiser_file.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace haystack_results_test {
namespace fs = std::filesystem;

const fs::path kSource = PERMAFROST_SOURCE_DIR;

std::string sha256_of_encoder(const Json& result) {
  const std::string name = result.at("encoder"), source = result.at("encoder_source");
  if (const auto frozen = frozen_name(name))
    return encoder_at(load_denoiser(frozen->denoiser, name), frozen->at, name).sha256;
  if (source == "zoo") return load_encoder(name, name).sha256;
  if (name == "random-init")
    return random_encoder(read_encoder_spec(result.at("encoder_spec"), name), 1).sha256;
  return result.at("encoder_sha256");  // pixels, that have no weights
}

class HaystackResults : public testing::TestWithParam<const char*> {
 protected:
  fs::path folder() const { return kSource / "results/haystack" / GetParam(); }
  Json json() const { return parse_json(read_file(folder() / "haystack.json"), "haystack.json"); }
};

TEST_P(HaystackResults, TableAndMeansFollowFromTheGrids) {
  const auto rows = parse_csv(read_file(folder() / "table111.csv"));
  const Json document = json();
  std::size_t row = 0;
  for (const auto& result : document.at("results"))
    for (const auto& reading : result.at("readings")) {
      ASSERT_LT(++row, rows.size());
      EXPECT_EQ(rows[row].at(0), result.at("encoder").get<std::string>());
      EXPECT_EQ(rows[row].at(1), reading.at("reading").get<std::string>());
      std::size_t column = 3;  // behind the needle alone
      for (const auto& length : reading.at("lengths")) {
        const std::vector<int> right = length.at("right_by_depth"),
                               asked = length.at("asked_by_depth");
        const double share = 100.0 * std::accumulate(right.begin(), right.end(), 0) /
                             std::accumulate(asked.begin(), asked.end(), 0);
        EXPECT_NEAR(length.at("accuracy").get<double>(), share, 0.001) << rows[row].at(1);
        EXPECT_NEAR(std::stod(rows[row].at(column++)), share, 0.051) << rows[row].at(1);
      }
    }
  EXPECT_EQ(row + 1, rows.size());
}

TEST_P(HaystackResults, SayOfFilmsWhatTheirAnswersAre) {
  const Json report = json();
  for (const auto& result : report.at("results")) {
    if (!result.contains("films")) continue;
    const Json& films = result.at("films");
    double accuracy[2];
    int side = 0;
    for (const char* name : {"rendered", "decoded"}) {
      const std::vector<int> right = films.at(name).at("right_by_depth"),
                             asked = films.at(name).at("asked_by_depth");
      const int count = std::accumulate(asked.begin(), asked.end(), 0);
      EXPECT_EQ(count, films.at("films").get<int>());
      accuracy[side] = 100.0 * std::accumulate(right.begin(), right.end(), 0) / count;
      EXPECT_NEAR(films.at(name).at("accuracy").get<double>(), accuracy[side++], 0.001);
    }
    EXPECT_NEAR(films.at("difference").get<double>(), accuracy[1] - accuracy[0], 0.002);
    // An answer that is right on one side alone is another answer.
    EXPECT_GE(films.at("other_answers").get<double>() * 100 / films.at("films").get<double>(),
              std::abs(accuracy[1] - accuracy[0]) - 0.001);
  }
}

TEST_P(HaystackResults, AreOfEncodersThatAreHere) {
  ::setenv("PERMAFROST_ZOO", (kSource / "models/zoo").c_str(), 1);
  const Json document = json();
  ASSERT_FALSE(document.at("results").empty());
  for (const auto& result : document.at("results")) {
    EXPECT_EQ(result.at("encoder_sha256").get<std::string>(), sha256_of_encoder(result))
        << result.at("encoder");
    EXPECT_LT(result.at("lookup_error").get<double>(), 2e-6) << result.at("encoder");
  }
}

INSTANTIATE_TEST_SUITE_P(Runs, HaystackResults,
                         testing::Values("motion", "glyph", "needle_time", "count", "films",
                                         "pooled", "whole"),
                         [](const auto& run) { return std::string(run.param); });

}  // namespace haystack_results_test
}  // namespace permafrost
