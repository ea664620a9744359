// SPDX-License-Identifier: Apache-2.0
// State dictionaries in the tree of values that torch.save has written.
#include <unordered_set>

#include "common/error.h"
#include "models/encoders/checkpoints/torch_file.h"

namespace permafrost {
namespace {

using Kind = Value::Kind;

// A dictionary that stands in many places is one in the file and many here: both are bounded.
constexpr std::size_t kMostTensors = 200'000;
constexpr std::size_t kMostSteps = 4 * kMostPickleValues;
constexpr std::size_t kLongestName = 1000;
constexpr std::size_t kMostLines = 1000;
constexpr int kDeepest = 4;  // dictionaries inside of each other, of those with a name

bool is_plain(const Value& value) {
  return value.kind != Kind::list && value.kind != Kind::tuple && value.kind != Kind::set &&
         value.kind != Kind::dict && value.kind != Kind::opaque;
}

std::string key_text(const Value& key) {
  return key.kind == Kind::text ? unquoted(key.text) : description_of(key);
}

class Collector {
 public:
  Collector(const TorchFile& file, Checkpoint& out) : file_(file), out_(out) {}

  void collect() {
    const Value& root = *file_.pickle.root;
    if (is_state_dict(root)) add("", root);
    if (root.kind == Kind::dict)
      for (std::size_t i = 0; i < root.items.size(); i += 2)
        collect_item(*root.items[i], *root.items[i + 1]);
    if (out_.entries.empty())
      throw InputError(out_.path, "", "a dictionary of tensors, or one of such dictionaries",
                       out_.others.empty() ? description_of(root) : summary());
  }

 private:
  void step() {
    if (++steps_ > kMostSteps)
      throw InputError(out_.path, "", "values of its own", "a pickle that repeats its values");
  }

  // A dictionary with a tensor by a text key.
  bool is_state_dict(const Value& value) {
    if (value.kind != Kind::dict) return false;
    for (std::size_t i = 0; i < value.items.size(); i += 2) {
      step();
      if (value.items[i]->kind == Kind::text && value.items[i + 1]->kind == Kind::tensor)
        return true;
    }
    return false;
  }

  // What optimizers keep of one parameter is no encoder.
  static bool is_optimizer_state(const Value& dict) {
    for (std::size_t i = 0; i < dict.items.size(); i += 2)
      if (const Value& key = *dict.items[i];
          key.kind == Kind::text && (key.text == "exp_avg" || key.text == "momentum_buffer"))
        return true;
    return false;
  }

  // Dictionaries of tensors inside of this one, as "state.model"; whether there was one.
  bool collect_below(const std::string& name, const Value& dict, int depth) {
    if (dict.kind != Kind::dict || depth > kDeepest) return false;
    bool found = false;
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      step();
      const Value &key = *dict.items[i], &value = *dict.items[i + 1];
      if (key.kind != Kind::text || value.kind != Kind::dict) continue;
      const std::string full = name + "." + key.text;
      if (!is_state_dict(value)) {
        found |= collect_below(full, value, depth + 1);
      } else if (!is_optimizer_state(value)) {
        add(full, value);
        found = true;
      }
    }
    return found;
  }

  void collect_item(const Value& key, const Value& value) {
    if (value.kind == Kind::tensor && key.kind == Kind::text) return;
    const std::string name = key_text(key);
    if (key.kind == Kind::text && is_state_dict(value)) return add(key.text, value);
    const bool sequence = value.kind == Kind::list || value.kind == Kind::tuple;
    if (key.kind != Kind::text || !sequence || value.items.empty() ||
        !is_state_dict(*value.items[0])) {
      if (key.kind != Kind::text || !collect_below(key.text, value, 2)) add_line(name, value);
      return;
    }
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      step();
      if (is_state_dict(*value.items[i]))
        add(key.text + "." + std::to_string(i), *value.items[i]);
      else
        add_line(name + "." + std::to_string(i), *value.items[i]);
    }
  }

  void add(const std::string& name, const Value& dict) {
    require_name(name);
    StateDict entry{name, {}, {}};
    std::unordered_set<std::string_view> names;
    std::unordered_set<std::size_t> records;
    take_record(0, records, entry);
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      step();
      const Value &key = *dict.items[i], &value = *dict.items[i + 1];
      if (value.kind == Kind::tensor && key.kind == Kind::text) {
        require_name(key.text);
        if (!names.insert(key.text).second)
          throw InputError(out_.path, full(name, key), "one tensor of this name", "two");
        entry.tensors.emplace_back(key.text, tensor(value));
        take_record(1 + reference(value).storage, records, entry);
      } else if (!name.empty() && !(is_plain(value) && value.kind != Kind::tensor)) {
        add_line(full(name, key), value);  // at the top, collect_item sees to it
      }
    }
    out_.entries.push_back(std::move(entry));
  }

  at::Tensor tensor(const Value& value) {
    if (++count_ > kMostTensors)
      throw InputError(out_.path, "", "at most " + std::to_string(kMostTensors) + " tensors",
                       "more");
    const TensorRef& ref = reference(value);
    return tensor_in(file_.storages[ref.storage], ref.type, ref.offset, ref.sizes, ref.strides);
  }

  const TensorRef& reference(const Value& tensor) const {
    return file_.pickle.tensors[static_cast<std::size_t>(tensor.integer)];
  }

  // Once each, and only those with a checksum.
  void take_record(std::size_t place, std::unordered_set<std::size_t>& taken, StateDict& entry) {
    if (place < file_.records.size() && file_.records[place].crc32 != 0 &&
        taken.insert(place).second)
      entry.records.push_back(file_.records[place]);
  }

  void require_name(const std::string& name) const {
    if (name.size() > kLongestName)
      throw InputError(out_.path, unquoted(name),
                       "a name of at most " + std::to_string(kLongestName) + " bytes",
                       std::to_string(name.size()));
  }

  std::string full(const std::string& name, const Value& key) const {
    return name.empty() ? key_text(key) : unquoted(name) + "." + key_text(key);
  }

  void add_line(const std::string& name, const Value& value) {
    if (out_.others.size() < kMostLines)
      out_.others.push_back(name + ": " + description_of(value));
    else if (out_.others.size() == kMostLines)
      out_.others.push_back("and more");
  }

  // The first few lines, for the message that none of them is a tensor.
  std::string summary() const {
    std::string text;
    for (std::size_t i = 0; i < out_.others.size() && i < 5; ++i)
      text += (i == 0 ? "" : ", ") + out_.others[i];
    return text + (out_.others.size() > 5 ? ", ..." : "");
  }

  const TorchFile& file_;
  Checkpoint& out_;
  std::size_t count_ = 0, steps_ = 0;
};

}  // namespace

void add_entries(const TorchFile& file, Checkpoint& checkpoint) {
  Collector(file, checkpoint).collect();
}

}  // namespace permafrost
