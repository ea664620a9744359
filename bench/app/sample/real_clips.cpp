// SPDX-License-Identifier: Apache-2.0
#include "bench/app/sample/real_clips.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "bench/suites/task_option.h"
#include "common/error.h"
#include "common/random.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace {

constexpr const char* kTaskHint = "--task names the clips to compare with";

std::vector<std::int64_t> from_to(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(end - begin));
  std::iota(numbers.begin(), numbers.end(), begin);
  return numbers;
}

// The first `most` of `samples` in an order of their own.
std::vector<std::int64_t> drawn(const std::vector<std::int64_t>& samples, std::int64_t most,
                                std::uint64_t seed) {
  std::vector<std::int64_t> some;
  const auto count = static_cast<std::int64_t>(samples.size());
  for (const auto i : RandomStream({.seed = seed, .purpose = "sample.real"}).permutation(count))
    some.push_back(samples[static_cast<std::size_t>(i)]);
  some.resize(static_cast<std::size_t>(std::min(count, most)));
  return some;
}

std::int64_t number_in(const Json& json, const char* key, std::int64_t usual) {
  const auto it = json.find(key);
  return it == json.end() || !it->is_number_integer() ? usual : it->get<std::int64_t>();
}

// How many different clips a pretraining has seen. Throws where it does not tell, or saw others
// than those of the synthetic mixture.
std::int64_t clips_seen(const Json& provenance, const std::string& where) {
  const bool told = provenance.is_object() && provenance.contains("config") &&
                    provenance["config"].is_object() && number_in(provenance, "clips", 0) > 0;
  if (!told)
    throw InputError(where, "provenance", "the pretraining's configuration and number of clips",
                     "none", kTaskHint);
  const Json& config = provenance["config"];
  if (config.contains("real_clips"))
    throw InputError(where, "provenance", "a pretraining on synthetic clips alone",
                     "one on lists of clips", kTaskHint);
  const std::int64_t clips = number_in(provenance, "clips", 0);
  const std::int64_t distinct = number_in(config, "distinct_clips", 0);
  return distinct > 0 ? std::min(distinct, clips) : clips;
}

}  // namespace

RealClips clips_of_pretraining(const Json& provenance, const ClipShape& shape, std::int64_t n,
                               const std::string& where) {
  const std::int64_t seen = clips_seen(provenance, where);
  const int world = static_cast<int>(number_in(provenance["config"], "world_version", 1));
  return {.name = "the synthetic mixture of its pretraining",
          .source = std::make_unique<synthetic::MixtureSource>(
              std::numeric_limits<std::int64_t>::max() / 4, shape, world),
          .train = from_to(0, std::min(n, seen)),
          .real = from_to(seen, seen + n),
          .other = from_to(seen + n, seen + 2 * n)};
}

RealClips clips_of_task(const std::string& suite, const std::string& name, const std::string& data,
                        const ClipShape& shape, std::int64_t n, std::uint64_t seed) {
  std::string root = data;
  const TaskSpec spec = chosen_task(read_suite(suite), name, root);
  Task task = open_task(spec, shape, data_folder(root));
  if (!task.available())
    throw InputError("--task", spec.name, "data that can be read", task.unavailable);
  const Fold& fold = task.folds.at(0);
  const std::int64_t fewest =
      static_cast<std::int64_t>(std::min(fold.train.size(), fold.test.size()));
  if (fewest < n)
    throw InputError(
        "--against", "",
        "at most the " + std::to_string(fewest) + " clips of the smaller side of " + task.name,
        std::to_string(n));
  const auto train = drawn(fold.train, 2 * n, seed);
  const auto half = train.begin() + static_cast<std::ptrdiff_t>(n);
  const bool two_sets = static_cast<std::int64_t>(train.size()) == 2 * n;
  return {.name = "the task " + task.name,
          .source = std::move(task.source),
          .train = {train.begin(), half},
          .real = drawn(fold.test, n, seed),
          .other = two_sets ? std::vector(half, train.end()) : std::vector(train.begin(), half)};
}

}  // namespace permafrost
