// SPDX-License-Identifier: Apache-2.0
#include "datasets/check/file_check.h"

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace permafrost {
namespace {

constexpr const char* kStates[] = {"whole", "damaged", "unreadable", "missing"};

}  // namespace

std::string name_of(FileState state) { return kStates[static_cast<int>(state)]; }

FileState file_state_named(const std::string& name, const std::string& where) {
  for (int k = 0; k < 4; ++k)
    if (name == kStates[k]) return static_cast<FileState>(k);
  throw InputError(where, "state", "whole, damaged, unreadable or missing", quoted(name));
}

Json to_json(const FileCheck& check) {
  return {{"state", name_of(check.state)},
          {"reason", check.reason},
          {"bytes", check.bytes},
          {"frames", check.frames},
          {"width", check.width},
          {"height", check.height},
          {"fps", check.fps},
          {"duration", check.duration},
          {"codec", check.codec},
          {"still", check.still},
          {"sha256", check.sha256}};
}

FileCheck read_file_check(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  FileCheck check;
  check.state = file_state_named(object.text("state"), where);
  check.reason = object.text("reason");
  check.bytes = object.integer("bytes");
  check.frames = object.integer("frames");
  check.width = static_cast<int>(object.integer("width", {}, 0, INT32_MAX));
  check.height = static_cast<int>(object.integer("height", {}, 0, INT32_MAX));
  check.fps = object.number("fps");
  check.duration = object.number("duration");
  check.codec = object.text("codec");
  check.still = object.boolean("still");
  check.sha256 = object.text("sha256");
  object.finish();
  return check;
}

}  // namespace permafrost
