// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/attention_panel.h"

#include <algorithm>
#include <cmath>

#include "bench/text/base64.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"
#include "common/files/png.h"

namespace permafrost {
namespace {

constexpr int kShownTubelets = 4, kMostPixels = 64, kFrame = 78, kFrameGap = 4;
constexpr double kDarkest = 0.82;

int shown_tubelets(const EncoderSpec& spec) { return std::min(kShownTubelets, spec.grid_t()); }

// One frame of every tubelet side by side, at most 64 pixels high.
Image strip_of(const Clip& clip, int tubelet, int tubelets) {
  const int step = std::max(1, (clip.shape.height + kMostPixels - 1) / kMostPixels);
  const int height = clip.shape.height / step, width = clip.shape.width / step;
  Image image(width * tubelets, height, 0);
  for (int t = 0; t < tubelets; ++t)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const std::uint8_t* pixel =
            clip.frame(t * tubelet) +
            (static_cast<std::size_t>(y * step) * static_cast<std::size_t>(clip.shape.width) +
             static_cast<std::size_t>(x * step)) *
                3;
        image.fill(t * width + x, y, 1, 1, {pixel[0], pixel[1], pixel[2]});
      }
  return image;
}

std::string rectangle(double x, double y, double w, double h, double opacity) {
  return "<rect x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" width=\"" + fixed(w, 1) +
         "\" height=\"" + fixed(h, 1) + "\" opacity=\"" + fixed(opacity, 2) + "\"/>";
}

// Frames under a veil that the most attended token lifts and an unattended one keeps; without
// attention the frames as they are.
std::string svg_of(const std::vector<float>& attention, const EncoderSpec& spec,
                   const std::string& frames_id, const std::string& definition,
                   const Panel& panel) {
  const int tubelets = shown_tubelets(spec);
  const float most = attention.empty() ? 1 : *std::max_element(attention.begin(), attention.end());
  const double w = static_cast<double>(kFrame) / spec.grid_w(),
               h = static_cast<double>(kFrame) / spec.grid_h();
  std::string frames, veil;
  for (int t = 0; t < tubelets; ++t) {
    const double left = t * (kFrame + kFrameGap);
    frames += html_element(
        "svg",
        {{"x", fixed(left, 1)},
         {"y", "0"},
         {"width", std::to_string(kFrame)},
         {"height", std::to_string(kFrame)},
         {"overflow", "hidden"}},
        html_element("use", {{"href", "#" + frames_id}, {"x", std::to_string(-t * kFrame)}}, ""));
    for (int y = 0; !attention.empty() && y < spec.grid_h(); ++y)
      for (int x = 0; x < spec.grid_w(); ++x) {
        const auto token = static_cast<std::size_t>((t * spec.grid_h() + y) * spec.grid_w() + x);
        veil += rectangle(left + x * w, y * h, w, h,
                          kDarkest * (1 - std::sqrt(attention[token] / most)));
      }
  }
  veil = html_element("g", {{"fill", "#000"}, {"shape-rendering", "crispEdges"}}, veil);
  return panel_svg(panel, definition + frames + veil);
}

std::string image_definition(const std::string& id, const Image& strip, int tubelets) {
  return html_element("defs",
                      html_element("image",
                                   {{"id", id},
                                    {"width", std::to_string(kFrame * tubelets)},
                                    {"height", std::to_string(kFrame)},
                                    {"preserveAspectRatio", "none"},
                                    {"class", "pixels"},
                                    {"href", "data:image/png;base64," + base64(png_bytes(strip))}},
                                   ""));
}

Panel empty_panel(const EncoderSpec& spec, const std::string& title, const std::string& alt) {
  return {.title = title,
          .alt = alt,
          .width = shown_tubelets(spec) * (kFrame + kFrameGap) - kFrameGap,
          .height = kFrame};
}

}  // namespace

Panel frames_panel(const Clip& clip, const EncoderSpec& spec, const std::string& id,
                   const std::string& title) {
  const int tubelets = shown_tubelets(spec);
  Panel panel = empty_panel(spec, title, title);
  panel.svg = svg_of({}, spec, id,
                     image_definition(id, strip_of(clip, spec.tubelet, tubelets), tubelets), panel);
  return panel;
}

Panel attention_panel(const std::vector<float>& attention, const EncoderSpec& spec,
                      const std::string& frames_id, const std::string& title,
                      const std::string& alt) {
  Panel panel = empty_panel(spec, title, alt);
  panel.svg = svg_of(attention, spec, frames_id, "", panel);
  return panel;
}

}  // namespace permafrost
