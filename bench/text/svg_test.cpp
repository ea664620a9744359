// SPDX-License-Identifier: Apache-2.0
#include "bench/text/svg.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace svg_test {

TEST(Svg, ElementsHaveTheirPlacesAndLooks) {
  EXPECT_EQ(svg_line({.x = 1, .y = 2}, {.x = 3.04, .y = -0.01}, {{"stroke", "black"}}),
            "<line x1=\"1.0\" y1=\"2.0\" x2=\"3.0\" y2=\"0.0\" stroke=\"black\"></line>\n");
  EXPECT_EQ(svg_box({.x = 1, .y = 2, .width = 3, .height = 4}, {}),
            "<rect x=\"1.0\" y=\"2.0\" width=\"3.0\" height=\"4.0\"></rect>\n");
  EXPECT_EQ(svg_path("M0 0", {{"fill", "none"}}), "<path d=\"M0 0\" fill=\"none\"></path>\n");
}

TEST(Svg, NothingInATextOrALookBecomesMarkup) {
  EXPECT_EQ(
      svg_text({.x = 0, .y = 1}, "<a> & 'b'", {{"fill", "\"x\""}}),
      "<text x=\"0.0\" y=\"1.0\" fill=\"&quot;x&quot;\">&lt;a&gt; &amp; &#39;b&#39;</text>\n");
}

}  // namespace svg_test
}  // namespace permafrost
