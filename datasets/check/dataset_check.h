// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every file of a dataset decoded once, and what was found: for `permafrost data check`.
//
//   CheckedFiles files(out / "files.jsonl");
//   const DatasetReport report = check_dataset(lists, {.threads = 8}, files);
//   write_file_atomically(out / "check.txt", to_text(report));
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/check/file_check.h"
#include "datasets/tasks/task_lists.h"

namespace permafrost {

// What is known of files, kept as lines of JSON, so that a run that was ended goes on. A file that
// has changed since (size or time) counts as not known. Thread-safe.
class CheckedFiles {
 public:
  // An empty path keeps nothing. Lines that are damaged are left out, so that their files are
  // checked again. Throws InputError for a file that has lines and not one of a check.
  explicit CheckedFiles(const std::filesystem::path& journal);
  ~CheckedFiles();
  CheckedFiles(const CheckedFiles&) = delete;
  CheckedFiles& operator=(const CheckedFiles&) = delete;

  // Known from before, or checked now and noted.
  FileCheck check(const std::filesystem::path& path, const FilePart& range = {});
  // Lines of what was checked since the last call, for another process that does a part.
  std::string take_lines();
  // Those of another process: known from now on, and noted. Damaged ones are left out.
  void adopt(const std::string& lines);
  std::int64_t known() const { return static_cast<std::int64_t>(known_.size()); }

 private:
  struct Known {
    std::int64_t bytes = 0, changed = 0;
    FileCheck check;
  };
  void read(const std::filesystem::path& journal);
  void read_line(const std::string& line, const std::string& where);
  void write_line(const std::string& line);
  std::map<std::string, Known> known_;
  std::filesystem::path journal_;
  int descriptor_ = -1;
  std::string taken_next_;  // lines for take_lines()
  std::mutex mutex_;
};

struct DatasetCheckOptions {
  std::int64_t least_frames = 16;  // a video of fewer is short
  int threads = 1;
  int classes = 0;                 // as released; 0: not known
  std::vector<std::string> wrong;  // found on reading the lists: stands first in the report
  std::function<void()> done;      // called once a file, from any thread
};

// A file as it stands in a list.
struct FoundFile {
  std::string list, name;
  int line = 0;
  Target target;
  FileCheck check;
};

// Files of one content.
struct Duplicate {
  std::string sha256;
  std::vector<FoundFile> files;
  bool across_lists = false, across_labels = false;
};

struct ListReport {
  std::string name, path, identity;  // identity: see Manifest
  std::int64_t entries = 0, found = 0, whole = 0, damaged = 0, unreadable = 0, missing = 0;
  std::int64_t released = 0;                     // 0: not known
  std::string first_split;                       // see Manifest
  std::map<std::string, std::int64_t> left_out;  // see Manifest
  std::vector<std::int64_t> class_sizes;         // [classes]
  std::vector<std::size_t> whole_entries;        // numbers in the list, in order
  // Share of the entries that give a clip.
  double coverage() const;
};

// Least, median, mean and most of what is known; zeros where nothing is.
struct Distribution {
  double least = 0, median = 0, mean = 0, most = 0, sum = 0;
};

struct DatasetReport {
  std::vector<ListReport> lists;
  std::vector<std::string> class_names;
  int classes = 0;
  // In the order of the lists.
  std::vector<FoundFile> missing, unreadable, damaged, short_videos;
  std::vector<Duplicate> duplicates;    // by the first file
  Distribution frames, seconds, rates;  // of videos; seconds and rates where they are known
  std::map<std::string, std::int64_t> sizes, codecs;  // "854x480" and "h264": files
  std::int64_t bytes = 0, images = 0, videos = 0, least_frames = 0;
  // One sentence for everything that is wrong; empty when nothing is.
  std::vector<std::string> wrong;
};

// The lists must have been read without asking for their files. Results do not depend on threads.
DatasetReport check_dataset(const std::vector<NamedList>& lists, const DatasetCheckOptions& options,
                            CheckedFiles& files);

// The whole files of a list as a list of its own: absolute paths, names of classes or labels, and
// groups where there are some. Empty where no file is whole, and for members of archives, which no
// list of files can name.
std::string whole_list(const Manifest& list, const ListReport& report);

OrderedJson to_json(const DatasetReport& report);
std::string to_text(const DatasetReport& report);

}  // namespace permafrost
