// SPDX-License-Identifier: Apache-2.0
#include "bench/suites/table_spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "bench/suites/suite_fit.h"
#include "bench/testing/test_messages.h"
#include "common/error.h"

namespace permafrost {
namespace table_spec_test {

std::string spec_file(const std::string& name) {
  return std::string(PERMAFROST_SOURCE_DIR) + "/bench/specs/" + name;
}

TEST(TableSpec, TheTreesTablesFitTheTreesSuites) {
  ASSERT_FALSE(suite_names().empty());
  ASSERT_GE(table_numbers().size(), 2U);
  for (const auto& name : suite_names())
    for (const int number : table_numbers(read_suite(name)))
      require_fit(fitted_to(read_table(number), read_suite(name)), read_suite(name));
}

// Suites with tables of their own come before pico, whose others are on request.
TEST(TableSpec, EveryTableCanBeAskedForInPicoOrTheSuiteOfItsOwn) {
  const Suite pico = read_suite("pico");
  std::map<int, Suite> own;
  for (const char* name : {"denoiser", "pico2"})
    for (const int number : table_numbers(read_suite(name))) own.emplace(number, read_suite(name));
  constexpr int kExperts = 109;  // on request, as Table 108 of pico
  own.emplace(kExperts, read_suite("pico2"));
  for (const int number : table_numbers()) {
    const Suite& suite = own.count(number) > 0 ? own.at(number) : pico;
    require_fit(fitted_to(read_table(number), suite), suite);
  }
  // On request: a denoiser beside the others.
  EXPECT_EQ(table_numbers(pico).size() + 1 + own.size(), table_numbers().size());
}

TEST(TableSpec, ASuiteMaySayForWhichTablesItIs) {
  Json json = read_json(spec_file("suites/gate.json"));
  EXPECT_EQ(table_numbers(parse_suite(json, "s.json")), std::vector<int>{1});
  json.erase("tables");
  EXPECT_EQ(table_numbers(parse_suite(json, "s.json")), table_numbers());
}

TEST(TableSpec, PublishedNumbersAreThoseOfThePaper) {
  const TableSpec one = read_table(1), four = read_table(4);
  EXPECT_TRUE(holds(one.source, "2404.08471, Table 1"));
  EXPECT_EQ(one.rows[0].paper.at("appearance"), 68.6);
  EXPECT_EQ(one.rows[0].paper.at("motion"), 66.0);
  EXPECT_EQ(one.rows[0].paper.at("object"), 73.3);
  EXPECT_EQ(one.rows[0].paper.at("appearance-ft"), 85.4);
  EXPECT_EQ(one.rows[1].paper.at("appearance"), 73.7);
  EXPECT_EQ(one.rows[1].paper.at("motion"), 66.2);
  EXPECT_EQ(one.rows[1].paper.at("object"), 74.8);
  EXPECT_EQ(one.rows[1].paper.at("appearance-ft"), 85.6);
  EXPECT_TRUE(one.rows[2].floor && one.rows[2].paper.empty());
  const double published[4][3] = {
      {51.5, 46.4, 55.6}, {61.3, 49.8, 66.9}, {71.9, 63.6, 72.2}, {72.9, 67.4, 72.8}};
  for (std::size_t r = 0; r < 4; ++r) {
    EXPECT_EQ(four.rows[r].paper.at("appearance"), published[r][0]);
    EXPECT_EQ(four.rows[r].paper.at("motion"), published[r][1]);
    EXPECT_EQ(four.rows[r].paper.at("object"), published[r][2]);
  }
}

TEST(TableSpec, ProtocolsTakeTheTasksClipsUnlessTheySayOtherwise) {
  const Suite suite = read_suite("pico");
  const TaskSpec& fight = task_of(suite, "surveillance_fight");
  EXPECT_EQ(clips_of(protocol_of(suite, "frozen"), fight), 4);
  EXPECT_EQ(clips_of(protocol_of(suite, "frozen"), task_of(suite, "motion")), 1);
  EXPECT_EQ(clips_of(protocol_of(suite, "finetuned"), fight), 1);
  const Json json = to_json(protocol_of(suite, "frozen"), fight);
  EXPECT_EQ(json.at("clips"), 4);
  EXPECT_EQ(json.at("name"), "frozen");
  EXPECT_EQ(json.at("kind"), "probe");
}

TEST(TableSpec, QuickIsSmallerEverywhere) {
  const Suite full = read_suite("pico"), quick = quick_suite(full);
  for (std::size_t i = 0; i < full.tasks.size(); ++i)
    EXPECT_NE(to_json(full.tasks[i]), to_json(quick.tasks[i]));
  for (std::size_t i = 0; i < full.protocols.size(); ++i) {
    const ProtocolChoice& protocol = full.protocols[i];
    const Json before = to_json(protocol, full.tasks[0]);
    const Json after = to_json(quick.protocols[i], quick.tasks[0]);
    // k-NN trains nothing, so that only its task can be smaller.
    if (!protocol.is_finetune && protocol.probe.head == HeadKind::knn)
      EXPECT_EQ(before, after);
    else
      EXPECT_NE(before, after);
  }
}

// Or a quick Table 14 would compare one clip with one clip.
TEST(TableSpec, QuickKeepsOneClipAndSeveralApart) {
  const Suite quick = quick_suite(read_suite("pico"));
  const TaskSpec& fight = task_of(quick, "surveillance_fight");
  EXPECT_EQ(clips_of(protocol_of(quick, "frozen_real_1_clip"), fight), 1);
  EXPECT_GT(clips_of(protocol_of(quick, "frozen_real"), fight), 1);
}

TEST(TableSpec, UnknownNamesAreToldWithTheNearest) {
  EXPECT_TRUE(holds(message_of([] { read_suite("nope"); }),
                    "--suite: expected one of denoiser, gate, paper, pico"));
  EXPECT_TRUE(holds(message_of([] { read_suite("nope"); }), "found \"nope\""));
  EXPECT_TRUE(holds(message_of([] { read_table(99); }), "tables: expected one of 1, "));
  const Suite suite = read_suite("pico");
  TableSpec table = read_table(1);
  table.columns[0].protocol = "frozn";
  EXPECT_TRUE(holds(message_of([&] { require_fit(table, suite); }), "nearest: \"frozen\""));
  table = read_table(1);
  table.rows[0].encoder = "pixel-multiblok";
  EXPECT_TRUE(
      holds(message_of([&] { require_fit(table, suite); }), "nearest: \"pixel-multiblock\""));
}

TEST(TableSpec, TablesAreReadStrictly) {
  const Json good = read_json(spec_file("tables/table1.json"));
  const auto complaint = [&](const std::function<void(Json&)>& change) {
    Json json = good;
    change(json);
    return message_of([&] { parse_table(json, "t.json"); });
  };
  EXPECT_EQ(complaint([](Json&) {}), "");
  EXPECT_TRUE(holds(complaint([](Json& j) { j["colums"] = 1; }), "\"columns\""));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["rows"][0]["papper"] = 1; }), "\"paper\""));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["rows"][0]["paper"]["motoin"] = 1; }), "\"motion\""));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["rows"][0]["paper"]["motion"] = 166; }), "0 to 100"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["rows"][1]["name"] = "Pixels"; }), "twice"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["claims"] = Json::array(); }), "claims"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["columns"] = Json::array(); }), "at least one"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["columns"] = 3; }), "an array"));
}

TEST(TableSpec, SuitesAreReadStrictly) {
  const Json good = read_json(spec_file("suites/pico.json"));
  const auto complaint = [&](const std::function<void(Json&)>& change) {
    Json json = good;
    change(json);
    return message_of([&] { parse_suite(json, "s.json"); });
  };
  EXPECT_EQ(complaint([](Json&) {}), "");
  EXPECT_TRUE(holds(complaint([](Json& j) {
                      j["encoders"]["x"] = {{"random", {{"seed", 1}}}};
                    }),
                    "either like or spec"));
  EXPECT_TRUE(holds(complaint([](Json& j) {
                      j["encoders"]["x"] = {{"pixels", Json::object()}};
                    }),
                    "x/pixels: expected either like or spec, found none"));
  EXPECT_TRUE(
      holds(complaint([](Json& j) { j["encoders"]["raw-pixels"]["pixels"]["seed"] = 1; }), "seed"));
  EXPECT_TRUE(holds(complaint([](Json& j) {
                      j["encoders"]["x"] = {{"denoisre", "pico/denoise-d8"}, {"time", 0.1}};
                    }),
                    "found \"denoisre\" (nearest valid key: \"denoiser\")"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["encoders"]["x"] = 7; }), "encoders/x"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["tasks"].push_back(j["tasks"][0]); }), "twice"));
  EXPECT_TRUE(
      holds(complaint([](Json& j) { j["protocols"]["frozen"]["epoch"] = 7; }), "\"epochs\""));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["protocols"]["finetuned"]["neighbours"] = {2}; }),
                    "neighbours"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["quick"]["trian"] = 2; }), "\"train\""));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["seeds"] = 0; }), "seeds"));
}

TEST(TableSpec, AnEncoderMayHaveSeveralPretrainings) {
  const Suite suite = parse_suite(
      Json::parse(R"({"suite": "s", "encoders": {"a": ["pico/x", "pico/y", {"random": {"like":
          "pico/x", "seed": 4}}], "b": "pico/z"}, "tasks": [{"name": "motion", "kind": "synthetic",
          "world": "motion", "train": 8, "test": 8}], "protocols": {"p": {}}})"),
      "s.json");
  ASSERT_EQ(suite.encoders.size(), 4U);
  EXPECT_EQ(encoder_for_seed(suite, "a", 1).zoo, "pico/x");
  EXPECT_EQ(encoder_for_seed(suite, "a", 2).zoo, "pico/y");
  EXPECT_TRUE(encoder_for_seed(suite, "a", 3).made_here());
  EXPECT_EQ(encoder_for_seed(suite, "a", 4).zoo, "pico/x");
  EXPECT_TRUE(encoder_for_seed(suite, "a", 0).made_here());
  EXPECT_EQ(encoder_for_seed(suite, "b", 2).zoo, "pico/z");
  EXPECT_EQ(encoder_of(suite, "a").name, "a");
}

}  // namespace table_spec_test
}  // namespace permafrost
