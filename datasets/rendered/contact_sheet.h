// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips as one picture: a row a clip, a column a frame.
#include <vector>

#include "common/files/png.h"
#include "datasets/clip.h"

namespace permafrost {

// Clips of this shape, one below the other, on dark grey; a clip that is not there (null) is red.
// Of longer clips so many frames are shown, evenly from the first to the last.
Image contact_sheet(const std::vector<const Clip*>& rows, const ClipShape& shape,
                    int most_columns = 256);

}  // namespace permafrost
