// SPDX-License-Identifier: Apache-2.0
#pragma once

// What lies beside an encoder of the zoo: the log of its pretraining and the configuration in its
// file.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/report/figures/encoder_styles.h"
#include "models/encoders/encoder.h"
#include "models/pretraining/pretrain_config.h"

namespace permafrost {

// What its file and its log are called in the zoo: of an encoder made of a denoiser, the
// denoiser's.
std::string zoo_name_of(const EncoderIdentity& encoder);
// The zoo's encoder that a record measured: the same name and the same weights. Else says why not.
std::optional<Encoder> zoo_encoder(const Record& record, std::string& why_not);

enum class Predicts { features, pixels, noise };

// One line of NAME.log.jsonl; what it does not hold is empty.
struct LogLine {
  double step = 0;
  std::optional<double> loss, feature_deviation, feature_rank, gradient_norm;
  Predicts predicts = Predicts::pixels;
};

// Empty where there is no such file; lines that are damaged are passed over.
std::vector<LogLine> read_training_log(const std::string& zoo_name);

// How it was pretrained, from its file's provenance; empty where that does not say or cannot be
// read.
std::optional<PretrainConfig> pretraining_of(const Encoder& encoder);

}  // namespace permafrost
