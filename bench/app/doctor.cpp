// SPDX-License-Identifier: Apache-2.0
// permafrost doctor: what this build is and what this machine offers it.
#include <ATen/ATen.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/app/device.h"
#include "bench/machines/measured_cpu.h"
#include "bench/records/build_info.h"
#include "common/machine/parallel.h"
#include "common/nearest_name.h"
#include "datasets/images/codecs.h"
#include "datasets/tasks/task.h"
#include "models/encoders/encoder.h"
#include "models/processes/launch.h"
#include "models/processes/nccl.h"

namespace permafrost {
namespace {

std::string line_of(const std::string& key, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return json_text(value);
  if (value.empty()) return "none";
  if (key == "encoders") return std::to_string(value.size()) + ", see permafrost inspect";
  return joined(value.get<std::vector<std::string>>());
}

struct DoctorCommand {
  bool measure = false;
  std::string video;
};

int measure(const DoctorCommand& command) {
  std::printf("%s\n", json_text(to_json(measured_cpu(command.video)), 2).c_str());
  return 0;
}

// Over which GPUs of several ranks exchange; "none" where there is no such library.
std::string nccl_version() {
  try {
    return nccl().version();
  } catch (const Error&) {
    return "none";
  }
}

int run(const CommonOptions& common, const DoctorCommand& command) {
  if (command.measure) return measure(command);
#ifdef PERMAFROST_FFMPEG
  const bool video = true;
#else
  const bool video = false;
#endif
  const std::string data = data_folder("").string();
  const BuildInfo build = build_info();
  const auto launch = launch_of_process();
  const Json report{{"version", build.version},
                    {"commit", build.commit},
                    {"libtorch", build.libtorch},
                    {"processor", build.processor},
                    {"cuda", cuda_available()},
                    {"threads", available_threads()},
                    {"ranks", launch ? to_text(*launch) : "one process"},
                    {"nccl", nccl_version()},
                    {"video_files", video},
                    {"codecs", decoded_codecs()},
                    {"zoo", zoo_folder().string()},
                    {"encoders", zoo_names()},
                    {"data", data.empty() ? "none" : data}};
  if (common.json) {
    std::printf("%s\n", json_text(report, 2).c_str());
    return 0;
  }
  for (const auto& item : report.items())
    std::printf("%-12s %s\n", item.key().c_str(), line_of(item.key(), item.value()).c_str());
  return 0;
}

}  // namespace

void add_doctor(CommandLine& line) {
  const auto command = std::make_shared<DoctorCommand>();
  CLI::App* sub = line.add("doctor", "build, devices, folders",
                           [&line, command] { return run(line.common(), *command); });
  auto* measure = sub->add_flag("--measure", command->measure,
                                "print the rates of this CPU as a description for --machine");
  sub->add_option("--video", command->video, "a video file whose decoding is measured as well")
      ->needs(measure);
}

}  // namespace permafrost
