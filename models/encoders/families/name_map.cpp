// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/families/name_map.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <climits>

#include "common/error.h"
#include "models/encoders/checkpoints/wrapper_names.h"
#include "models/encoders/families/description.h"

namespace permafrost {
namespace {

constexpr std::size_t kLongestNumber = 4;  // digits of a block's number

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

// The number at "{}" of `pattern` in `name`; -1 where the pattern has none; empty where it does not
// fit.
std::optional<int> fit(const std::string& pattern, const std::string& name) {
  const auto hole = pattern.find("{}");
  if (hole == std::string::npos) return pattern == name ? std::optional<int>(-1) : std::nullopt;
  const std::size_t tail = pattern.size() - hole - 2;
  if (name.size() <= hole + tail || name.compare(0, hole, pattern, 0, hole) != 0 ||
      name.compare(name.size() - tail, tail, pattern, hole + 2, tail) != 0)
    return std::nullopt;
  const std::string number = name.substr(hole, name.size() - tail - hole);
  const bool digits =
      std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || number.size() > kLongestNumber || (number.size() > 1 && number[0] == '0'))
    return std::nullopt;
  return std::stoi(number);
}

std::string filled(const std::string& pattern, int number) {
  const auto hole = pattern.find("{}");
  return hole == std::string::npos
             ? pattern
             : pattern.substr(0, hole) + std::to_string(number) + pattern.substr(hole + 2);
}

std::size_t index_of(Piece piece) { return static_cast<std::size_t>(piece); }

std::string shape_text(at::IntArrayRef shape) { return c10::str(shape); }

// The shape in which files hold the patch embedding, which is one matrix of ours.
std::vector<std::int64_t> convolution_shape(const EncoderSpec& spec) {
  if (spec.per_frame) return {spec.width, 3, spec.patch, spec.patch};
  return {spec.width, 3, spec.tubelet, spec.patch, spec.patch};
}

}  // namespace

const NameMap& own_names() {
  static const NameMap map = [] {
    NameMap own{{}, original_rules(), {}};
    // One name for the two kinds of blocks.
    std::erase_if(own.rules, [](const NameRule& rule) { return rule.file != rule.ours; });
    for (auto& rule : own.rules) rule.ffn.clear();
    for (const char* part : {"gate.weight", "experts.fc1.weight", "experts.fc1.bias",
                             "experts.fc2.weight", "experts.fc2.bias"}) {
      const std::string name = std::string("blocks.{}.mlp.") + part;
      own.rules.push_back({name, name});
    }
    for (const char* name : {"components", "mean", "scale"})
      own.rules.push_back({std::string("noise_space.") + name, std::string("noise_space.") + name});
    return own;
  }();
  return map;
}

std::string without_prefixes(const NameMap& map, std::string name) {
  name = without_wrappers(name);
  for (bool again = true; again;) {
    again = false;
    for (const auto& prefix : map.prefixes) {
      if (!starts_with(name, prefix)) continue;
      name.erase(0, prefix.size());
      again = true;
    }
  }
  return name;
}

namespace {

bool knows_one(const NameMap& map, const NamedTensors& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& named) {
    return destination_of(map, without_prefixes(map, named.first), INT_MAX).has_value();
  });
}

}  // namespace

NameMap for_names(const NameMap& map, const NamedTensors& tensors,
                  std::vector<std::string>& notes) {
  if (knows_one(map, tensors)) return map;
  NamedTensors bare;
  for (const auto& [name, tensor] : tensors) bare.emplace_back(without_prefixes(map, name), tensor);
  const std::string prefix = common_prefix(bare);
  NameMap longer = map;
  longer.prefixes.push_back(prefix);
  if (prefix.empty() || !knows_one(longer, tensors)) return map;
  notes.push_back("all names begin with " + quoted(prefix) + ", which is taken off");
  return longer;
}

std::optional<Destination> destination_of(const NameMap& map, const std::string& name, int depth) {
  for (const auto& rule : map.rules) {
    const auto number = fit(rule.file, name);
    if (number && *number < depth) return Destination{filled(rule.ours, *number), rule.piece};
  }
  return std::nullopt;
}

bool known_unused(const NameMap& map, const std::string& name) {
  return std::any_of(map.unused.begin(), map.unused.end(), [&](const std::string& pattern) {
    return pattern.back() == '*' ? starts_with(name, pattern.substr(0, pattern.size() - 1))
                                 : name == pattern;
  });
}

std::string file_name_of(const NameMap& map, const std::string& ours, Piece piece,
                         const std::string& ffn) {
  for (const auto& rule : map.rules) {
    if (rule.piece != piece || (!rule.ffn.empty() && rule.ffn != ffn)) continue;
    if (const auto number = fit(rule.ours, ours)) return filled(rule.file, *number);
  }
  return "";
}

Gathered gather(const NamedTensors& tensors, const NameMap& map, int depth,
                std::vector<TensorFate>& fates) {
  Gathered gathered;
  for (const auto& [name, tensor] : tensors) {
    const std::string bare = without_prefixes(map, name);
    const auto place = destination_of(map, bare, depth);
    if (!place) {
      if (known_unused(map, bare))
        fates.push_back({name, Fate::known_unused, "no part of the encoder"});
      else
        fates.push_back({name, Fate::unexpected, shape_text(tensor.sizes())});
      continue;
    }
    auto& slot = gathered.places_[place->ours][index_of(place->piece)];
    if (slot)
      fates.push_back({name, Fate::unexpected, "the same as " + slot->name});
    else
      slot = FileTensor{name, tensor};
  }
  return gathered;
}

namespace {

// One tensor of the file as `expected`, or an undefined one and the reason among the fates.
at::Tensor fitted(const FileTensor& found, const std::string& ours, at::IntArrayRef expected,
                  const TakeRules& rules, std::vector<TensorFate>& fates) {
  const bool patch = ours == "patch_embed.proj.weight";
  const bool fits =
      found.tensor.sizes() == expected ||
      (patch && found.tensor.sizes() == at::IntArrayRef(convolution_shape(rules.spec)));
  if (!fits || !found.tensor.is_floating_point()) {
    const std::string wanted =
        patch ? shape_text(convolution_shape(rules.spec)) : shape_text(expected);
    // dtype().name() is a view into a longer text of the compiler's: never its data() alone.
    fates.push_back({found.name, Fate::mismatched,
                     c10::str("expected ", wanted, ", found ", found.tensor.sizes(), " ",
                              found.tensor.dtype().name())});
    return {};
  }
  // As float32, in which it is used: a float64 may be too large for it.
  at::Tensor tensor = found.tensor.to(at::kFloat).reshape(expected).contiguous();
  if (const std::string wrong = not_finite_text(tensor); !wrong.empty()) {
    fates.push_back({found.name, Fate::not_finite, wrong});
    return {};
  }
  fates.push_back({found.name, Fate::used, ours});
  return tensor;
}

}  // namespace

at::Tensor Gathered::take(const std::string& name, at::IntArrayRef expected, const TakeRules& rules,
                          std::vector<TensorFate>& fates) {
  const auto it = places_.find(name);
  const auto missing = [&](Piece piece) {
    const std::string file = file_name_of(rules.map, name, piece, rules.spec.feed_forward.kind);
    fates.push_back({file.empty() ? name : file, Fate::missing, name});
  };
  const bool in_pieces =
      file_name_of(rules.map, name, Piece::whole, rules.spec.feed_forward.kind).empty() ||
      (it != places_.end() && !it->second[index_of(Piece::whole)]);
  if (it == places_.end() && !in_pieces) {
    missing(Piece::whole);
    return {};
  }
  std::array<std::optional<FileTensor>, 4> none, &found = it == places_.end() ? none : it->second;
  if (!in_pieces) {
    auto whole = std::exchange(found[index_of(Piece::whole)], std::nullopt);
    return fitted(*whole, name, expected, rules, fates);
  }
  std::vector<std::int64_t> shape = expected.vec();
  shape[0] /= 3;
  std::vector<at::Tensor> rows;
  for (const Piece piece : {Piece::query, Piece::key, Piece::value}) {
    const auto part = std::exchange(found[index_of(piece)], std::nullopt);
    if (!part && piece == Piece::key && rules.zero_key_bias && shape.size() == 1) {
      rows.push_back(at::zeros(shape, at::kFloat));
    } else if (!part) {
      missing(piece);
    } else {
      rows.push_back(fitted(*part, name, shape, rules, fates));
    }
  }
  const bool whole = rows.size() == 3 && std::all_of(rows.begin(), rows.end(),
                                                     [](const auto& row) { return row.defined(); });
  return whole ? at::cat(rows, 0) : at::Tensor();
}

std::optional<FileTensor> Gathered::take_whole(const std::string& name) {
  const auto it = places_.find(name);
  if (it == places_.end()) return std::nullopt;
  return std::exchange(it->second[index_of(Piece::whole)], std::nullopt);
}

void Gathered::leave(std::vector<TensorFate>& fates) const {
  for (const auto& [ours, pieces] : places_)
    for (const auto& piece : pieces)
      if (piece)
        fates.push_back({piece->name, Fate::unexpected, shape_text(piece->tensor.sizes())});
}

}  // namespace permafrost
