// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is true of a sample: a class, the class of what a box shows, or a set of classes. Sources
// hand targets out; loader, features, probes and records pass them on as they are. Another kind
// (segments in time, a map over the frame) is one more alternative of the variant, read in
// target_of(ManifestEntry) and written in bench/records/predictions_file.cpp.
//
//   const Target target = source.target(7);
//   if (const auto box = target.box()) pool_in(*box);
#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "datasets/box.h"

namespace permafrost {

struct NoTarget {  // pretraining, and lists without labels
  bool operator==(const NoTarget&) const = default;
};

struct ClassTarget {
  int label = 0;  // in [0, classes)
  bool operator==(const ClassTarget&) const = default;
};

struct BoxedClassTarget {
  int label = 0;
  Box box;  // of what the label is about
  bool operator==(const BoxedClassTarget&) const = default;
};

// Of a multi-label task, as in Charades: several classes may be true of one sample, or none.
struct ClassSetTarget {
  std::vector<int> labels;  // ascending, each once
  bool operator==(const ClassSetTarget&) const = default;
};

// In the order of the alternatives.
enum class TargetKind { none, clip_class, boxed_class, class_set };
inline constexpr TargetKind kTargetKinds[] = {TargetKind::none, TargetKind::clip_class,
                                              TargetKind::boxed_class, TargetKind::class_set};
// "none", "class", "boxed_class", "class_set": as records have it.
constexpr const char* name_of(TargetKind kind) {
  switch (kind) {
    case TargetKind::none:
      return "none";
    case TargetKind::clip_class:
      return "class";
    case TargetKind::boxed_class:
      return "boxed_class";
    default:
      return "class_set";
  }
}

class Target {
 public:
  Target() = default;
  // Not explicit: a class is what most samples have. Below 0 there is none.
  Target(int label) {
    if (label >= 0) value_ = ClassTarget{label};
  }
  Target(int label, const Box& box) : value_(BoxedClassTarget{label, box}) {}
  // In any order, the same one more than once.
  static Target of_set(std::vector<int> labels) {
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    Target target;
    target.value_ = ClassSetTarget{std::move(labels)};
    return target;
  }

  TargetKind kind() const { return static_cast<TargetKind>(value_.index()); }
  // Of the kinds that have one class; -1 for the others.
  int label() const {
    if (const auto* of_clip = std::get_if<ClassTarget>(&value_)) return of_clip->label;
    if (const auto* boxed = std::get_if<BoxedClassTarget>(&value_)) return boxed->label;
    return -1;
  }
  // All classes that are true of the sample, ascending, whatever the kind.
  std::vector<int> labels() const {
    if (const auto* set = std::get_if<ClassSetTarget>(&value_)) return set->labels;
    return label() < 0 ? std::vector<int>{} : std::vector<int>{label()};
  }
  bool has(int label) const {
    if (const auto* set = std::get_if<ClassSetTarget>(&value_))
      return std::binary_search(set->labels.begin(), set->labels.end(), label);
    return label >= 0 && label == this->label();
  }
  std::optional<Box> box() const {
    if (const auto* boxed = std::get_if<BoxedClassTarget>(&value_)) return boxed->box;
    return std::nullopt;
  }
  bool operator==(const Target&) const = default;

 private:
  std::variant<NoTarget, ClassTarget, BoxedClassTarget, ClassSetTarget> value_;
};

// What a sample counts as where samples are dealt out evenly: its classes, or -1 for one of none.
inline std::vector<int> shares_of(const Target& target) {
  std::vector<int> labels = target.labels();
  if (labels.empty()) labels.push_back(-1);
  return labels;
}

}  // namespace permafrost
