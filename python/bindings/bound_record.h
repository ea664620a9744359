// SPDX-License-Identifier: Apache-2.0
#pragma once

// A record as the module holds it.
#include "bench/records/record.h"

namespace permafrost::python {

struct BoundRecord {
  Record record;
  bool has_predictions = true;
};

}  // namespace permafrost::python
