// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lists of labelled files, in the forms that people have. read_manifest() takes
//
//   text    one `path label` a line, as in jepa, V-JEPA 2, VideoMAE and SlowFast:
//             clips/a.mp4 3                    parted by a space, tab, comma or "::"
//             "clips/b, second take.mp4",3     quotes as in CSV; what stands behind the last
//             clips/my cat.mp4 1                  separator outside of quotes is the label
//             frames/v17 36 1                  a folder of frames, with their number or without
//           or with a header line that names the columns (path|file|filename|video or names such as
//           video_path and file_name, label|class|label_name|class_name|category, group, split;
//           others are ignored), where every line has as many fields as the header:
//             file,label,group
//             fight/fi001.mp4,fight,1
//           Kinetics' own lists (label,youtube_id,time_start,time_end,split) name their files
//           <youtube_id>_<start>_<end>, six digits each. Blank lines and comments are skipped: "#"
//           with a blank or nothing behind it, as names of files may begin with one. A byte order
//           mark and CRLF are taken.
//   .json   a list of objects, as of Something-Something (id, template) and Diving-48 (vid_name,
//           label): the file is under path|file|video|id|vid_name, the label under
//           template|label|class, a group under group, a split under split. "[something]" of a
//           template becomes "something", as the label files of that set write it.
//   .jsonl  the same with an object a line.
//   folder  a folder a class, named after it, with image and video files at any depth.
//
//   .tar    shards of videos or images, read in place: one, a range ("train-{000..146}.tar"), or a
//           folder of them. A label stands beside a sample, as in WebDataset (7.mp4, 7.cls or
//           7.json), or is the folder in the archive that the member lies in. A video goes before
//           pictures of the same sample.
//   pack    a folder that `data pack` wrote; see datasets/pack/pack.h. Its samples are read by a
//           PackSource.
//
// A path may name a folder of numbered frames (00001.jpg ...), which is then one clip.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/images/file_part.h"
#include "datasets/target.h"

namespace permafrost {

// Labels of lists and classes of datasets are below it: more are a mistake, and much is as large as
// the number of classes.
inline constexpr int kMostClasses = 1'000'000;

struct ManifestEntry {
  std::filesystem::path path;  // resolved against the root
  std::string name;            // the path as written
  int label = -1;              // -1: none
  // Set in lists of several labels a sample, whose label is -1: ascending, each once.
  std::optional<std::vector<int>> label_set;
  // Samples of one group are never split between train and test. Groups are numbered by first
  // appearance; without a group column every line is a group of its own.
  std::int64_t group = 0;
  // File size, or number of frames of a folder; -1 where there is no such file.
  std::int64_t bytes = -1;
  std::int64_t frames_told = 0;  // that the list says there are; 0: it does not say
  FilePart range;                // of a member of an archive; the path is then the archive's
  int line = 0;  // in the manifest, from 1; in JSON and in folders the number of the entry
};

// What a line of a list says of its sample. The one place where lists become targets.
inline Target target_of(const ManifestEntry& entry) {
  return entry.label_set ? Target::of_set(*entry.label_set) : Target(entry.label);
}

// "3", or "{3,7}" of several: as identities have it.
std::string label_text(const ManifestEntry& entry);

struct ManifestOptions {
  bool require_files = true;  // a path without a file is an error
  // False: a line may be a path alone, and gets the label -1.
  bool labels_required = true;
  // For what needs no labels: all are -1, whatever stands there, and numbers behind a path, of
  // which there may be two (VideoMAE's `clips/a.mp4 0 -1`), are not looked at.
  bool labels_ignored = false;
  // Several labels a sample, or none: `a.mp4 3 7`, where all that stands behind the path is labels;
  // a column label|labels|actions with "3;7" (see label_sets.h); in JSON an array of them under
  // labels, label or class. A list says nothing of it by itself, as `frames/v17 36 1` is another
  // form.
  bool multi_label = false;
  // The names of the classes in order of their index. Labels are then names or indices below their
  // number; without it labels are whole numbers from 0.
  std::vector<std::string> class_names;
  // Without class_names: labels that are names become the classes, sorted by their bytes. A list
  // that mixes names and numbers is an error.
  bool name_classes = false;
  int classes = 0;             // without names: labels are below it; 0: not known
  std::filesystem::path root;  // where paths start; empty: the manifest's folder
  std::string extension;       // ".webm": put behind paths that do not end in a media ending
  std::string separator;       // of text lines: ",", ";", "::", "\t" or " "; empty: found out
  // Only lines of this value in the column (or field) "split", or members of archives below this
  // folder; empty: all. A list that cannot tell is an error.
  std::string split;
  // For a look at what is there so far: folders of classes may be empty, archives of a range may be
  // missing.
  bool partial = false;
  // Folders that are none of class_names are further classes, behind these.
  bool further_classes = false;
};

struct Manifest {
  std::vector<ManifestEntry> entries;    // in the order of the file, at least one
  int classes = 0;                       // number of class names, or largest label + 1
  std::vector<std::string> class_names;  // as given, or as found in folders and labels; or none
  // SHA-256 over one line an entry, in order: path relative to the root (absolute if outside of
  // it), label, group and file size, parted by tabs. Moving the folder keeps it. The bytes of the
  // files are not read: a file replaced by one of the same size goes unnoticed.
  std::string identity;

  // How the first entry was read, for a message when most files are missing: "list.txt:1 is read as
  // path "a" and label "3"".
  std::string first_split;

  // Files in folders of classes that are no videos or images by their ending: ".txt": 3. Those
  // without an ending are under "none".
  std::map<std::string, std::int64_t> left_out;

  std::int64_t missing() const;  // entries without a file
};

// Throws InputError naming file and line ("clips.csv:3: label: expected a whole number from 0,
// found "cat""), also for a manifest without entries.
Manifest read_manifest(const std::filesystem::path& path, const ManifestOptions& options = {});

// A training list and its test list as one: the entries of `test` behind those of `train`, groups
// apart.
Manifest joined_lists(Manifest train, const Manifest& test);

// What a list is read from: the archives of a range, else the file or folder itself. Throws
// InputError for a range that is none.
std::vector<std::filesystem::path> files_of_list(const std::filesystem::path& path);

// Whether a text is JSON Lines: an object a line.
bool is_json_lines(std::string_view text);

// Whether the ending of a path is one of image or video files.
bool is_media_path(const std::filesystem::path& path);

}  // namespace permafrost
