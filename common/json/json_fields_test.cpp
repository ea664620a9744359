// SPDX-License-Identifier: Apache-2.0
#include "common/json/json_fields.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace json_fields_test {

enum class Colour { red, blue };
constexpr NamedValue<Colour> kColours[] = {{"red", Colour::red}, {"blue", Colour::blue}};

struct Options {
  int epochs = 4;
  std::int64_t samples = 10;
  double rate = 0.5, drop = 0;
  bool fast = false;
  std::string name = "a", kind = "small";
  std::vector<double> decays{0.1};
  std::array<double, 3> mean{1, 2, 3};
  Colour colour = Colour::red;
  std::optional<bool> smooth;
  bool operator==(const Options&) const = default;
};

template <class Some, class Visitor>
void fields_of(Some& o, Visitor&& visit) {
  visit("epochs", o.epochs, 1, 100);
  visit("samples", o.samples, 0, 1000);
  visit("rate", o.rate, 0.0, 1.0);
  visit.when(o.drop > 0, "drop", o.drop, 0.0, 0.9);
  visit("fast", o.fast);
  visit("name", o.name);
  visit("decays", o.decays);
  visit("mean", o.mean);
  visit.choice("kind", o.kind, {"small", "large"});
  visit.named(o.colour != Colour::red, "colour", o.colour, kColours);
  visit.set("smooth", o.smooth);
}

Options read(const Json& json) {
  JsonObject object(json, "o.json");
  Options options;
  fields_of(options, FieldReader(object));
  object.finish();
  return options;
}

Json written(const Options& options) {
  Json json;
  fields_of(options, FieldWriter(json));
  return json;
}

TEST(JsonFields, WhatIsWrittenIsRead) {
  const Options changed{.epochs = 7,
                        .samples = 900,
                        .rate = 0.25,
                        .drop = 0.5,
                        .fast = true,
                        .name = "b",
                        .kind = "large",
                        .decays = {},
                        .mean = {3, 4, 5},
                        .colour = Colour::blue,
                        .smooth = true};
  EXPECT_EQ(read(written(changed)), changed);
  EXPECT_EQ(written(changed).at("colour"), "blue");
  EXPECT_EQ(read(Json::object()), Options());
}

TEST(JsonFields, AReaderMayAskForEveryField) {
  const auto strictly = [](const Json& json) {
    JsonObject object(json, "o.json");
    Options options;
    fields_of(options, FieldReader(object, Missing::refused));
    return options;
  };
  const Json whole = written({.epochs = 7});
  EXPECT_EQ(strictly(whole), Options{.epochs = 7}) << "what only `when` writes may be missing";
  for (const auto& field : whole.items()) {
    Json part = whole;
    part.erase(field.key());
    EXPECT_THROW(strictly(part), InputError) << field.key();
  }
}

TEST(JsonFields, WhatIsUsualIsLeftOut) {
  const Json json = written({});
  EXPECT_FALSE(json.contains("drop"));
  EXPECT_FALSE(json.contains("colour"));
  EXPECT_EQ(json.at("epochs"), 4);
}

TEST(JsonFields, WrongValuesAreRefusedByName) {
  for (const auto& [key, value] : {std::pair<std::string, Json>{"epochs", 0},
                                   {"samples", 1001},
                                   {"rate", 1.5},
                                   {"fast", 1},
                                   {"mean", Json::array({1, 2})},
                                   {"kind", "middling"},
                                   {"colour", "green"},
                                   {"epoch", 3}}) {
    try {
      read(Json{{key, value}});
      ADD_FAILURE() << key << " was taken";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("o.json"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

TEST(JsonFields, AMisspeltKeyIsToldOfTheOneThatIsNotThere) {
  for (const char* key : {"epochs", "samples", "rate", "drop", "fast", "name", "decays", "mean",
                          "kind", "colour", "smooth"}) {
    try {
      read(Json{{std::string(key) + "x", 1}});
      ADD_FAILURE() << key << "x was taken";
    } catch (const InputError& error) {
      const std::string hint = "nearest valid key: \"" + std::string(key) + "\"";
      EXPECT_NE(std::string(error.what()).find(hint), std::string::npos) << error.what();
    }
  }
}

}  // namespace json_fields_test
}  // namespace permafrost
