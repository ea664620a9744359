// SPDX-License-Identifier: Apache-2.0
#pragma once

// Specs of published encoders by name, for --spec: what their files do not tell.
#include <string>
#include <vector>

#include "common/json/json_object.h"

namespace permafrost {

std::vector<std::string> known_spec_names();

// The fields that --spec gives: of a known name, of a JSON object, or of a file that holds one;
// none for an empty text. Throws InputError naming --spec.
Json spec_option(const std::string& text);

}  // namespace permafrost
