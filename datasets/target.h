// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is true of a sample: a class, or the class of what a box shows. Sources hand targets out;
// loader, features, probes and records pass them on as they are. Another kind (segments in time,
// a map over the frame) is one more alternative of the variant, read in target_of(ManifestEntry)
// and written in bench/records/predictions_file.cpp.
//
//   const Target target = source.target(7);
//   if (const auto box = target.box()) pool_in(*box);
#include <optional>
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

// In the order of the alternatives.
enum class TargetKind { none, clip_class, boxed_class };
inline constexpr TargetKind kTargetKinds[] = {TargetKind::none, TargetKind::clip_class,
                                              TargetKind::boxed_class};
// "none", "class", "boxed_class": as records have it.
constexpr const char* name_of(TargetKind kind) {
  return kind == TargetKind::none         ? "none"
         : kind == TargetKind::clip_class ? "class"
                                          : "boxed_class";
}

class Target {
 public:
  Target() = default;
  // Not explicit: a class is what most samples have. Below 0 there is none.
  Target(int label) {
    if (label >= 0) value_ = ClassTarget{label};
  }
  Target(int label, const Box& box) : value_(BoxedClassTarget{label, box}) {}

  TargetKind kind() const { return static_cast<TargetKind>(value_.index()); }
  // Of the kinds that have a class; -1 for the others.
  int label() const {
    if (const auto* of_clip = std::get_if<ClassTarget>(&value_)) return of_clip->label;
    if (const auto* boxed = std::get_if<BoxedClassTarget>(&value_)) return boxed->label;
    return -1;
  }
  std::optional<Box> box() const {
    if (const auto* boxed = std::get_if<BoxedClassTarget>(&value_)) return boxed->box;
    return std::nullopt;
  }
  bool operator==(const Target&) const = default;

 private:
  std::variant<NoTarget, ClassTarget, BoxedClassTarget> value_;
};

}  // namespace permafrost
