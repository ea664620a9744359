// SPDX-License-Identifier: Apache-2.0
#pragma once

// A haystack for one encoder: clips of the pools are encoded once, a probe is trained on short
// videos and asked about videos of all lengths.
//
// The encoder sees a clip at a time; what has the long context is the probe's query, which attends
// to all tokens of a video (probes/heads/pool_attention.h). Beside that: videos that the encoder
// sees whole (`full_lengths`), up to lengths for which there is time.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/haystack/haystack_spec.h"
#include "bench/statistics/statistics.h"
#include "models/encoders/encoder.h"

namespace permafrost {

// Answers of one way of reading, at one length.
struct HaystackLength {
  std::int64_t tokens = 0, clips = 0;
  std::vector<int> right, asked;  // by depth
  std::vector<double> scores;     // by needle, percent, the mean over its depths
  double accuracy() const { return mean_of(scores); }
  // One needle more, which was asked about at one depth alone.
  void add_answer(int depth, bool is_right);
  Interval ci95() const;  // over needles
};
// Of a length about which nothing has been asked yet.
HaystackLength unasked_length(int depths);

// attention: the trained probe. Others read the same features: scores that are multiplied by
// ln N / ln N_train where videos are longer than those of training; each clip by itself, and the
// largest logit of all clips; attention to no more tokens than a clip has, those with the largest
// scores; clips counted one by one (clip_counter.h); a linear layer on the mean of all tokens (a
// negative control). And `full attention`: a probe trained on tokens of videos that the encoder saw
// whole.
struct HaystackReading {
  std::string name;
  std::vector<HaystackLength> lengths;
  std::optional<HaystackLength> alone;  // the needle's clip and nothing else
  std::vector<HaystackLength> without;  // hay alone: what is right by chance, or by a leak
  std::vector<double> held_out_accuracy;
  double learning_rate = 0;
};

// What one encoder's probe (reading `attention`) says of videos that were written as MP4 files and
// decoded again, beside the same videos that were not (films.h).
struct HaystackFilms {
  HaystackLength rendered, decoded;  // scores in the order of the films
  Interval difference_ci95() const;  // of their accuracies, decoded - rendered, paired by film
  std::int64_t frames = 0;           // of a film
  double bytes = 0;                  // of all files
  std::int64_t other_answers = 0;    // of how many films the answer is another after decoding
  // Root of the mean squared difference of standardised tokens, decoded from rendered: 0 for the
  // same, 1.41 for tokens that have nothing in common.
  double token_change = 0;
  double core_seconds = 0;  // decoding, encoding and asking
};

// How far a needle stands out for the query: ln of the mean exponential of its tokens' scores over
// that of hay. Half of the query's weight is on hay where N = n (1 + e^gap).
struct Dilution {
  std::vector<double> gaps;           // by attention head, the median over needles
  double predicted_half_tokens = 0;   // for the largest of them
  std::optional<double> half_tokens;  // where accuracy is half way from alone to chance
};

// n (1 + e^gap), for needles of n tokens.
double half_of_the_weight(double gap, std::int64_t needle_tokens);
// Where a reading's accuracy first falls below half way from `alone` to `chance` (percent): between
// two lengths on a logarithmic axis. Nothing where it does not.
std::optional<double> half_of_the_recall(const HaystackReading& reading, double chance);

struct HaystackTimes {
  double encode_core_seconds = 0, train_core_seconds = 0, evaluate_core_seconds = 0;
};

struct HaystackResult {
  Encoder encoder;                            // identity alone: no weights
  std::int64_t clip_tokens = 0, width = 0;    // as kept of a clip
  std::map<std::string, std::string> inputs;  // SHA-256 of the pools, by name
  std::vector<HaystackReading> readings;
  std::optional<Dilution> dilution;
  std::optional<HaystackFilms> films;
  // Largest difference of the means that lookups give from a pass over all tokens in float64,
  // relative to their norm; and of how many tokens.
  double lookup_error = 0;
  std::int64_t lookup_tokens = 0;
  HaystackTimes times;
  double chance = 0;  // percent
};

class FilmFolder;

// `note` is told what is being done; `films` is where films go, for a specification that has some.
// Throws InputError for an encoder whose pools take more than `most_bytes` (0: no bound), and for a
// specification that makes no sense.
HaystackResult run_haystack(const HaystackSpec& spec, const Encoder& encoder, double most_bytes,
                            const std::function<void(const std::string&)>& note = {},
                            FilmFolder* films = nullptr);

// Throws InputError naming the flag.
void require_sensible(const HaystackSpec& spec);

}  // namespace permafrost
