// SPDX-License-Identifier: Apache-2.0
// permafrost features: tokens of one video, image or tensor under one encoder. Whole videos are in
// long_video/.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/app/device.h"
#include "bench/app/long_video/long_features.h"
#include "common/error.h"
#include "common/files/file_writer.h"
#include "datasets/clips/source.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/encoder.h"
#include "probes/encode/given_clips.h"

namespace permafrost {
namespace {

struct FeaturesCommand {
  std::string encoder, input, output, key, layout = "BTCHW", tokens = "patch";
  EncoderOptions reading;
  std::vector<int> layers, size;
  int frame_step = 4;
  int stream = -1;  // -1: the default video stream
  LongFeaturesOptions whole;
};

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The tensor in a safetensors file.
GivenClips input_of_tensor(const FeaturesCommand& command) {
  const SafetensorsFile file = read_safetensors(command.input);
  if (command.key.empty() && file.tensors.size() != 1)
    throw InputError("--key", "",
                     "the name of one of " + std::to_string(file.tensors.size()) + " tensors in " +
                         command.input,
                     "none");
  const at::Tensor found =
      command.key.empty() ? file.tensors[0].second : file.tensor(command.key, command.input);
  return given_clips(found, command.layout, command.input, command.key);
}

GivenClips input_of_file(const FeaturesCommand& command, const ClipShape& shape) {
  Clip clip = read_clip(
      command.input,
      {.shape = shape, .frame_step = command.frame_step, .decode = {.stream = command.stream}});
  return {pixel_tensor(clip.pixels.data(), 1, clip.shape).clone(), true, clip.shape};
}

// --window: the whole video.
int run_whole(const CommonOptions& common, const FeaturesCommand& command, const Encoder& encoder) {
  if (!command.layers.empty()) throw InputError("--layers", "", "none with --window", "some");
  if (ends_with(command.input, ".safetensors"))
    throw InputError("--window", command.input, "a video, an image or synthetic:TASK",
                     "a tensor, which has the length that it has");
  LongFeaturesOptions options = command.whole;
  options.input = command.input;
  options.output = command.output;
  options.tokens = command.tokens;
  options.size = command.size;
  options.frame_step = command.frame_step;
  options.stream = command.stream;
  return run_long_features(common, encoder, options);
}

int run(const CommonOptions& common, const FeaturesCommand& command) {
  if (!common.is_first_rank()) return 0;  // one video is the work of one process
  require_writable_file(command.output, "--output");
  Encoder encoder = load_encoder(command.encoder, "--encoder", command.reading);
  require_layers(encoder.spec, command.layers, "--layers");
  const bool tensor = ends_with(command.input, ".safetensors");
  if (!command.whole.window.empty()) return run_whole(common, command, encoder);
  require_no_long_flags(command.whole);
  if (tensor && !command.size.empty())
    throw InputError("--size", "", "none: a tensor has its own", command.input);
  if (tensor && command.stream >= 0)
    throw InputError("--stream", "", "none: a tensor has no streams", command.input);
  ClipShape shape = encoder.spec.clip_shape();
  if (!command.size.empty()) shape = {command.size[0], command.size[1], command.size[2]};
  // Before the file is read: a shape that does not fit is said at once.
  if (!tensor) encoder = at_size(encoder, shape);
  const GivenClips input = repeated_still(
      tensor ? input_of_tensor(command) : input_of_file(command, shape), encoder.spec);
  encoder = at_size(encoder, input.shape);
  for (const auto& note : encoder.notes) std::fprintf(stderr, "%s\n", note.c_str());

  const at::Device device(chosen_device(common.device));
  encoder.weights = to_device(encoder.weights, device);
  // One clip and perhaps a large encoder: here threads work inside operations.
  at::set_num_threads(common.thread_count());
  const GivenFeatures found = features_of(
      encoder, input, {command.layers, command.tokens == "all" ? Tokens::all : Tokens::patch});
  NamedTensors out{{"features", found.features}};
  for (std::size_t i = 0; i < found.layers.size(); ++i)
    out.emplace_back("features.layer." + std::to_string(command.layers[i]), found.layers[i]);
  write_safetensors(command.output, out,
                    {{"format", "permafrost.features.1"},
                     {"encoder", encoder.name},
                     {"encoder_sha256", encoder.sha256},
                     {"spec", to_json(encoder.spec).dump()},
                     {"tokens", command.tokens},
                     {"input", command.input}});
  const at::Tensor& features = out[0].second;
  if (common.json) {
    const Json result{{"output", command.output},         {"encoder", encoder.name},
                      {"encoder_sha256", encoder.sha256}, {"tokens", command.tokens},
                      {"notes", encoder.notes},           {"shape", features.sizes().vec()}};
    std::printf("%s\n", json_text(result).c_str());
  } else {
    std::printf("%s: features %s float32 from %s\n", command.output.c_str(),
                c10::str(features.sizes()).c_str(), command.input.c_str());
  }
  return 0;
}

}  // namespace

void add_features(CommandLine& line) {
  const auto command = std::make_shared<FeaturesCommand>();
  CLI::App* sub = line.add_joint("features", "tokens of a video, an image or a tensor",
                                 [&line, command] { return run(line.common(), *command); });
  add_encoder_flags(sub, command->encoder, command->reading);
  sub->add_option("--input", command->input,
                  "video, image, .safetensors or, with --window, synthetic:TASK")
      ->required();
  sub->add_option("--output", command->output, ".safetensors")->required();
  sub->add_option("--key", command->key, "tensor in a .safetensors input");
  sub->add_option("--layout", command->layout, "order of the axes of an input tensor")
      ->check(CLI::IsMember(clip_layouts()))
      ->capture_default_str();
  sub->add_option("--layers", command->layers, "also the outputs of these blocks (from 0)")
      ->delimiter(',');
  sub->add_option("--tokens", command->tokens, "all: with class and register tokens")
      ->check(CLI::IsMember({"patch", "all"}))
      ->capture_default_str();
  sub->add_option("--size", command->size, "T,H,W of the clips, other than the encoder's")
      ->delimiter(',')
      ->expected(3)
      ->check(CLI::Range(1, 16384));
  sub->add_option("--frame-step", command->frame_step,
                  "one clip frame is taken every N frames of the video")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  sub->add_option("--stream", command->stream,
                  "number of a video stream in the file, other than its default one")
      ->check(CLI::Range(0, 100000));
  add_long_features_flags(sub, command->whole);
}

}  // namespace permafrost
