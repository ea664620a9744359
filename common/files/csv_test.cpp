// SPDX-License-Identifier: Apache-2.0
#include "common/files/csv.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace csv_test {

using Rows = std::vector<std::vector<std::string>>;

TEST(Csv, QuotesWhatNeedsIt) {
  EXPECT_EQ(csv_field("plain text"), "plain text");
  EXPECT_EQ(csv_field(""), "");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(csv_field("two\nlines\r"), "\"two\nlines\r\"");
}

TEST(Csv, GivesBackWhatItQuoted) {
  const Rows rows{{"a", "b,c", "\"d\"", ""}, {"e\nf", "\"", ",", "g\r\nh"}};
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t k = 0; k < row.size(); ++k) text += (k > 0 ? "," : "") + csv_field(row[k]);
    text += "\n";
  }
  EXPECT_EQ(parse_csv(text), rows);
}

TEST(Csv, TakesEitherLineEndAndALastLineWithoutOne) {
  EXPECT_EQ(parse_csv("a,b\r\nc,d\ne,f"), (Rows{{"a", "b"}, {"c", "d"}, {"e", "f"}}));
  EXPECT_EQ(parse_csv(""), Rows{});
  EXPECT_EQ(parse_csv("a,\n"), (Rows{{"a", ""}}));
}

}  // namespace csv_test
}  // namespace permafrost
