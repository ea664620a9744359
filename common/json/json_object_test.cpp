// SPDX-License-Identifier: Apache-2.0
#include "common/json/json_object.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace permafrost {
namespace json_object_test {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(JsonObject, ReadsTypedValuesAndDefaults) {
  const Json json =
      parse_json(R"({"a": 3, "b": 0.5, "c": true, "d": "x", "e": [1, 2.5]})", "t.json");
  JsonObject object(json, "t.json");
  EXPECT_EQ(object.integer("a"), 3);
  EXPECT_DOUBLE_EQ(object.number("b"), 0.5);
  EXPECT_TRUE(object.boolean("c"));
  EXPECT_EQ(object.text("d"), "x");
  EXPECT_EQ(object.numbers("e"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(object.integer("absent", 7), 7);
  EXPECT_NO_THROW(object.finish());
}

TEST(JsonObject, NamesTheNearestValidKey) {
  const Json json = parse_json(R"({"learning_rat": 1})", "t.json");
  JsonObject object(json, "t.json");
  object.number("learning_rate", 0.1);
  object.number("momentum", 0.9);
  EXPECT_EQ(message_of([&] { object.finish(); }),
            "t.json: expected a known key, found \"learning_rat\" (nearest valid key: "
            "\"learning_rate\")");
}

TEST(JsonObject, SaysWhatWasExpectedAndFound) {
  const Json json = parse_json(R"({"a": "three", "b": 11, "d": [1, "x"]})", "t.json");
  JsonObject object(json, "t.json:/encoder");
  EXPECT_EQ(message_of([&] { object.integer("a"); }),
            "t.json:/encoder: a: expected a whole number, found \"three\"");
  EXPECT_EQ(message_of([&] { object.integer("b", {}, 1, 10); }),
            "t.json:/encoder: b: expected a whole number from 1 to 10, found 11");
  EXPECT_EQ(message_of([&] { object.text("c"); }),
            "t.json:/encoder: c: expected a value, found no such key");
  EXPECT_EQ(message_of([&] { object.numbers("d"); }),
            "t.json:/encoder: d: expected an array of numbers, found an item \"x\"");
  EXPECT_EQ(message_of([&] {
              object.choice("a", {"one", "two"});
            }),
            "t.json:/encoder: a: expected one of one, two, found \"three\" (nearest: one)");
  EXPECT_EQ(object.where("x"), "t.json:/encoder/x");
}

TEST(JsonObject, RefusesWhatDoesNotFitAWholeNumber) {
  const Json json = parse_json(R"({"a": 18446744073709551615, "b": 1.5})", "t.json");
  JsonObject object(json, "t.json");
  EXPECT_NE(message_of([&] { object.integer("a"); }), "no error");
  EXPECT_NE(message_of([&] { object.integer("b"); }), "no error");
}

TEST(ParseJson, RefusesBrokenTextAndDoubleKeys) {
  EXPECT_NE(
      message_of([] { parse_json("{\"a\": }", "t.json"); }).find("t.json: expected valid JSON"),
      std::string::npos);
  EXPECT_EQ(message_of([] { parse_json(R"({"a": 1, "a": 2})", "t.json"); }),
            "t.json: a: expected one value, found the key twice");
  EXPECT_NO_THROW(parse_json(R"({"x": {"a": 1}, "y": {"a": 2}})", "t.json"));
}

TEST(ParseJson, BoundsTheDepthOfNesting) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(parse_json(nested(100), "t.json"));
  EXPECT_EQ(message_of([&] { parse_json(nested(1'000'000), "t.json"); }),
            "t.json: expected at most 100 levels of nesting, found more");
}

TEST(SetJson, FollowsPathsAndParsesValues) {
  Json json = parse_json(R"({"a": {"b": 1}, "s": "x"})", "t");
  set_json(json, "a.b=2");
  set_json(json, "a.c=[1,2]");
  set_json(json, "name=plain text");
  EXPECT_EQ(json.dump(), R"({"a":{"b":2,"c":[1,2]},"name":"plain text","s":"x"})");
  EXPECT_THROW(set_json(json, "nothing"), InputError);
  EXPECT_THROW(set_json(json, "s.t=1"), InputError);
}

}  // namespace json_object_test
}  // namespace permafrost
