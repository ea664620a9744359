// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/haystack_files.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <tuple>

#include "bench/records/build_info.h"
#include "bench/text/markdown.h"
#include "common/error.h"
#include "common/files/csv.h"
#include "common/files/files.h"

namespace permafrost {
namespace {

// Three decimals are more than 160 needles tell.
double rounded(double value) { return std::round(value * 1000) / 1000; }

Json interval_json(const Interval& ci) { return {rounded(ci.low), rounded(ci.high)}; }

Json length_json(const HaystackLength& length) {
  return {{"tokens", length.tokens},
          {"clips", length.clips},
          {"accuracy", rounded(length.accuracy())},
          {"ci95_over_needles", interval_json(length.ci95())},
          {"right_by_depth", length.right},
          {"asked_by_depth", length.asked}};
}

Json reading_json(const HaystackReading& reading) {
  Json json{{"reading", reading.name},
            {"learning_rate", reading.learning_rate},
            {"held_out_accuracy", reading.held_out_accuracy},
            {"lengths", Json::array()}};
  for (const auto& length : reading.lengths) json["lengths"].push_back(length_json(length));
  if (reading.alone) json["needle_alone"] = length_json(*reading.alone);
  for (const auto& length : reading.without)
    json["without_needle"].push_back(
        {{"tokens", length.tokens}, {"accuracy", rounded(length.accuracy())}});
  return json;
}

Json films_json(const HaystackFilms& films) {
  return {{"films", films.decoded.scores.size()},
          {"frames", films.frames},
          {"fps", 1},
          {"coding", "h264"},
          {"bytes", films.bytes},
          {"rendered", length_json(films.rendered)},
          {"decoded", length_json(films.decoded)},
          {"difference", rounded(films.decoded.accuracy() - films.rendered.accuracy())},
          {"difference_ci95", interval_json(films.difference_ci95())},
          {"other_answers", films.other_answers},
          {"token_change", rounded(films.token_change)},
          {"core_seconds", rounded(films.core_seconds)}};
}

Json result_json(const HaystackResult& result) {
  const Encoder& encoder = result.encoder;
  Json json{{"encoder", encoder.name},
            {"encoder_source", encoder.source},
            {"encoder_sha256", encoder.sha256},
            {"encoder_spec", to_json(encoder.spec)},
            {"notes", encoder.notes},
            {"tokens_of_a_clip", result.clip_tokens},
            {"width", result.width},
            {"chance", result.chance},
            {"inputs_sha256", result.inputs},
            {"lookup_error", result.lookup_error},
            {"lookup_tokens", result.lookup_tokens},
            {"core_seconds",
             {{"encode", rounded(result.times.encode_core_seconds)},
              {"train", rounded(result.times.train_core_seconds)},
              {"evaluate", rounded(result.times.evaluate_core_seconds)}}},
            {"readings", Json::array()}};
  for (const auto& reading : result.readings) json["readings"].push_back(reading_json(reading));
  if (result.films) json["films"] = films_json(*result.films);
  if (result.dilution) {
    const Dilution& d = *result.dilution;
    json["dilution"] = {{"gap_by_head", d.gaps},
                        {"predicted_half_tokens", rounded(d.predicted_half_tokens)},
                        {"half_tokens", d.half_tokens ? Json(rounded(*d.half_tokens)) : Json()}};
  }
  return json;
}

Json spec_json(const HaystackSpec& spec) {
  return {{"needle", synthetic::name_of(spec.needle)},
          {"task", name_of(spec.task)},
          {"world_version", spec.world_version},
          {"lengths", spec.lengths},
          {"train_lengths", spec.train_lengths},
          {"depths", spec.depths},
          {"needles", spec.needles},
          {"hay", spec.hay},
          {"train_needles", spec.train_needles},
          {"train_hay", spec.train_hay},
          {"pool", spec.pooling == Pooling::none     ? "none"
                   : spec.pooling == Pooling::window ? "window"
                                                     : "time-step"},
          {"steps", spec.training.steps},
          {"batch", spec.batch},
          {"step_hay", spec.step_hay},
          {"learning_rates", spec.training.learning_rates},
          {"seed", spec.training.seed},
          {"full_lengths", spec.full_lengths},
          {"full_videos", spec.full_videos},
          {"full_train_videos", spec.full_train_videos},
          {"films", spec.films},
          {"film_minutes", spec.film_minutes}};
}

Json cost_json(const LengthCost& cost) {
  return {{"encoder", cost.encoder},
          {"window", cost.window},
          {"pool", cost.pool},
          {"frames", cost.frames},
          {"kept_tokens", cost.tokens},
          {"seconds", rounded(cost.seconds)},
          {"core_seconds", rounded(cost.core_seconds)},
          {"peak_memory_bytes", cost.peak_bytes}};
}

LengthCost cost_of(const Json& json, const std::string& where) {
  try {
    return {.encoder = json.at("encoder"),
            .window = json.at("window"),
            .pool = json.at("pool"),
            .frames = json.at("frames"),
            .tokens = json.at("kept_tokens"),
            .seconds = json.at("seconds"),
            .core_seconds = json.at("core_seconds"),
            .peak_bytes = json.at("peak_memory_bytes")};
  } catch (const nlohmann::json::exception&) {
    throw InputError(where, "", "a line that permafrost features --window --json has printed",
                     quoted(json.dump()));
  }
}

// ---- the table

// Lengths of all readings, ascending, in tokens of the first result.
std::vector<std::int64_t> lengths_of(const HaystackDocument& document) {
  std::vector<std::int64_t> clips;
  for (const auto& result : document.results)
    for (const auto& reading : result.readings)
      for (const auto& length : reading.lengths) clips.push_back(length.clips);
  std::sort(clips.begin(), clips.end());
  clips.erase(std::unique(clips.begin(), clips.end()), clips.end());
  return clips;
}

const HaystackLength* length_with(const HaystackReading& reading, std::int64_t clips) {
  for (const auto& length : reading.lengths)
    if (length.clips == clips) return &length;
  return nullptr;
}

std::string cell_text(const HaystackLength* length, bool with_interval) {
  if (length == nullptr) return "–";
  return fixed(length->accuracy()) + (with_interval ? " " + interval_text(length->ci95()) : "");
}

TextRows accuracy_rows(const HaystackDocument& document, bool with_interval) {
  const auto clips = lengths_of(document);
  // Of clips whose tokens are all kept, as lengths are asked for.
  const std::int64_t clip = document.results.at(0).encoder.spec.tokens();
  TextRows rows{{"encoder", "reading", "alone"}};
  for (const auto count : clips) rows[0].push_back(tokens_text(count * clip));
  rows[0].emplace_back("without needle");
  for (const auto& result : document.results)
    for (const auto& reading : result.readings) {
      rows.push_back({result.encoder.name, reading.name,
                      reading.alone ? fixed(reading.alone->accuracy()) : "–"});
      for (const auto count : clips)
        rows.back().push_back(cell_text(length_with(reading, count), with_interval));
      rows.back().push_back(reading.without.empty() ? "–"
                                                    : fixed(reading.without.back().accuracy()));
    }
  return rows;
}

void add_reference(TextRows& rows, const HaystackDocument& document) {
  const std::int64_t clip = document.results.at(0).encoder.spec.tokens();
  rows.push_back({"*Gemini 1.5 Pro, as reported*", "*another task*", "–"});
  for (const auto count : lengths_of(document)) {
    // The report's longest video has 9.9 million tokens.
    const std::int64_t tokens = count * clip;
    const bool covered = tokens >= kReportedFrom && tokens <= kReportedTo * 102 / 100;
    rows.back().push_back(covered ? "*" + fixed(kReportedRecall) + "*" : "–");
  }
  rows.back().emplace_back("–");
}

std::string dilution_table(const HaystackDocument& document) {
  TextRows rows{{"encoder", "gap", "predicted half, tokens", "measured half, tokens"}};
  for (const auto& result : document.results) {
    if (!result.dilution) continue;
    const Dilution& d = *result.dilution;
    const auto count = [](double tokens) { return tokens_text(std::llround(tokens)); };
    rows.push_back({result.encoder.name, fixed(*std::max_element(d.gaps.begin(), d.gaps.end()), 2),
                    count(d.predicted_half_tokens),
                    d.half_tokens ? count(*d.half_tokens) : "beyond the longest"});
  }
  if (rows.size() == 1) return "";
  return "\n" + markdown_table(rows, {false, true, true, true});
}

std::string film_table(const HaystackDocument& document) {
  TextRows rows{{"encoder", "films", "frames of each", "rendered", "decoded", "difference",
                 "other answers", "change of tokens", "MB of video"}};
  for (const auto& result : document.results) {
    if (!result.films) continue;
    const HaystackFilms& films = *result.films;
    rows.push_back({result.encoder.name, std::to_string(films.decoded.scores.size()),
                    tokens_text(films.frames), cell_text(&films.rendered, true),
                    cell_text(&films.decoded, true),
                    fixed(films.decoded.accuracy() - films.rendered.accuracy(), 1, true) + " " +
                        interval_text(films.difference_ci95(), true),
                    std::to_string(films.other_answers), fixed(films.token_change, 3),
                    fixed(films.bytes / 1e6)});
  }
  if (rows.size() == 1) return "";
  return "\nFilms at one frame a second: videos as they were rendered, and decoded from H.264 "
         "(reading `attention`).\n\n" +
         markdown_table(rows, {false, true, true, true, true, true, true, true, true});
}

std::string cost_table(const HaystackDocument& document) {
  if (document.costs.empty()) return "";
  TextRows rows{{"encoder", "window", "kept", "frames", "kept tokens", "seconds", "core seconds",
                 "peak memory, MB", "slope"}};
  for (const auto& group : grouped(document.costs)) {
    std::vector<LengthCost> before;
    for (const auto& cost : group) {
      before.push_back(cost);
      rows.push_back({cost.encoder, cost.window, cost.pool, std::to_string(cost.frames),
                      tokens_text(cost.tokens), fixed(cost.seconds, 2), fixed(cost.core_seconds, 2),
                      fixed(cost.peak_bytes / 1e6, 0),
                      before.size() < 2 ? "–" : fixed(cost_slope(before), 2)});
    }
  }
  return "\n" + markdown_table(rows, {false, false, false, true, true, true, true, true, true});
}

}  // namespace

std::string tokens_text(std::int64_t tokens) {
  const std::string digits = std::to_string(tokens);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::vector<LengthCost> read_costs(const std::string& path) {
  std::istringstream lines(read_file(path));
  std::vector<LengthCost> costs;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string where = path + ":" + std::to_string(number);
    if (!line.empty()) costs.push_back(cost_of(parse_json(line, where), where));
  }
  return costs;
}

std::vector<std::vector<LengthCost>> grouped(const std::vector<LengthCost>& costs) {
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<LengthCost>> groups;
  for (const auto& cost : costs) groups[{cost.encoder, cost.window, cost.pool}].push_back(cost);
  std::vector<std::vector<LengthCost>> out;
  for (auto& [key, group] : groups) {
    std::stable_sort(group.begin(), group.end(),
                     [](const LengthCost& a, const LengthCost& b) { return a.frames < b.frames; });
    out.push_back(std::move(group));
  }
  return out;
}

double cost_slope(const std::vector<LengthCost>& costs) {
  if (costs.size() < 2) return 0;
  const LengthCost &a = costs[costs.size() - 2], &b = costs.back();
  return std::log(b.core_seconds / a.core_seconds) /
         std::log(static_cast<double>(b.frames) / static_cast<double>(a.frames));
}

Json to_json(const HaystackDocument& document) {
  const BuildInfo build = build_info();
  Json json{{"format", "permafrost.haystack.1"},
            {"program",
             {{"version", build.version},
              {"commit", build.commit},
              {"libtorch", build.libtorch},
              {"processor", build.processor}}},
            {"spec", spec_json(document.spec)},
            {"results", Json::array()},
            {"costs", Json::array()},
            {"reference",
             {{"what",
               "video haystack of the Gemini 1.5 report (arXiv 2403.05530): a word on one "
               "frame of a film, asked for in words; another task than this one"},
              {"recall", kReportedRecall},
              {"from_tokens", kReportedFrom},
              {"to_tokens", kReportedTo}}}};
  for (const auto& result : document.results) json["results"].push_back(result_json(result));
  for (const auto& cost : document.costs) json["costs"].push_back(cost_json(cost));
  return json;
}

std::string haystack_csv(const HaystackDocument& document) {
  std::string text = "encoder,reading,needle,task,tokens,clips,depth,right,asked\n";
  for (const auto& result : document.results)
    for (const auto& reading : result.readings)
      for (const auto& length : reading.lengths)
        for (std::size_t d = 0; d < length.right.size(); ++d)
          text += csv_field(result.encoder.name) + "," + csv_field(reading.name) + "," +
                  synthetic::name_of(document.spec.needle) + "," + name_of(document.spec.task) +
                  "," + std::to_string(length.tokens) + "," + std::to_string(length.clips) + "," +
                  std::to_string(d) + "," + std::to_string(length.right[d]) + "," +
                  std::to_string(length.asked[d]) + "\n";
  return text;
}

std::string haystack_table_csv(const HaystackDocument& document) {
  std::string text;
  for (const auto& row : accuracy_rows(document, false))
    for (std::size_t c = 0; c < row.size(); ++c)
      text += (row[c] == "–" ? "" : csv_field(row[c])) + (c + 1 < row.size() ? "," : "\n");
  return text;
}

std::string haystack_table(const HaystackDocument& document) {
  const HaystackSpec& spec = document.spec;
  TextRows rows = accuracy_rows(document, true);
  if (spec.task == NeedleTask::needle) add_reference(rows, document);
  std::vector<bool> right(rows[0].size(), true);
  right[0] = right[1] = false;
  return "# Table 111: a needle in a video haystack\n\nNeedle `" +
         std::string(synthetic::name_of(spec.needle)) + "`, task `" + name_of(spec.task) +
         "`, version " + std::to_string(spec.world_version) +
         " of the world. Accuracy in percent over the tokens of a video, the mean over " +
         std::to_string(spec.depths) + " depths, with the 95 % interval over " +
         std::to_string(spec.needles) + " needles; chance " + fixed(100.0 / classes_of(spec.task)) +
         ".\n\n" + markdown_table(rows, right) + dilution_table(document) + film_table(document) +
         cost_table(document);
}

}  // namespace permafrost
