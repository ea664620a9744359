// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/haystack_run.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "bench/haystack/clip_counter.h"
#include "bench/haystack/clip_pools.h"
#include "bench/haystack/films.h"
#include "bench/haystack/full_attention.h"
#include "bench/haystack/needle_videos.h"
#include "bench/haystack/top_tokens.h"
#include "common/error.h"
#include "common/machine/core_seconds.h"

namespace permafrost {
namespace {

// A trained candidate and how it was chosen.
struct TrainedProbe {
  HeadSpec spec;
  HeadWeights head;
  std::vector<double> held_out_accuracy;
  double learning_rate = 0;
};

// How tokens of some videos become answers [V].
using Answering = std::function<at::Tensor(const PoolVideos& videos, std::int64_t tokens)>;

class HaystackExperiment {
 public:
  HaystackExperiment(const HaystackSpec& spec, const Encoder& encoder,
                     const std::function<void(const std::string&)>& note, FilmFolder* films)
      : spec_(spec), encoder_(encoder), note_(note), films_(films) {}

  HaystackResult run() {
    const double start = core_seconds();
    say("encoding the pools");
    pools_ = encode_pools(spec_, encoder_);
    clip_tokens_ = pools_.test.size(1);
    width_ = pools_.test.size(2);
    result_.inputs = pools_.identities;
    const double encoded = core_seconds();
    say("training the probes");
    const TrainedProbe probe = trained(HeadKind::attentive);
    const TrainedProbe mean = trained(HeadKind::mean_pool);
    if (spec_.task == NeedleTask::count) counter_.emplace(spec_, pools_, probe.spec.heads);
    const double trained_at = core_seconds();
    say("asking about videos of all lengths");
    read_all(probe, mean);
    result_.times = {.encode_core_seconds = encoded - start,
                     .train_core_seconds = trained_at - encoded,
                     .evaluate_core_seconds = core_seconds() - trained_at};
    if (films_ != nullptr && spec_.films > 0) {
      say("asking about films");
      result_.films = ask_about_films(spec_, encoder_, *films_, pools_.test,
                                      [&](const at::Tensor& z) { return answer(probe, z); });
    }
    if (!spec_.full_lengths.empty()) {
      say("encoding whole videos");
      result_.readings.push_back(full_attention_reading(spec_, encoder_));
    }
    result_.clip_tokens = clip_tokens_;
    result_.width = width_;
    result_.chance = 100.0 / classes_of(spec_.task);
    if (spec_.task == NeedleTask::needle) result_.dilution = dilution_of(probe);
    verify(probe);
    return std::move(result_);
  }

 private:
  void say(const std::string& what) const {
    if (note_) note_(encoder_.name + ": " + what);
  }

  PoolVideos with_code(PoolVideos videos) const {
    const std::int64_t steps = time_steps_of(spec_.task);
    if (steps > 1) videos.code = time_code(steps, width_);
    return videos;
  }

  // What training reads of clips: all tokens, or their mean where the head sees no more.
  struct TrainingPools {
    at::Tensor hay, needles;
  };
  TrainingPools training_pools(HeadKind kind) const {
    if (kind != HeadKind::mean_pool) return {pools_.train_hay, pools_.train_needles};
    return {pools_.train_hay.mean(1, true), pools_.train_needles.mean(1, true)};
  }

  // Videos of the training side that step `number` shows.
  PoolBatch training_batch(const TrainingPools& pools, std::uint64_t number, std::int64_t first,
                           std::int64_t end, const std::vector<std::int64_t>& lengths) const {
    const TrainVideos drawn = train_videos(
        spec_, lengths, {.first_needle = first, .end_needle = end, .end_hay = spec_.train_hay},
        number);
    return {.tokens = at::cat(
                {clips_of_pool(pools.hay, drawn.hay), clips_of_pool(pools.needles, drawn.needles)}),
            .videos = with_code(drawn.videos.videos),
            .truth = drawn.videos.truth};
  }

  TrainedProbe trained(HeadKind kind) const {
    TrainedProbe probe;
    probe.spec = {.kind = kind,
                  .width = static_cast<int>(width_),
                  .heads = heads_for(encoder_.spec, static_cast<int>(width_)),
                  .classes = classes_of(spec_.task)};
    std::vector<std::int64_t> lengths;
    for (const auto tokens : spec_.train_lengths)
      lengths.push_back(clips_of(tokens, encoder_.spec.tokens()));
    const TrainingPools pools = training_pools(kind);
    HeadWeights head = train_pool_head(probe.spec, spec_.training, [&](std::int64_t step) {
      return training_batch(pools, static_cast<std::uint64_t>(step), 0, held_out_needle(spec_),
                            lengths);
    });
    // Needles that no step has shown, at the longest length of training.
    constexpr int kBatches = 4;
    constexpr std::uint64_t kHeldOut = 1ULL << 40;  // behind all steps
    at::Tensor right = at::zeros({static_cast<std::int64_t>(spec_.training.learning_rates.size())});
    for (std::uint64_t k = 0; k < kBatches; ++k) {
      const PoolBatch batch = training_batch(pools, kHeldOut + k, held_out_needle(spec_),
                                             spec_.train_needles, {lengths.back()});
      right += pool_logits(head, probe.spec, batch, spec_.training.threads)
                   .argmax(2)
                   .eq(batch.truth)
                   .to(at::kFloat)
                   .mean(1);
    }
    std::int64_t chosen = 0;
    for (std::int64_t l = 0; l < right.size(0); ++l) {
      probe.held_out_accuracy.push_back(right[l].item<double>() / kBatches);
      if (probe.held_out_accuracy.back() >
          probe.held_out_accuracy[static_cast<std::size_t>(chosen)])
        chosen = l;
    }
    probe.head = candidate(head, kind, static_cast<int>(chosen));
    probe.learning_rate = spec_.training.learning_rates[static_cast<std::size_t>(chosen)];
    return probe;
  }

  // ---- readings

  Answering attention(const TrainedProbe& probe, bool scaled) {
    const auto fused = std::make_shared<FusedHead>(probe.spec, 1);
    const at::Tensor directions = fused->directions(probe.head);
    const ClipSums plain = clip_sums(directions, pools_.test, spec_.training.threads);
    return [=, this, &probe](const PoolVideos& videos, std::int64_t tokens) {
      const double factor = scaled ? score_factor(tokens) : 1;
      at::Tensor queries = directions;
      ClipSums sums = plain;
      if (factor != 1) {
        queries = directions * factor;
        sums = clip_sums(queries, pools_.test, spec_.training.threads);
      }
      return fused->logits_of_means(probe.head, means_of_videos(sums, videos, queries))[0].argmax(
          1);
    };
  }

  double score_factor(std::int64_t tokens) const {
    const double seen = static_cast<double>(
        clips_of(spec_.train_lengths.back(), encoder_.spec.tokens()) * clip_tokens_);
    return std::max(1.0, std::log(static_cast<double>(tokens)) / std::log(seen));
  }

  // As many tokens as a clip has.
  Answering top_tokens(const TrainedProbe& probe) {
    const auto fused = std::make_shared<FusedHead>(probe.spec, 1);
    const auto top =
        std::make_shared<TopTokens>(fused->directions(probe.head), pools_.test, clip_tokens_);
    return [=, this, &probe](const PoolVideos& videos, std::int64_t) {
      return fused->logits_of_means(probe.head, top->means(videos, spec_.training.threads))[0]
          .argmax(1);
    };
  }

  Answering largest_of_clips(const TrainedProbe& probe) {
    FusedHead fused(probe.spec, 1);
    const at::Tensor directions = fused.directions(probe.head);
    const ClipSums sums = clip_sums(directions, pools_.test, spec_.training.threads);
    const at::Tensor logits =
        fused.logits_of_means(probe.head, sums.weighted / sums.sum.unsqueeze(2))[0];  // [P,C]
    return [=](const PoolVideos& videos, std::int64_t) {
      const at::Tensor there = videos.counts.sum(1).gt(0);  // [V,P]
      std::vector<at::Tensor> answers;
      for (std::int64_t v = 0; v < there.size(0); ++v)
        answers.push_back(logits.index({there[v]}).amax(0).argmax());
      return at::stack(answers);
    };
  }

  Answering mean_of_tokens(const TrainedProbe& probe) {
    const at::Tensor means = pools_.test.mean(1);
    return [=, &probe](const PoolVideos& videos, std::int64_t) {
      return head_logits(probe.head, probe.spec, mean_tokens(means, videos).unsqueeze(1))[0].argmax(
          1);
    };
  }

  Answering sum_of_clips() {
    const at::Tensor scores = counter_->scores(pools_.test);
    const auto thresholds = std::make_shared<std::map<std::int64_t, double>>();
    return [=, this](const PoolVideos& videos, std::int64_t tokens) {
      const std::int64_t clips = tokens / clip_tokens_;
      const auto found = thresholds->find(clips);
      const double threshold =
          found != thresholds->end()
              ? found->second
              : thresholds->emplace(clips, counter_->threshold(clips)).first->second;
      return clips_above(videos.counts, scores, threshold).clamp(1, classes_of(spec_.task)).sub(1);
    };
  }

  void read_all(const TrainedProbe& probe, const TrainedProbe& mean) {
    std::vector<std::pair<HaystackReading, Answering>> readings;
    const auto add = [&](const char* name, const TrainedProbe& trained, Answering answers) {
      readings.emplace_back(HaystackReading{.name = name,
                                            .held_out_accuracy = trained.held_out_accuracy,
                                            .learning_rate = trained.learning_rate},
                            std::move(answers));
    };
    add("attention", probe, attention(probe, false));
    add("attention, scores scaled by ln N", probe, attention(probe, true));
    if (spec_.task == NeedleTask::needle) {
      add("largest of clips", probe, largest_of_clips(probe));
      add("tokens with the largest scores", probe, top_tokens(probe));
    }
    if (counter_)
      readings.emplace_back(HaystackReading{.name = "clips counted one by one",
                                            .held_out_accuracy = counter_->held_out_accuracy(),
                                            .learning_rate = counter_->learning_rate()},
                            sum_of_clips());
    add("mean of all tokens", mean, mean_of_tokens(mean));
    for (const std::int64_t tokens : spec_.lengths) {
      const TestVideos videos(spec_, clips_of(tokens, encoder_.spec.tokens()));
      for (auto& [reading, answers] : readings) ask(videos, answers, reading);
    }
    if (spec_.task == NeedleTask::needle)
      for (auto& [reading, answers] : readings) reading.alone = alone(answers);
    for (auto& [reading, answers] : readings) result_.readings.push_back(std::move(reading));
  }

  void ask(const TestVideos& videos, const Answering& answers, HaystackReading& reading) const {
    HaystackLength length{.tokens = videos.clips() * clip_tokens_, .clips = videos.clips()};
    at::Tensor by_needle = at::zeros({spec_.needles}, at::kDouble);
    for (int depth = 0; depth < spec_.depths; ++depth) {
      const NeedleVideos shown = videos.at_depth(depth);
      const at::Tensor right = answers(with_code(shown.videos), length.tokens).eq(shown.truth);
      length.right.push_back(right.sum().item<int>());
      length.asked.push_back(static_cast<int>(spec_.needles));
      by_needle += right.to(at::kDouble);
    }
    const at::Tensor scores = by_needle * (100.0 / spec_.depths);
    for (std::int64_t k = 0; k < spec_.needles; ++k)
      length.scores.push_back(scores[k].item<double>());
    reading.lengths.push_back(std::move(length));
    const NeedleVideos hay = videos.without_needles();
    reading.without.push_back(
        once(answers(with_code(hay.videos), videos.clips() * clip_tokens_).eq(hay.truth),
             videos.clips()));
  }

  // Of answers that have no depth.
  HaystackLength once(const at::Tensor& right, std::int64_t clips) const {
    HaystackLength length{.tokens = clips * clip_tokens_, .clips = clips};
    length.right.push_back(right.sum().item<int>());
    length.asked.push_back(static_cast<int>(right.size(0)));
    for (std::int64_t k = 0; k < right.size(0); ++k)
      length.scores.push_back(right[k].item<bool>() ? 100.0 : 0.0);
    return length;
  }

  HaystackLength alone(const Answering& answers) const {
    PoolVideos videos;
    videos.counts =
        at::constant_pad_nd(at::eye(spec_.needles, at::kDouble), {spec_.hay, 0}).unsqueeze(1);
    const at::Tensor truth =
        at::arange(spec_.needles, at::kLong).remainder(synthetic::kNeedleClasses);
    return once(answers(videos, clip_tokens_).eq(truth), 1);
  }

  // Of one video, by the tokens of its clips in their order.
  int answer(const TrainedProbe& probe, const at::Tensor& tokens) const {
    const std::int64_t clips = tokens.size(0), steps = time_steps_of(spec_.task);
    PoolBatch batch{.tokens = tokens};
    batch.videos.counts = at::zeros({1, steps, clips}, at::kDouble);
    for (std::int64_t place = 0; place < clips; ++place)
      batch.videos.counts[0][place * steps / clips][place] = 1;
    batch.videos = with_code(batch.videos);
    return pool_logits(probe.head, probe.spec, batch, spec_.training.threads)[0][0]
        .argmax()
        .item<int>();
  }

  // ---- dilution and verification

  Dilution dilution_of(const TrainedProbe& probe) const {
    FusedHead fused(probe.spec, 1);
    const ClipSums sums =
        clip_sums(fused.directions(probe.head), pools_.test, spec_.training.threads);
    // ln of a clip's sum of exponentials, [heads,P].
    const at::Tensor logs = sums.largest.to(at::kDouble) + sums.sum.to(at::kDouble).log();
    const at::Tensor hay =
        logs.slice(1, 0, spec_.hay).logsumexp({1}, true) - std::log(static_cast<double>(spec_.hay));
    const at::Tensor gaps = std::get<0>((logs.slice(1, spec_.hay) - hay).median(1));
    Dilution out;
    for (std::int64_t h = 0; h < gaps.size(0); ++h) out.gaps.push_back(gaps[h].item<double>());
    out.predicted_half_tokens =
        half_of_the_weight(*std::max_element(out.gaps.begin(), out.gaps.end()), clip_tokens_);
    out.half_tokens = half_of_the_recall(result_.readings.front(), result_.chance);
    return out;
  }

  // One video, token by token in the order of places, in float64.
  void verify(const TrainedProbe& probe) {
    constexpr std::int64_t kMostTokens = 100'100;
    const std::int64_t clips = std::min(clips_of(spec_.lengths.back(), encoder_.spec.tokens()),
                                        std::max<std::int64_t>(1, kMostTokens / clip_tokens_));
    HaystackSpec one = spec_;
    one.needles = std::min<std::int64_t>(spec_.needles, 8);
    one.task = NeedleTask::needle;
    FusedHead fused(probe.spec, 1);
    const at::Tensor directions = fused.directions(probe.head);
    const at::Tensor test = pools_.test.slice(0, 0, spec_.hay + one.needles);
    const TestVideos videos(one, clips);
    const at::Tensor said =
        means_of_videos(clip_sums(directions, test), videos.at_depth(4).videos, directions);
    const std::int64_t needle_at = videos.places_of(0, 4)[0];
    const at::Tensor queries = directions.to(at::kDouble).t();
    at::Tensor sum = at::zeros({directions.size(0)}, at::kDouble);
    at::Tensor taken = at::zeros({directions.size(0), width_}, at::kDouble);
    for (std::int64_t place = 0; place < clips; ++place) {
      const std::int64_t clip =
          place == needle_at ? spec_.hay : hay_at(spec_.training.seed, 0, place, spec_.hay);
      const at::Tensor tokens = test[clip].to(at::kDouble);
      const at::Tensor weights = at::mm(tokens, queries).exp();  // [n,heads]
      sum += weights.sum(0);
      taken += at::mm(weights.t(), tokens);
    }
    const at::Tensor direct = taken / sum.unsqueeze(1);
    const at::Tensor difference = said.select(1, 0).to(at::kDouble) - direct;
    result_.lookup_error = (difference.norm() / direct.norm()).item<double>();
    result_.lookup_tokens = clips * clip_tokens_;
  }

  const HaystackSpec& spec_;
  const Encoder& encoder_;
  const std::function<void(const std::string&)>& note_;
  FilmFolder* films_;
  ClipPools pools_;
  std::optional<ClipCounter> counter_;
  std::int64_t clip_tokens_ = 0, width_ = 0;
  HaystackResult result_;
};

}  // namespace

double half_of_the_weight(double gap, std::int64_t needle_tokens) {
  return static_cast<double>(needle_tokens) * (1 + std::exp(gap));
}

std::optional<double> half_of_the_recall(const HaystackReading& reading, double chance) {
  if (!reading.alone) return std::nullopt;
  const double half = (reading.alone->accuracy() + chance) / 2;
  const HaystackLength* before = &*reading.alone;
  for (const auto& length : reading.lengths) {
    const double from = before->accuracy(), to = length.accuracy();
    if (to < half) {
      const double share = from > to ? std::clamp((from - half) / (from - to), 0.0, 1.0) : 0;
      return static_cast<double>(before->tokens) *
             std::pow(static_cast<double>(length.tokens) / static_cast<double>(before->tokens),
                      share);
    }
    before = &length;
  }
  return std::nullopt;
}

HaystackLength unasked_length(int depths) {
  HaystackLength length;
  length.right.resize(static_cast<std::size_t>(depths));
  length.asked.resize(length.right.size());
  return length;
}

void HaystackLength::add_answer(int depth, bool is_right) {
  right[static_cast<std::size_t>(depth)] += is_right ? 1 : 0;
  asked[static_cast<std::size_t>(depth)] += 1;
  scores.push_back(is_right ? 100 : 0);
}

Interval HaystackLength::ci95() const { return bootstrap_interval(scores, {}, kAccuracyRange); }

Interval HaystackFilms::difference_ci95() const {
  std::vector<double> differences;
  for (std::size_t k = 0; k < decoded.scores.size(); ++k)
    differences.push_back(decoded.scores[k] - rendered.scores[k]);
  return bootstrap_interval(differences, {}, kGapRange);
}

void require_sensible(const HaystackSpec& spec) {
  const auto ascending = [](const std::vector<std::int64_t>& lengths, const char* flag) {
    for (std::size_t i = 0; i < lengths.size(); ++i)
      if (lengths[i] < 1 || (i > 0 && lengths[i] <= lengths[i - 1]))
        throw InputError(flag, "", "numbers of tokens, ascending", std::to_string(lengths[i]));
  };
  ascending(spec.lengths, "--lengths");
  ascending(spec.train_lengths, "--train-lengths");
  ascending(spec.full_lengths, "--full");
  if (!spec.full_lengths.empty() && spec.task != NeedleTask::needle)
    throw InputError("--full", "", std::string("none with --task ") + name_of(spec.task), "some");
  if (spec.lengths.empty()) throw InputError("--lengths", "", "at least one", "none");
  if (spec.train_lengths.empty()) throw InputError("--train-lengths", "", "at least one", "none");
  const auto of_eight = [](std::int64_t count, const char* flag, std::int64_t least) {
    if (count < least || count % synthetic::kNeedleClasses != 0)
      throw InputError(flag, "", "a multiple of 8, at least " + std::to_string(least),
                       std::to_string(count));
  };
  of_eight(spec.needles, "--needles", 8);
  of_eight(spec.train_needles, "--train-needles", 16);
  if (spec.films < 0 || spec.films > spec.needles)
    throw InputError("--films", "", "at most as many as --needles, " + std::to_string(spec.needles),
                     std::to_string(spec.films));
  if (spec.task == NeedleTask::count && spec.train_hay < 4)
    throw InputError("--train-hay", "", "at least 4 with --task count",
                     std::to_string(spec.train_hay));
}

HaystackResult run_haystack(const HaystackSpec& spec, const Encoder& encoder, double most_bytes,
                            const std::function<void(const std::string&)>& note,
                            FilmFolder* films) {
  require_sensible(spec);
  if (spec.films > 0) require_filmable(encoder.spec, encoder.name);
  const double bytes =
      pools_bytes(spec, encoder.spec) + (spec.films > 0 ? film_bytes(spec, encoder.spec) : 0);
  if (most_bytes > 0 && bytes > most_bytes) {
    char wanted[64], found[32];
    std::snprintf(wanted, sizeof wanted, "%.3g GB of memory (%.0f bytes)", bytes / 1e9, bytes);
    std::snprintf(found, sizeof found, "%.3g GB", most_bytes / 1e9);
    throw InputError(
        "pools of clips", encoder.name, wanted, found,
        "fewer --hay, --train-hay and --train-needles, or --pool window; more: --memory");
  }
  HaystackResult result = HaystackExperiment(spec, encoder, note, films).run();
  result.encoder = encoder;
  result.encoder.weights = {};
  return result;
}

}  // namespace permafrost
