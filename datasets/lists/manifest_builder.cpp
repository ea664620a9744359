// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/manifest_builder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <system_error>
#include <utility>

#include "common/error.h"
#include "common/files/hash.h"
#include "common/machine/parallel.h"
#include "common/nearest_name.h"
#include "datasets/lists/label_sets.h"
#include "datasets/lists/missing_files.h"
#include "datasets/lists/text_line.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

std::int64_t size_of_file(const fs::path& path) {
  std::error_code error;
  const auto kind = fs::status(path, error).type();
  if (kind == fs::file_type::directory) {
    const auto frames = count_frame_files(path);
    return frames > 0 ? frames : -1;
  }
  if (kind != fs::file_type::regular) return -1;
  const auto bytes = fs::file_size(path, error);
  return error ? -1 : static_cast<std::int64_t>(bytes);
}

// "frames/v17 36" of a line "frames/v17 36 1" names a folder of frames and their number.
fs::path without_last_number(const fs::path& path) {
  const std::string text = path.string();
  const std::size_t cut = text.find_last_of(" \t,");
  if (cut == std::string::npos || !whole_number(std::string_view(text).substr(cut + 1))) return {};
  return text.substr(0, cut);
}

// "clips\\a.mp4", as lists from Windows have it.
fs::path with_slashes(const fs::path& path) {
  std::string text = path.string();
  std::replace(text.begin(), text.end(), '\\', '/');
  return text;
}

// "-1" and "1.5" as well: no label, but no name of a class either.
bool is_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

// "https://host/a.mp4", "s3://bucket/a.mp4".
bool is_address(const std::string& path) {
  const std::size_t cut = path.find("://");
  return cut != std::string::npos && cut > 0 &&
         std::all_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(cut), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

// All of up to 20 names; a thousand of them are no message.
std::string told(const std::vector<std::string>& names) {
  if (names.size() <= 20) return "one of the classes " + joined(names);
  return "one of the " + std::to_string(names.size()) + " classes";
}

}  // namespace

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > INT32_MAX) {
    return std::nullopt;
  }
  return value;
}

std::string label_text(const ManifestEntry& entry) {
  if (!entry.label_set) return std::to_string(entry.label);
  std::vector<std::string> texts;
  for (const int label : *entry.label_set) texts.push_back(std::to_string(label));
  return "{" + joined(texts, ",") + "}";
}

std::optional<std::int64_t> label_number(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot != std::string_view::npos && dot + 1 < text.size() &&
      text.find_first_not_of('0', dot + 1) == std::string_view::npos)
    text = text.substr(0, dot);
  return whole_number(text);
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return text;
}

ManifestBuilder::ManifestBuilder(const ManifestOptions& options, const fs::path& folder,
                                 std::function<std::string(int)> where)
    : options_(options),
      root_(options.root.empty() ? folder : options.root),
      where_(std::move(where)),
      class_names_(options.class_names) {
  for (std::size_t k = 0; k < class_names_.size(); ++k)
    classes_by_name_.emplace(class_names_[k], static_cast<int>(k));
}

int ManifestBuilder::label_of(const std::optional<std::string>& text, int line) {
  if (options_.labels_ignored) return -1;
  if (!text || text->empty()) {
    if (!options_.labels_required) return -1;
    throw InputError(where_(line), "label", "a label after the path", "none");
  }
  const auto named = classes_by_name_.find(*text);
  if (named != classes_by_name_.end()) return named->second;
  const auto number = label_number(*text);
  if (class_names_.empty()) {
    if (!number) throw InputError(where_(line), "label", "a whole number from 0", quoted(*text));
    const int classes = options_.classes > 0 ? options_.classes : kMostClasses;
    if (*number >= classes) {
      throw InputError(where_(line), "label", "a class from 0 to " + std::to_string(classes - 1),
                       quoted(*text));
    }
    return static_cast<int>(*number);
  }
  if (number && *number < static_cast<std::int64_t>(class_names_.size())) {
    return static_cast<int>(*number);
  }
  throw InputError(where_(line), "label", told(class_names_), quoted(*text),
                   "did you mean " + quoted(nearest_name(*text, class_names_)) + "?");
}

// The labels of a row; none where there is none.
std::vector<std::string> ManifestBuilder::texts_of(const ManifestRow& row) const {
  if (options_.multi_label && row.labels) return *row.labels;
  const std::string text = row.label.value_or("");
  if (options_.multi_label) return labels_of_cell(text);
  return text.empty() ? std::vector<std::string>{} : std::vector<std::string>{text};
}

void ManifestBuilder::give_labels(ManifestEntry& entry, const std::vector<std::string>& texts) {
  if (!options_.multi_label || options_.labels_ignored) {
    entry.label = label_of(texts.empty() ? std::nullopt : std::optional(texts[0]), entry.line);
    return;
  }
  std::set<int> labels;
  for (const auto& text : texts) labels.insert(label_of(text, entry.line));
  entry.label_set.emplace(labels.begin(), labels.end());
}

void ManifestBuilder::add(const ManifestRow& row, int line) {
  if (row.path.empty()) throw InputError(where_(line), "path", "a path", "none");
  if (is_address(row.path))
    throw InputError(where_(line), "path", "a file on this machine", quoted(row.path),
                     "nothing is fetched here: fetch the files, and list where they lie");
  if (entries_.empty())
    first_split_ =
        where_(line) + " is read as path " + quoted(row.path) + " and label " +
        quoted(row.label.value_or("")) +
        (row.frames_told > 0 ? " of " + std::to_string(row.frames_told) + " frames" : "");
  ManifestEntry entry;
  entry.name = row.path;
  fs::path file = row.path;
  if (!options_.extension.empty() && !is_media_path(file)) file += options_.extension;
  entry.path = file.is_absolute() ? file : root_ / file;
  if (row.range.is_part()) {
    entry.path = row.file;
    entry.range = row.range;
    entry.bytes = row.range.bytes;
  }
  entry.line = line;
  entry.frames_told = row.frames_told;
  const std::vector<std::string> texts = texts_of(row);
  const bool later = options_.name_classes && class_names_.empty();
  if (later) label_texts_.push_back(texts);
  if (!later || texts.empty()) give_labels(entry, texts);
  entry.group =
      row.group ? groups_.try_emplace(*row.group, next_group_).first->second : next_group_;
  if (entry.group == next_group_) ++next_group_;
  group_texts_.push_back(row.group.value_or(std::to_string(entries_.size())));
  entries_.push_back(std::move(entry));
}

// All labels are numbers, or all are names. The fewer of the two are the mistake; where they are as
// many, those that do not follow the first line.
void ManifestBuilder::refuse_mixed_labels() const {
  struct Kind {
    std::size_t first = 0, count = 0;
    std::string text;  // the first
  };
  Kind kinds[2];  // names, numbers
  for (std::size_t i = 0; i < label_texts_.size(); ++i)
    for (const auto& text : label_texts_[i]) {
      Kind& kind = kinds[is_number(text) ? 1 : 0];
      if (kind.count++ > 0) continue;
      kind.first = i;
      kind.text = text;
    }
  const Kind &names = kinds[0], &numbers = kinds[1];
  if (names.count == 0 || numbers.count == 0) return;
  const bool numbers_are_wrong =
      numbers.count != names.count ? numbers.count < names.count : names.first < numbers.first;
  const Kind& wrong = numbers_are_wrong ? numbers : names;
  const Kind& right = numbers_are_wrong ? names : numbers;
  throw InputError(where_(entries_[wrong.first].line), "label",
                   std::string(numbers_are_wrong ? "the name of a class" : "a whole number") +
                       " as at " + where_(entries_[right.first].line) + " (" + quoted(right.text) +
                       ")",
                   quoted(wrong.text),
                   "a list whose classes have numbers for names needs class_names or labels");
}

void ManifestBuilder::name_classes() {
  refuse_mixed_labels();
  std::set<std::string> names;
  for (const auto& texts : label_texts_)
    for (const auto& text : texts)
      if (!is_number(text)) names.insert(text);
  class_names_.assign(names.begin(), names.end());
  for (std::size_t k = 0; k < class_names_.size(); ++k)
    classes_by_name_.emplace(class_names_[k], static_cast<int>(k));
  for (std::size_t i = 0; i < label_texts_.size(); ++i)
    if (!label_texts_[i].empty()) give_labels(entries_[i], label_texts_[i]);
}

// Sets size and path of what is there; false where nothing is.
bool ManifestBuilder::find_file(ManifestEntry& entry) const {
  const auto found = [&](const fs::path& path) {
    const std::int64_t bytes = size_of_file(path);
    if (bytes < 0) return false;
    entry.path = path;
    entry.bytes = bytes;
    return true;
  };
  if (found(entry.path)) return true;
  const std::string named = entry.path.string();
  if (named.find('\\') != std::string::npos && found(with_slashes(entry.path))) return true;
  const fs::path folder = without_last_number(named);
  if (folder.empty()) return false;
  if (found(folder)) {
    entry.frames_told = whole_number(named.substr(folder.string().size() + 1)).value_or(0);
    return true;
  }
  for (fs::path rest = without_last_number(folder); !rest.empty(); rest = without_last_number(rest))
    if (size_of_file(rest) >= 0)
      refuse_several_labels(where_(entry.line), entry.name + " " + std::to_string(entry.label));
  return false;
}

void ManifestBuilder::look_at_files() {
  constexpr std::int64_t kPiece = 256;
  constexpr int kLeastThreads = 8;  // these wait for the disk, not for a core
  const auto count = static_cast<std::int64_t>(entries_.size());
  parallel_for((count + kPiece - 1) / kPiece, std::max(kLeastThreads, available_threads()),
               [&](std::int64_t piece) {
                 const std::int64_t end = std::min(count, (piece + 1) * kPiece);
                 for (std::int64_t i = piece * kPiece; i < end; ++i) {
                   ManifestEntry& entry = entries_[static_cast<std::size_t>(i)];
                   if (!entry.range.is_part()) find_file(entry);
                 }
               });
  if (options_.require_files) require_files();
}

void ManifestBuilder::require_files() const {
  const ManifestEntry* first = nullptr;
  std::size_t missing = 0;
  for (const auto& entry : entries_) {
    if (entry.bytes >= 0) continue;
    if (first == nullptr) first = &entry;
    ++missing;
  }
  if (first == nullptr) return;
  throw InputError(where_(first->line), "path", "an existing file", quoted(first->path.string()),
                   split_hint(missing, entries_.size(), first_split_));
}

std::string ManifestBuilder::identity() const {
  Sha256 hash;
  const fs::path root = root_.lexically_normal();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const ManifestEntry& entry = entries_[i];
    const fs::path inside = entry.path.lexically_normal().lexically_relative(root);
    const bool outside = inside.empty() || *inside.begin() == "..";
    const fs::path named = entry.range.is_part()                 ? fs::path(entry.name)
                           : outside && entry.path.is_absolute() ? entry.path
                                                                 : inside;
    hash.add(named.generic_string() + '\t' + label_text(entry) + '\t' + group_texts_[i] + '\t' +
             std::to_string(entry.bytes) + '\n');
  }
  return hash.hex();
}

Manifest ManifestBuilder::finish() {
  if (options_.name_classes && options_.class_names.empty()) name_classes();
  look_at_files();
  Manifest manifest;
  for (const auto& entry : entries_)
    for (const int label : target_of(entry).labels()) largest_ = std::max(largest_, label);
  manifest.classes = !class_names_.empty() ? static_cast<int>(class_names_.size())
                                           : std::max(options_.classes, largest_ + 1);
  manifest.class_names = std::move(class_names_);
  manifest.identity = identity();
  manifest.first_split = std::move(first_split_);
  manifest.entries = std::move(entries_);
  return manifest;
}

}  // namespace permafrost
