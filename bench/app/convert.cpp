// SPDX-License-Identifier: Apache-2.0
// permafrost convert: any encoder that can be loaded, or a denoiser at one noise level, as our
// safetensors or as a Hugging Face folder.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "common/files/file_writer.h"
#include "models/encoders/denoiser_file.h"
#include "models/encoders/huggingface_writer.h"

namespace permafrost {
namespace {

struct ConvertCommand {
  std::string encoder, to = "safetensors", out;
  EncoderOptions reading;
  bool bfloat16 = false;
  std::optional<double> time;  // of a denoiser; then `frozen`
  FrozenAt frozen;
};

Encoder converted(const ConvertCommand& command) {
  if (!command.time) return load_encoder(command.encoder, "--encoder", command.reading);
  FrozenAt at = command.frozen;
  at.tau = *command.time;
  return encoder_at(load_denoiser(command.encoder, "--encoder"), at, command.encoder);
}

int run(const CommonOptions& common, const ConvertCommand& command) {
  if (command.to == "safetensors") require_writable_file(command.out, "--out");
  Encoder encoder = converted(command);
  for (const auto& note : encoder.notes) std::fprintf(stderr, "%s\n", note.c_str());
  std::string how;
  if (command.to == "safetensors") {
    Json provenance = encoder.provenance;
    if (!provenance.is_object())
      provenance = {{"converted_from", encoder.source}, {"sha256", encoder.sha256}};
    save_encoder(command.out, encoder.weights, encoder.spec, provenance, command.bfloat16);
    how = "an encoder file of ours";
  } else {
    how = write_huggingface(command.out, encoder, command.bfloat16);
  }
  if (common.json)
    std::printf("%s\n", json_text(Json{{"output", command.out},
                                       {"encoder", encoder.name},
                                       {"encoder_sha256", encoder.sha256},
                                       {"to", command.to},
                                       {"written", how}})
                            .c_str());
  else
    std::printf("%s: %s, %s\n", command.out.c_str(), encoder.name.c_str(), how.c_str());
  return 0;
}

}  // namespace

void add_convert(CommandLine& line) {
  const auto command = std::make_shared<ConvertCommand>();
  CLI::App* sub = line.add("convert", "write an encoder in another format",
                           [&line, command] { return run(line.common(), *command); });
  add_encoder_flags(sub, command->encoder, command->reading);
  sub->add_option("--to", command->to)
      ->check(CLI::IsMember({"safetensors", "huggingface"}))
      ->capture_default_str();
  sub->add_option("--out", command->out, "a file, or a folder that is not there yet")->required();
  auto* time = sub->add_option("--time", command->time,
                               "of a denoiser: the noise level, 0 to 1, at which it is an encoder");
  sub->add_flag("--noised", command->frozen.noised,
                "of a denoiser: the encoder sees its clips with the noise of that level")
      ->needs(time);
  sub->add_option("--blocks", command->frozen.blocks,
                  "of a denoiser: its first blocks alone; default all")
      ->check(CLI::Range(1, 256))
      ->needs(time);
  for (const char* other : {"--spec", "--checkpoint-key"}) time->excludes(sub->get_option(other));
  sub->add_flag("--bfloat16", command->bfloat16, "half the size, rounded weights");
}

}  // namespace permafrost
