// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the command line says, one struct a command; main.cpp fills them and calls the function.
#include <cstdint>
#include <string>
#include <vector>

#include "models/encoders/encoder.h"

namespace permafrost {

struct CommonOptions {
  std::string device = "auto";  // cpu, cuda, auto
  int threads = 0;              // 0: as many as this process may use
  std::uint64_t seed = 1;
  bool seed_given = false;  // pretrain: takes the place of the configuration's
  bool json = false;        // a machine-readable result on stdout
  bool quiet = false;       // no progress

  int thread_count() const;
};

struct TablesCommand {
  std::vector<int> tables;  // empty: all of the suite
  std::string suite = "pico", out = "out", data;
  std::string features = "auto", paths;
  int batch = 16;
  int seeds = 0;  // 0: the suite's
  bool dry_run = false, keep_heads = false;
  bool quick = false, fresh = false, resume = false;
};

struct PretrainCommand {
  std::vector<std::string> configs;
  std::string out;   // of one configuration; of several: each has a folder of its name there
  std::string data;  // where lists start; empty: the folder of each configuration
  std::vector<std::string> set;
  int jobs = 1;
  double minutes = 0;
};

struct FeaturesCommand {
  std::string encoder, input, output, key, layout = "BTCHW", tokens = "patch";
  EncoderOptions reading;
  std::vector<int> layers, size;
  int frame_step = 4;
  int stream = -1;  // -1: the default video stream
};

struct ConvertCommand {
  std::string encoder, to = "safetensors", out;
  EncoderOptions reading;
  bool bfloat16 = false;
};

struct ProbeCommand {
  std::string encoder, task, out, suite = "pico", data;
  EncoderOptions reading;
  std::vector<std::string> heads, set;
};

struct EvaluateCommand {
  std::string encoder, head, task, suite = "pico", data, out, recipe, head_entry;
  EncoderOptions reading;
  std::vector<std::string> set;
  int head_heads = 0;  // 0: as the head's family has it
};

struct CompareCommand {
  std::string baseline, candidate, junit, markdown;
  double tolerance = 1;  // points
  bool allow_missing = false;
};

struct ReportCommand {
  std::string folder, out;  // no `out`: report.html in the folder
};

// On which clips an encoder's features are looked at.
struct HealthOptions {
  std::string task, suite = "pico", data;  // task empty: not at all
  std::int64_t clips = 64;
};

struct InspectCommand {
  std::string path;  // empty: the zoo
  EncoderOptions reading;
  HealthOptions health;
};

struct MasksCommand {
  std::string strategy = "multiblock", png;
  bool stats = false;
  std::vector<int> grid{4, 6, 6};
  int batch = 24;
};

// What a data command looks at, and how lists are read that do not say so themselves.
struct DataOptions {
  std::string target, data, root, extension, separator, labels;
};

struct DataCheckCommand {
  DataOptions data;
  std::string out;
  bool no_labels = false;          // lists for pretraining
  std::int64_t least_frames = -1;  // -1: 16, or the frames of a rendered set
};

struct DataPackCommand {
  DataOptions data;
  std::string out, coding = "raw";
  int short_side = 256, every = 1, quality = 90;
  std::int64_t shard_samples = 64;
  bool aliased = false;  // as OpenCV's bilinear scaling, for heads that were trained on it
};

struct DataShowCommand {
  DataOptions data;
  std::string out = "contact.png", list;
  int samples = 8, frames = 8, size = 112, frame_step = 0;  // 0: the task's
};

struct DataSynthCommand {
  std::string world = "motion", out, coding = "lossless";
  std::int64_t train = 2000, test = 1000;
  int frames = 8, size = 48, fps = 8;
};

// Each returns the exit status and throws Error for what main.cpp turns into one line.
int run(const CommonOptions& common, const TablesCommand& command);
int run(const CommonOptions& common, const PretrainCommand& command);
int run(const CommonOptions& common, const FeaturesCommand& command);
int run(const CommonOptions& common, const ConvertCommand& command);
int run_probe(const CommonOptions& common, const ProbeCommand& command);
int run_finetune(const CommonOptions& common, const ProbeCommand& command);
int run(const CommonOptions& common, const EvaluateCommand& command);
int run(const CommonOptions& common, const CompareCommand& command);
int run(const CommonOptions& common, const ReportCommand& command);
int run(const CommonOptions& common, const InspectCommand& command);
int run(const CommonOptions& common, const MasksCommand& command);
int run(const CommonOptions& common, const DataCheckCommand& command);
int run(const CommonOptions& common, const DataPackCommand& command);
int run(const CommonOptions& common, const DataShowCommand& command);
int run(const CommonOptions& common, const DataSynthCommand& command);
int run_doctor(const CommonOptions& common);

}  // namespace permafrost
