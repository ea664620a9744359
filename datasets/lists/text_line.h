// SPDX-License-Identifier: Apache-2.0
#pragma once

// One line of a text list: its fields, and which part of it is the path. Used by manifest.cpp.
#include <string>
#include <string_view>
#include <vector>

#include "datasets/lists/manifest_builder.h"

namespace permafrost {

inline constexpr std::string_view kBlanks = " \t\r\v\f\n";

inline constexpr auto kNowhere = std::string_view::npos;

// Without blanks and line breaks at both ends.
std::string_view trimmed(std::string_view text);

// A blank after "#", or nothing: "#1.mp4,0" is an entry, as no one would write it as a comment.
bool is_comment(std::string_view line);

// Parted by `separator` (" " for runs of blanks) outside of quotes, which are taken off.
std::vector<std::string> fields_of(std::string_view line, const std::string& separator);

// Where the paths of a list start, for a look at what is there.
struct ListPlace {
  const ManifestOptions& options;
  std::filesystem::path root;
};

// A line "path label" without a header. The last separator outside of quotes parts the two, unless
// that leaves no path of a video or image and another reading does: a path that ends as one, with a
// name of several words behind it ("a.mp4 playing guitar"), with a number of frames and a label
// ("a.mp4 36 1"), or behind its label ("1 a.mp4"); else a path that is there. Throws InputError
// naming `where` for three numbers and more.
ManifestRow row_without_header(std::string_view line, const ListPlace& place,
                               const std::string& where);

// Without a label, whatever stands behind the path.
ManifestRow unlabelled_row(std::string_view line, const ManifestOptions& options);

// The one message about lines with several labels where one is asked for.
[[noreturn]] void refuse_several_labels(const std::string& where, std::string_view line);

}  // namespace permafrost
