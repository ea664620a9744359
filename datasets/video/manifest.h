// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lists of labelled files.
//
//   clips/a.mp4 3                     one `path label` a line, parted by a space, tab or comma
//   "clips/b, second take.mp4",3      quotes as in CSV; what stands behind the last separator
//   outside clips/my cat.mp4 1                of quotes is the label, so spaces in paths need none
//
// or with a header line that names the columns (path|file|video, label|class, group; others are
// ignored), where every line has as many fields as the header:
//
//   file,label,group
//   fight/fi001.mp4,fight,1
//
// Paths are relative to the manifest's folder, or absolute. Blank lines and lines that begin with #
// are skipped; a byte order mark and CRLF are taken.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace permafrost {

struct ManifestEntry {
  std::filesystem::path path;  // resolved against the manifest's folder
  std::string name;            // the path as written
  int label = -1;              // -1: none
  // Samples of one group are never split between train and test. Groups are numbered by first
  // appearance; without a group column every line is a group of its own.
  std::int64_t group = 0;
  std::int64_t bytes = -1;  // file size; -1 where there is no such file
  int line = 0;             // in the manifest, from 1
};

struct ManifestOptions {
  bool require_files = true;  // a path without a file is an error
  // False: a line may be a path alone, and gets the label -1.
  bool labels_required = true;
  // The names of the classes in order of their index. Labels are then names or indices below their
  // number; without it labels are whole numbers from 0.
  std::vector<std::string> class_names;
};

struct Manifest {
  std::vector<ManifestEntry> entries;  // in the order of the file, at least one
  int classes = 0;                     // number of class names, or largest label + 1
  // SHA-256 over one line an entry, in order: path relative to the manifest's folder (absolute if
  // outside of it), label, group and file size, parted by tabs. Moving the folder keeps it. The
  // bytes of the files are not read: a file replaced by one of the same size goes unnoticed.
  std::string identity;
};

// Throws InputError naming file and line ("clips.csv:3: label: expected a whole number from 0,
// found "cat""), also for a manifest without entries.
Manifest read_manifest(const std::filesystem::path& path, const ManifestOptions& options = {});

}  // namespace permafrost
