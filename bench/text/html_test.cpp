// SPDX-License-Identifier: Apache-2.0
#include "bench/text/html.h"

#include <gtest/gtest.h>

#include "bench/text/base64.h"

namespace permafrost {
namespace html_test {

TEST(Html, LeavesNothingOfMarkupInText) {
  EXPECT_EQ(html_text("<script>alert(\"1\" & '2')</script>"),
            "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
  EXPECT_EQ(html_text("a\x01\x1b[31m\tb\nc\x7f"), "a[31m\tb\nc");
}

TEST(Html, KeepsUtf8AndMendsWhatIsNot) {
  EXPECT_EQ(html_text("τ–é𝄞"), "τ–é𝄞");
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(html_text("a\xffz"), "a" + mark + "z");
  EXPECT_EQ(html_text("\xC0\xBC"), mark + mark) << "an overlong '<'";
  EXPECT_EQ(html_text("\xED\xA0\x80"), mark + mark + mark) << "a surrogate";
  EXPECT_EQ(html_text("\xE2\x82"), mark + mark) << "cut short";
  EXPECT_EQ(html_text("\xF5\x80\x80\x80"), mark + mark + mark + mark);
}

TEST(Html, EscapesAttributes) {
  EXPECT_EQ(html_element("td", {{"class", "a\" onload=\"x"}}, "1"),
            "<td class=\"a&quot; onload=&quot;x\">1</td>");
  EXPECT_EQ(html_link("#a", "b"), "<a href=\"#a\">b</a>");
}

TEST(Html, ShortensByCharacters) {
  EXPECT_EQ(shortened("abcd", 4), "abcd");
  EXPECT_EQ(shortened("abcde", 4), "abc…");
  EXPECT_EQ(shortened("ééééé", 3), "éé…");
  EXPECT_EQ(shortened("", 3), "");
}

// The test vectors of RFC 4648, section 10.
TEST(Base64, IsThatOfTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

}  // namespace html_test
}  // namespace permafrost
