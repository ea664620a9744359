// SPDX-License-Identifier: Apache-2.0
#pragma once

// A box in a clip, for tasks that ask about one thing of several (localised_action, as AVA): the same
// in every frame.
namespace permafrost {

// Shares of the frame's width and height, 0 <= left < right <= 1 and 0 <= top < bottom <= 1.
struct Box {
  float left = 0, top = 0, right = 1, bottom = 1;
  bool operator==(const Box&) const = default;
};

}  // namespace permafrost
