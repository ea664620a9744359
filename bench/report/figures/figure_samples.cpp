// SPDX-License-Identifier: Apache-2.0
// Clips that a denoiser made out of noise, as `permafrost sample` left them in the folder.
#include <filesystem>

#include "bench/report/figures/figures.h"
#include "bench/text/base64.h"
#include "bench/text/html.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/json/json_object.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostBytes = std::size_t{4} << 20;

// A big-endian number of four bytes.
int number_at(const std::string& bytes, std::size_t at) {
  int value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value * 256 + static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// Width and height as the first chunk of a PNG file has them.
Panel panel_of(const fs::path& file) {
  const std::string bytes = read_file(file);
  const bool is_png = bytes.size() > 24 && bytes.compare(1, 3, "PNG") == 0;
  if (!is_png) throw InputError(file.string(), "", "a PNG file", "other bytes");
  if (bytes.size() > kMostBytes)
    throw InputError(file.string(), "", "at most 4 MiB", std::to_string(bytes.size()) + " bytes");
  Panel panel{.title = "", .alt = "a clip a row, its frames from left to right"};
  panel.width = number_at(bytes, 16);
  panel.height = number_at(bytes, 20);
  const std::string width = std::to_string(panel.width), height = std::to_string(panel.height);
  panel.svg = panel_svg(panel, html_element("image",
                                            {{"width", width},
                                             {"height", height},
                                             {"href", "data:image/png;base64," + base64(bytes)}},
                                            ""));
  return panel;
}

std::string caption_of(const fs::path& file) {
  const Json json = read_json(file.string());
  JsonObject object(json, file.string());
  const auto text = [&](const char* key) { return std::to_string(object.integer(key)); };
  return html_text("Clips that " + object.text("denoiser") + " made out of noise: " +
                   object.text("solver") + ", " + text("steps") + " steps, seed " + text("seed") +
                   ". A clip a row, its frames from left to right.");
}

}  // namespace

Figure samples_figure(const ResultsFolder& folder) {
  Figure figure{.id = "samples", .title = "Samples"};
  const fs::path samples = folder.path / "samples";
  std::error_code ignored;
  if (!fs::exists(samples / "samples.json", ignored)) return figure;
  try {
    figure.caption = caption_of(samples / "samples.json");
    figure.panels.push_back(panel_of(samples / "sheet.png"));
  } catch (const Error& error) {
    figure.panels.clear();
    figure.notes.push_back(std::string("Not drawn: ") + error.what());
  }
  return figure;
}

}  // namespace permafrost
