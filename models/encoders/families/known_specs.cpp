// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/families/known_specs.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

struct KnownSpec {
  const char* name;
  const char* family;
  int heads, frames, side;
};

// Heads, frames and input side as published; everything else is in the tensors' shapes.
constexpr KnownSpec kKnown[] = {
    {"vjepa-vitl16", "vjepa", 16, 16, 224},     {"vjepa-vith16", "vjepa", 16, 16, 224},
    {"vjepa-vith16-384", "vjepa", 16, 16, 384}, {"vjepa2-vitl", "vjepa2", 16, 64, 256},
    {"vjepa2-vith", "vjepa2", 16, 64, 256},     {"vjepa2-vitg", "vjepa2", 22, 64, 256},
    {"vjepa2-vitg-384", "vjepa2", 22, 64, 384}, {"videomae-vits", "videomae", 6, 16, 224},
    {"videomae-vitb", "videomae", 12, 16, 224}, {"videomae-vitl", "videomae", 16, 16, 224},
    {"videomae-vith", "videomae", 16, 16, 224}, {"videomae-vith-320", "videomae", 16, 32, 320},
    {"mae-vitb16", "vit_mae", 12, 1, 224},      {"mae-vitl16", "vit_mae", 16, 1, 224},
    {"mae-vith14", "vit_mae", 16, 1, 224},      {"ijepa-vith14", "ijepa", 16, 1, 224},
    {"ijepa-vith16-448", "ijepa", 16, 1, 448},  {"ijepa-vitg16", "ijepa", 16, 1, 224},
    {"dinov2-vits14", "dinov2", 6, 1, 518},     {"dinov2-vitb14", "dinov2", 12, 1, 518},
    {"dinov2-vitl14", "dinov2", 16, 1, 518},    {"dinov2-vitg14", "dinov2", 24, 1, 518}};

}  // namespace

std::vector<std::string> known_spec_names() {
  std::vector<std::string> names;
  for (const auto& known : kKnown) names.emplace_back(known.name);
  return names;
}

Json spec_option(const std::string& text) {
  if (text.empty()) return Json::object();
  for (const auto& known : kKnown)
    if (text == known.name)
      return {{"family", known.family},
              {"heads", known.heads},
              {"frames", known.frames},
              {"height", known.side},
              {"image_width", known.side}};
  std::error_code ignored;
  Json json;
  if (text.front() == '{')
    json = parse_json(text, "--spec");
  else if (std::filesystem::is_regular_file(text, ignored))
    json = read_json(text);
  else
    throw InputError(
        "--spec", "",
        "a JSON object, a file that holds one, or one of " + joined(known_spec_names()),
        quoted(text), "nearest name: " + quoted(nearest_name(text, known_spec_names())));
  if (!json.is_object()) throw InputError("--spec", "", "a JSON object", json.dump());
  return json;
}

}  // namespace permafrost
