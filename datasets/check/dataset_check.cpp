// SPDX-License-Identifier: Apache-2.0
#include "datasets/check/dataset_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>
#include <unordered_map>

#include "common/error.h"
#include "common/files/files.h"
#include "common/machine/parallel.h"
#include "datasets/lists/class_names.h"
#include "datasets/lists/missing_files.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

struct Stamp {
  std::int64_t bytes = -1, changed = 0;
};

// Whether a file is the one that was looked at before.
Stamp stamp_of(const fs::path& path) {
  std::error_code error;
  Stamp stamp;
  const auto time = fs::last_write_time(path, error);
  if (error) return stamp;
  stamp.changed = static_cast<std::int64_t>(time.time_since_epoch().count());
  if (fs::is_directory(path, error))
    stamp.bytes = count_frame_files(path);
  else if (const auto bytes = fs::file_size(path, error); !error)
    stamp.bytes = static_cast<std::int64_t>(bytes);
  return stamp;
}

// Why a path that is there is neither a file nor a folder; empty where it is, or is missing.
std::string why_no_file(const fs::path& path) {
  std::error_code error;
  const auto kind = fs::status(path, error).type();
  if (kind == fs::file_type::none) return error.message();  // links in a circle
  const bool is_usual = kind == fs::file_type::regular || kind == fs::file_type::directory ||
                        kind == fs::file_type::not_found || kind == fs::file_type::unknown;
  return is_usual ? "" : "a named pipe, socket or device, not a file";
}

Distribution distribution_of(std::vector<double> values) {
  Distribution spread;
  if (values.empty()) return spread;
  std::sort(values.begin(), values.end());
  for (const double value : values) spread.sum += value;
  spread.least = values.front();
  spread.most = values.back();
  spread.mean = spread.sum / static_cast<double>(values.size());
  const std::size_t half = values.size() / 2;
  spread.median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return spread;
}

// What a list tells of frames, against what is there. Not kept in the journal: it is
// of the list, not of the folder.
void compare_frames(const ManifestEntry& entry, FileCheck& check) {
  if (entry.frames_told == 0 || check.state != FileState::whole ||
      check.frames == entry.frames_told)
    return;
  check.state = FileState::damaged;
  check.reason = "the list tells of " + std::to_string(entry.frames_told) + " frames, " +
                 std::to_string(check.frames) + " are there";
  std::error_code ignored;
  if (!fs::is_directory(entry.path, ignored))
    check.reason += " (if both numbers are labels: several labels on a line are not supported)";
}

void count_file(const FoundFile& file, DatasetReport& report, ListReport& list) {
  const FileCheck& check = file.check;
  if (check.state == FileState::missing) {
    ++list.missing;
    report.missing.push_back(file);
    return;
  }
  ++list.found;
  report.bytes += check.bytes;
  for (const int label : file.target.labels()) ++list.class_sizes[static_cast<std::size_t>(label)];
  if (check.state == FileState::unreadable) {
    ++list.unreadable;
    report.unreadable.push_back(file);
    return;
  }
  ++(check.state == FileState::whole ? list.whole : list.damaged);
  if (check.state == FileState::damaged) report.damaged.push_back(file);
  ++(check.still ? report.images : report.videos);
  ++report.sizes[std::to_string(check.width) + "x" + std::to_string(check.height)];
  ++report.codecs[check.codec];
  if (!check.still && check.frames < report.least_frames) report.short_videos.push_back(file);
}

std::vector<Duplicate> duplicates_of(const std::vector<FoundFile>& files) {
  std::unordered_map<std::string, std::vector<std::size_t>> by_content;
  for (std::size_t i = 0; i < files.size(); ++i)
    // Of nothing, an empty file and an empty folder have the same hash.
    if (!files[i].check.sha256.empty() && files[i].check.bytes > 0)
      by_content[files[i].check.sha256].push_back(i);
  std::vector<Duplicate> duplicates;
  for (const auto& file : files) {
    const auto it = by_content.find(file.check.sha256);
    if (it == by_content.end() || it->second.size() < 2) continue;
    Duplicate duplicate{.sha256 = it->first};
    std::set<std::string> lists;
    std::set<std::vector<int>> labels;
    for (const std::size_t i : it->second) {
      duplicate.files.push_back(files[i]);
      lists.insert(files[i].list);
      labels.insert(files[i].target.labels());
    }
    duplicate.across_lists = lists.size() > 1;
    duplicate.across_labels = labels.size() > 1;
    duplicates.push_back(std::move(duplicate));
    by_content.erase(it);
  }
  return duplicates;
}

std::string number(std::size_t count) { return std::to_string(count); }

// " one" and " several", for sentences.
std::string counted(std::size_t count, const std::string& one, const std::string& several) {
  return number(count) + " " + (count == 1 ? one : several);
}

void judge_classes(const ListReport& list, DatasetReport& report) {
  std::vector<std::string> empty;
  for (std::size_t k = 0; k < list.class_sizes.size(); ++k)
    if (list.class_sizes[k] == 0)
      empty.push_back(class_name_of(report.class_names, static_cast<int>(k)));
  if (empty.empty()) return;
  std::string some;
  for (std::size_t k = 0; k < std::min<std::size_t>(empty.size(), 5); ++k)
    some += (k > 0 ? ", " : "") + empty[k];
  report.wrong.push_back("list " + list.name + ": " +
                         counted(empty.size(), "class has", "classes have") + " no file: " + some +
                         (empty.size() > 5 ? ", ..." : ""));
}

void judge(DatasetReport& report) {
  const auto add = [&](std::size_t count, const std::string& one, const std::string& several) {
    if (count > 0) report.wrong.push_back(counted(count, one, several));
  };
  add(report.missing.size(), "file is missing", "files are missing");
  add(report.unreadable.size(), "file cannot be read", "files cannot be read");
  add(report.damaged.size(), "file is damaged", "files are damaged");
  const std::string least = number(static_cast<std::size_t>(report.least_frames));
  add(report.short_videos.size(), "video has fewer than " + least + " frames",
      "videos have fewer than " + least + " frames");
  add(report.duplicates.size(), "content comes more than once", "contents come more than once");
  std::size_t lists = 0, labels = 0;
  for (const auto& duplicate : report.duplicates) {
    lists += duplicate.across_lists ? 1 : 0;
    labels += duplicate.across_labels ? 1 : 0;
  }
  add(lists, "content is in both lists", "contents are in both lists");
  add(labels, "content has several labels", "contents have several labels");
  for (const auto& list : report.lists) {
    if (const std::string split =
            split_hint(static_cast<std::size_t>(list.missing),
                       static_cast<std::size_t>(list.entries), list.first_split);
        !split.empty())
      report.wrong.push_back("list " + list.name + ": " + split);
    if (list.released > 0 && list.released != list.found)
      report.wrong.push_back("list " + list.name + ": " + std::to_string(list.found) +
                             " samples found of " + std::to_string(list.released) +
                             " that were released");
    if (list.entries > 0)
      judge_classes(list, report);  // else they are all without
    else if (list.released == 0)
      report.wrong.push_back("list " + list.name + ": no samples found");
  }
}

}  // namespace

CheckedFiles::CheckedFiles(const fs::path& journal) : journal_(journal) {
  if (journal.empty()) return;
  std::error_code error;
  if (journal.has_parent_path()) fs::create_directories(journal.parent_path(), error);
  if (fs::exists(journal, error)) read(journal);
  descriptor_ = ::open(journal.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    throw InputError(journal.string(), "", "a file that can be written", system_reason());
}

CheckedFiles::~CheckedFiles() {
  if (descriptor_ < 0) return;
  ::fsync(descriptor_);
  ::close(descriptor_);
}

void CheckedFiles::read(const fs::path& journal) {
  const std::string text = read_file(journal);
  const std::size_t end = text.find_last_of('\n') + 1;  // npos + 1 is 0
  std::size_t line = 1;
  for (std::size_t begin = 0; begin < end; ++line) {
    const std::size_t stop = text.find('\n', begin);
    try {
      read_line(text.substr(begin, stop - begin), journal.string() + ":" + std::to_string(line));
    } catch (const InputError&) {
      if (known_.empty() && text.find('\n', stop + 1) == std::string::npos) throw;
    }
    begin = stop + 1;
  }
  if (end < text.size()) {
    std::error_code error;
    fs::resize_file(journal, end, error);  // else the next line would go on behind the cut one
    if (error) throw InputError(journal.string(), "", "a file to write to", error.message());
  }
}

void CheckedFiles::read_line(const std::string& line, const std::string& where) {
  const Json json = parse_json(line, where);
  JsonObject object(json, where);
  Known known;
  const std::string path = object.text("path");
  known.bytes = object.integer("bytes");
  known.changed = object.integer("changed");
  const Json* check = object.child("check");
  if (check == nullptr) throw InputError(where, "check", "an object", "none");
  known.check = read_file_check(*check, where + ":/check");
  object.finish();
  known_[path] = std::move(known);
}

FileCheck CheckedFiles::check(const fs::path& path, const FilePart& range) {
  const Stamp stamp = stamp_of(path);
  std::string name = path.string();
  if (range.is_part())
    name += "#" + std::to_string(range.offset) + "+" + std::to_string(range.bytes);
  {
    const std::lock_guard lock(mutex_);
    const auto it = known_.find(name);
    if (it != known_.end() && it->second.bytes == stamp.bytes &&
        it->second.changed == stamp.changed && stamp.bytes >= 0)
      return it->second.check;
  }
  const std::string no_file = why_no_file(path);
  const FileCheck check = no_file.empty()
                              ? check_file(path, range)
                              : FileCheck{.state = FileState::unreadable, .reason = no_file};
  if (check.state == FileState::missing) return check;  // may come
  const Json json = {{"path", name},
                     {"bytes", stamp.bytes},
                     {"changed", stamp.changed},
                     {"check", to_json(check)}};
  const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  known_[name] = {stamp.bytes, stamp.changed, check};
  taken_next_ += line;
  write_line(line);
  return check;
}

// One call a line: lines of a run that is killed are whole, but for the last.
void CheckedFiles::write_line(const std::string& line) {
  if (descriptor_ < 0) return;
  const ssize_t written = ::write(descriptor_, line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size()))
    throw Error(journal_.string() +
                ": cannot write: " + std::strerror(written < 0 ? errno : ENOSPC));
}

std::string CheckedFiles::take_lines() {
  const std::lock_guard lock(mutex_);
  return std::exchange(taken_next_, {});
}

void CheckedFiles::adopt(const std::string& lines) {
  const std::lock_guard lock(mutex_);
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    try {
      read_line(line, "lines of another process");
    } catch (const InputError&) {
      continue;
    }
    write_line(line + "\n");
  }
}

double ListReport::coverage() const {
  return entries == 0 ? 0 : static_cast<double>(whole + damaged) / static_cast<double>(entries);
}

DatasetReport check_dataset(const std::vector<NamedList>& lists, const DatasetCheckOptions& options,
                            CheckedFiles& files) {
  DatasetReport report;
  report.least_frames = options.least_frames;
  std::vector<FoundFile> found;
  std::vector<const ManifestEntry*> entries;
  for (const auto& list : lists) {
    for (const auto& entry : list.manifest.entries) {
      found.push_back(
          {.list = list.name, .name = entry.name, .line = entry.line, .target = target_of(entry)});
      entries.push_back(&entry);
    }
    report.classes = std::max(report.classes, list.manifest.classes);
    if (report.class_names.size() < list.manifest.class_names.size())
      report.class_names = list.manifest.class_names;  // of the test list, if it has further ones
  }
  parallel_for(static_cast<std::int64_t>(entries.size()), options.threads, [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    found[i].check = files.check(entries[i]->path, entries[i]->range);
    compare_frames(*entries[i], found[i].check);
    if (options.done) options.done();
  });
  std::size_t next = 0;
  for (const auto& list : lists) {
    ListReport out{.name = list.name,
                   .path = list.path.string(),
                   .identity = list.manifest.identity,
                   .entries = static_cast<std::int64_t>(list.manifest.entries.size()),
                   .released = list.samples,
                   .first_split = list.manifest.first_split,
                   .left_out = list.manifest.left_out};
    out.class_sizes.resize(static_cast<std::size_t>(report.classes));
    for (std::int64_t k = 0; k < out.entries; ++k) {
      if (found[next].check.state == FileState::whole)
        out.whole_entries.push_back(static_cast<std::size_t>(k));
      count_file(found[next++], report, out);
    }
    report.lists.push_back(std::move(out));
  }
  std::vector<double> frames, seconds, rates;
  for (const auto& file : found) {
    const FileCheck& check = file.check;
    if (check.frames == 0 || check.still) continue;
    frames.push_back(static_cast<double>(check.frames));
    if (check.duration > 0) seconds.push_back(check.duration);
    if (check.fps > 0) rates.push_back(check.fps);
  }
  report.frames = distribution_of(std::move(frames));
  report.seconds = distribution_of(std::move(seconds));
  report.rates = distribution_of(std::move(rates));
  report.duplicates = duplicates_of(found);
  report.wrong = options.wrong;
  if (options.classes > 0 && report.classes != options.classes)
    report.wrong.push_back(std::to_string(report.classes) + " classes found of " +
                           std::to_string(options.classes) + " that were released");
  judge(report);
  return report;
}

}  // namespace permafrost
