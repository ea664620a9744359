// SPDX-License-Identifier: Apache-2.0
#pragma once

// Frames of a clip as a panel, and the attention over its tokens as a veil on the same frames. The
// pixels are in the page once: panels of attention refer to those of the frames.
#include <string>
#include <vector>

#include "bench/report/figures/panel.h"
#include "datasets/clip.h"
#include "models/network/encoder_spec.h"

namespace permafrost {

// The first frame of each tubelet, four tubelets at most and 64 pixels high at most. `id` is the
// picture's in the page.
Panel frames_panel(const Clip& clip, const EncoderSpec& spec, const std::string& id,
                   const std::string& title);

// `attention` [N] over the patch tokens of a clip: the largest is clear, the others are dark by the
// square root of their share of it.
Panel attention_panel(const std::vector<float>& attention, const EncoderSpec& spec,
                      const std::string& frames_id, const std::string& title,
                      const std::string& alt);

}  // namespace permafrost
