// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tables/table_reader.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "bench/testing/test_results.h"
#include "common/error.h"

namespace permafrost {
namespace table_reader_test {
namespace fs = std::filesystem;

const fs::path kCommitted = fs::path(PERMAFROST_SOURCE_DIR) / "results/pico";

TEST(TableReader, GivesTheTableThatWasWritten) {
  const TestResults folder;
  folder.fill();
  for (const char* name : {"table1.json", "table2.json"}) {
    const Json json = read_json((folder / name).string());
    const TableModel table = read_table_json(json, name);
    EXPECT_EQ(Json(to_json(table)), json) << name;
    EXPECT_EQ(table.columns[0].repeated_over,
              name[5] == '2' ? SpreadOver::splits : SpreadOver::seeds);
    // The notes need nothing that the file does not hold.
    EXPECT_NE(
        read_file(folder / (std::string("table") + name[5] + ".md")).find(notes_of(table).back()),
        std::string::npos);
  }
}

// Files that older programs wrote lack some keys; what is there must come back.
TEST(TableReader, ReadsTheCommittedTables) {
  int read = 0;
  for (const auto& entry : fs::directory_iterator(kCommitted)) {
    if (entry.path().extension() != ".json") continue;
    Json json = read_json(entry.path().string());
    const Json again = Json(to_json(read_table_json(json, entry.path().string())));
    for (const char* list : {"cells", "claims", "rank_correlation_with_paper"}) {
      ASSERT_EQ(again.at(list).size(), json.at(list).size()) << entry.path();
      for (std::size_t k = 0; k < json.at(list).size(); ++k)
        for (const auto& [key, value] : json[list][k].items())
          EXPECT_EQ(again[list][k].value(key, Json()), value) << entry.path() << " " << list << k;
    }
    ++read;
  }
  EXPECT_GT(read, 0);
}

std::string message_after(const std::function<void(Json&)>& change) {
  Json json = read_json((kCommitted / "table1.json").string());
  change(json);
  try {
    read_table_json(json, "t.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(TableReader, PassesOverWhatItDoesNotKnow) {
  EXPECT_EQ(message_after([](Json& json) { json["from the future"] = 1; }), "");
  EXPECT_EQ(message_after([](Json& json) { json["cells"][0]["later"] = 1; }), "");
}

TEST(TableReader, RefusesWhatIsNoTable) {
  const auto holds = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_NE(text.find("t.json"), std::string::npos) << text;
  };
  holds(message_after([](Json& json) { json["schema"] = "permafrost.table.2"; }), "schema");
  holds(message_after([](Json& json) { json["cells"].erase(1); }), "cells");
  holds(message_after([](Json& json) { json["columns"] = Json::array(); }), "cells");
  holds(message_after([](Json& json) {
          json["cells"][0]["records"] = {"../../etc/passwd", "x"};
        }),
        "64 hexadecimal digits");
  holds(message_after([](Json& json) { json["cells"][0]["mean"] = 101; }), "mean");
  holds(message_after([](Json& json) { json["cells"][0].erase("ci95_over_samples"); }), "ci95");
  holds(message_after([](Json& json) { json["cells"][0]["column"] = "other"; }), "cells/0");
  holds(message_after([](Json& json) { json["claims"][0]["verdict"] = "true"; }), "\"true\"");
  holds(message_after([](Json& json) { json["rows"] = Json::array(); }), "rows");
  holds(message_after([](Json& json) { json = Json::array(); }), "object");
}

}  // namespace table_reader_test
}  // namespace permafrost
