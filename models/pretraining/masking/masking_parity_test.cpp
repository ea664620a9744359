// SPDX-License-Identifier: Apache-2.0
// Statistics of masks against the reference's collator, for every mask_statistics*.json: draws are
// not the same, so means are compared within 4 standard errors.
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "common/json/json_object.h"
#include "common/testing/parity_files.h"
#include "models/pretraining/masking/masking.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace masking_parity_test {

// One value a batch.
class Sample {
 public:
  void add(double value) { values_.push_back(value); }
  void sort() { std::sort(values_.begin(), values_.end()); }
  double count() const { return static_cast<double>(values_.size()); }
  double mean() const { return moment(1, 0); }
  double deviation() const { return std::sqrt(moment(2, mean())); }
  // Standard error of the deviation of `batches` values; 0 where all values are the same.
  double deviation_error(double batches) const {
    const double m2 = moment(2, mean()), m4 = moment(4, mean());
    return m2 > 0 ? std::sqrt(std::max(0.0, m4 - m2 * m2) / batches) / (2 * std::sqrt(m2)) : 0;
  }
  // After sort(): the value below which `share` of them lie.
  double quantile(double share) const {
    const auto last = values_.size() - 1;
    return values_[std::min(last, static_cast<std::size_t>(share * count()))];
  }

 private:
  double moment(int power, double centre) const {
    double sum = 0;
    for (const double value : values_) sum += std::pow(value - centre, power);
    return sum / count();
  }

  std::vector<double> values_;
};

MaskConfig config_of(const Json& json) {
  MaskConfig config;
  if (json.contains("ratio")) {
    config.kind = MaskConfig::Kind::random_tube;
    config.ratio = json["ratio"].get<double>();
    return config;
  }
  config.num_blocks = json.at("num_blocks").get<int>();
  const auto range = [&](const char* key, double(&into)[2]) {
    for (std::size_t i = 0; i < 2 && json.contains(key); ++i) into[i] = json[key][i].get<double>();
  };
  range("spatial_scale", config.spatial_scale);
  range("temporal_scale", config.temporal_scale);
  range("aspect_ratio", config.aspect_ratio);
  config.max_temporal_keep = json.value("max_temporal_keep", 1.0);
  if (json.contains("max_keep") && !json["max_keep"].is_null())
    config.max_keep = json["max_keep"].get<int>();
  return config;
}

// Time steps are counted, places are a square, as in the reference.
TokenGrid grid_of(const Json& expected) {
  const auto time = static_cast<int>(expected.at("context_frequency_by_time").size());
  const int places = expected.at("tokens").get<int>() / time;
  const int side = static_cast<int>(std::lround(std::sqrt(places)));
  const TokenGrid grid{time, side, side};
  EXPECT_EQ(grid.tokens(), expected["tokens"].get<int>()) << "not a square of places";
  return grid;
}

std::string time_key(int t) { return "time " + std::to_string(t); }

// What the reference counts, of our masks.
std::map<std::string, Sample> statistics(const std::vector<MaskConfig>& configs, std::size_t which,
                                         const TokenGrid& grid, int batch_size, int batches) {
  std::map<std::string, Sample> ours;
  const int places = grid.h * grid.w;
  for (int step = 0; step < batches; ++step) {
    const Mask mask = draw_masks({"reference", configs}, grid, batch_size, 11,
                                 static_cast<std::uint64_t>(step))[which];
    ours["context"].add(static_cast<double>(mask.context.size(1)));
    ours["target"].add(static_cast<double>(mask.target.size(1)));
    const at::Tensor share = at::zeros({batch_size, grid.tokens()})
                                 .scatter_(1, mask.context, 1.0)
                                 .mean(0)
                                 .view({grid.t, places});
    const at::Tensor by_time = share.mean(1);
    for (int t = 0; t < grid.t; ++t) ours[time_key(t)].add(by_time[t].item<double>());
    ours["corner"].add(share[0][0].item<double>());
    ours["centre"].add(share[0][grid.h / 2 * grid.w + grid.w / 2].item<double>());
  }
  for (auto& [key, sample] : ours) sample.sort();
  return ours;
}

class Comparison {
 public:
  Comparison(std::string where, const Json& expected, const std::map<std::string, Sample>& ours)
      : where_(std::move(where)),
        expected_(expected),
        ours_(ours),
        batches_(expected.at("batches").get<double>()),
        samples_(batches_ * expected.at("batch_size").get<double>()) {}

  // One sample in all of theirs is the least that a frequency can differ by.
  void frequency(const std::string& key, const Json& theirs) const {
    mean(key, theirs.get<double>(), 1 / samples_, 0);
  }

  void kept_tokens(const std::string& key) const {
    const Sample& ours = ours_.at(key);
    const std::string name = key + "_keep_";
    const double deviation = expected_.value(name + "std", 0.0);
    mean(key, expected_.at(name + "mean").get<double>(), 0, deviation);
    if (expected_.contains(name + "std")) {
      const double error =
          std::hypot(ours.deviation_error(batches_), ours.deviation_error(ours.count()));
      near(key + " std", ours.deviation(), deviation, error);
    }
    // A least value beyond the share that `batches` draws reach but once in a million times, or
    // far below all of ours (which are more), is no accident; so with the greatest.
    const double reached = 1 - std::exp(-std::log(1e6) / batches_);
    const double far = 3 * ours.deviation();
    if (expected_.contains(name + "min"))
      within(key + " min", expected_[name + "min"].get<double>(), ours.quantile(0) - far,
             ours.quantile(reached));
    if (expected_.contains(name + "max"))
      within(key + " max", expected_[name + "max"].get<double>(), ours.quantile(1 - reached),
             ours.quantile(1) + far);
  }

 private:
  void mean(const std::string& key, double theirs, double least, double their_deviation) const {
    const Sample& ours = ours_.at(key);
    // Where one side saw no rare event its deviation is too small.
    const double deviation = std::max(ours.deviation(), their_deviation);
    near(key, ours.mean(), theirs,
         std::max(least, deviation * std::sqrt(1 / batches_ + 1 / ours.count())));
  }
  void near(const std::string& what, double ours, double theirs, double error) const {
    EXPECT_LE(std::abs(ours - theirs), 4 * error + 1e-6)
        << where_ << " " << what << ": " << ours << ", reference " << theirs << ", standard error "
        << error;
  }
  void within(const std::string& what, double theirs, double low, double high) const {
    EXPECT_TRUE(theirs >= low && theirs <= high)
        << where_ << " " << what << ": reference " << theirs << ", ours " << low << " to " << high;
  }

  std::string where_;
  const Json& expected_;
  const std::map<std::string, Sample>& ours_;
  double batches_, samples_;
};

void compare(const std::vector<MaskConfig>& configs, std::size_t which, const Json& expected,
             const std::string& where) {
  const TokenGrid grid = grid_of(expected);
  constexpr int kEnoughForTheEnds = 1000;
  const int batches = std::max(kEnoughForTheEnds, 2 * expected.at("batches").get<int>());
  const auto ours = statistics(configs, which, grid, expected.at("batch_size").get<int>(), batches);
  const Comparison comparison(where, expected, ours);
  comparison.kept_tokens("context");
  comparison.kept_tokens("target");
  for (int t = 0; t < grid.t; ++t)
    comparison.frequency(time_key(t),
                         expected["context_frequency_by_time"][static_cast<std::size_t>(t)]);
  if (expected.contains("context_frequency_corner"))
    comparison.frequency("corner", expected["context_frequency_corner"]);
  if (expected.contains("context_frequency_centre"))
    comparison.frequency("centre", expected["context_frequency_centre"]);
}

TEST(MaskingParity, HasTheStatisticsOfTheReference) {
  const auto files = parity_files("mask_statistics", ".json");
  if (files.empty()) GTEST_SKIP() << "no mask_statistics*.json in " << parity_folder();
  for (const auto& file : files) {
    const Json reference = read_json(file.string());
    EXPECT_FALSE(reference.empty()) << file;
    for (const auto& [text, value] : reference.items()) {
      // One mask and its statistics, or a list of each.
      const Json key = parse_json(text, file.string());
      const Json keys = key.is_array() ? key : Json::array({key});
      const Json values = value.is_array() ? value : Json::array({value});
      ASSERT_EQ(keys.size(), values.size()) << file << ": " << text;
      std::vector<MaskConfig> configs;
      for (const Json& one : keys) configs.push_back(config_of(one));
      for (std::size_t k = 0; k < configs.size(); ++k)
        compare(configs, k, values[k], file.filename().string() + ": " + text);
    }
  }
}

}  // namespace masking_parity_test
}  // namespace permafrost
