// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/families/family.h"

#include "common/error.h"

namespace permafrost {

const std::vector<Family>& families() {
  static const std::vector<Family> all{dinov2_family(), videomae_family(), vit_mae_family(),
                                       ijepa_family(),  vjepa_family(),    vjepa2_family()};
  return all;
}

const Family& family_named(const std::string& name) {
  for (const auto& family : families())
    if (family.name == name) return family;
  throw Error("no family is named " + quoted(name));
}

}  // namespace permafrost
