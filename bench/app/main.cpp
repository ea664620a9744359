// SPDX-License-Identifier: Apache-2.0
// The program: flags to structs, errors to one line and an exit status.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>

#include "bench/app/device.h"
#include "bench/app/options.h"
#include "bench/records/build_info.h"
#include "common/error.h"
#include "common/machine/parallel.h"
#include "common/nearest_name.h"
#include "datasets/rendered/rendered_dataset.h"

namespace permafrost {

int CommonOptions::thread_count() const { return threads > 0 ? threads : available_threads(); }

namespace {

struct Commands {
  CommonOptions common;
  TablesCommand tables;
  PretrainCommand pretrain;
  FeaturesCommand features;
  ConvertCommand convert;
  ProbeCommand probe, finetune;
  EvaluateCommand evaluate;
  CompareCommand compare;
  ReportCommand report;
  InspectCommand inspect;
  MasksCommand masks;
  DataCheckCommand data_check;
  DataPackCommand data_pack;
  DataShowCommand data_show;
  DataSynthCommand data_synth;
  std::function<int()> chosen;
};

CLI::App* add_command(CLI::App& app, Commands& c, const char* name, const char* what,
                      std::function<int()> action) {
  CLI::App* sub = app.add_subcommand(name, what);
  sub->add_option("--device", c.common.device, "cpu, cuda or auto")->capture_default_str();
  sub->add_option("--threads", c.common.threads, "0: all that this process may use")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  sub->add_option("--seed", c.common.seed,
                  "the first of the seeds; pretrain: instead of its own; data synth: other clips")
      ->each([&c](const std::string&) { c.common.seed_given = true; });
  sub->add_flag("--json", c.common.json, "machine-readable result on stdout");
  sub->add_flag("--quiet", c.common.quiet, "no progress");
  sub->callback([&c, action = std::move(action)] { c.chosen = action; });
  return sub;
}

void add_inspect(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "inspect", "what is in the zoo or in a file",
                              [&c] { return run(c.common, c.inspect); });
  sub->add_option("file", c.inspect.path, "file or folder; none: list the zoo");
  sub->add_option("--spec", c.inspect.reading.spec, "what the file does not tell");
  sub->add_option("--checkpoint-key", c.inspect.reading.key, "entry of the checkpoint");
  HealthOptions& health = c.inspect.health;
  auto* on = sub->add_option("--on", health.task,
                             "a task of the suite or a file: deviation and rank of the features of "
                             "its clips");
  sub->add_option("--clips", health.clips, "of the task that are looked at")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str()
      ->needs(on);
  sub->add_option("--suite", health.suite)->capture_default_str()->needs(on);
  sub->add_option("--data", health.data, "folder of real datasets")->needs(on);
}

void add_tables(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "tables", "regenerate the paper's tables",
                              [&c] { return run(c.common, c.tables); });
  sub->add_option("tables", c.tables.tables, "numbers; none: all of the suite");
  sub->add_option("--suite", c.tables.suite)->capture_default_str();
  sub->add_option("--out", c.tables.out, "records, tables, figures")->capture_default_str();
  sub->add_option("--data", c.tables.data, "folder of real datasets");
  sub->add_option("--seeds", c.tables.seeds, "0: as the suite says")->check(CLI::Range(0, 1000));
  sub->add_option("--batch", c.tables.batch, "samples encoded together")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  sub->add_option("--features", c.tables.features,
                  "kept in memory, streamed (encoded in every epoch), or auto: kept if they fit")
      ->check(CLI::IsMember({"auto", "kept", "streamed"}))
      ->capture_default_str();
  sub->add_option("--paths", c.tables.paths, "JSON file: where checkpoints and datasets lie");
  sub->add_flag("--dry-run", c.tables.dry_run,
                "cells, their inputs, what is missing, time and memory; computes nothing");
  sub->add_flag("--quick", c.tables.quick, "few samples and epochs: a check, not a result");
  auto* fresh = sub->add_flag("--fresh", c.tables.fresh, "ignore the records in --out");
  sub->add_flag("--resume", c.tables.resume, "keep the records in --out (the default)")
      ->excludes(fresh);
  sub->add_flag("--keep-heads", c.tables.keep_heads,
                "also the trained heads, under heads/: the report draws their attention");
}

void add_pretrain(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "pretrain", "pretrain an encoder; resumes by itself",
                              [&c] { return run(c.common, c.pretrain); });
  sub->add_option("config", c.pretrain.configs, "CONFIG.json, or several")->required();
  sub->add_option("--set", c.pretrain.set, "key=value over the configuration, a.b for nested keys");
  sub->add_option("--out", c.pretrain.out, "a folder; of several configurations, one by name in it")
      ->required();
  sub->add_option("--data", c.pretrain.data,
                  "folder of real clips, where lists start; else that of the configuration");
  sub->add_option("--jobs", c.pretrain.jobs, "runs at a time, of several")
      ->check(CLI::Range(1, 256));
  sub->add_option("--minutes", c.pretrain.minutes, "stop at a checkpoint after so long; 0: never");
}

void add_encoder(CLI::App* sub, std::string& encoder, EncoderOptions& reading) {
  sub->add_option("--encoder", encoder, "zoo name, checkpoint, or Hugging Face folder")->required();
  sub->add_option("--spec", reading.spec,
                  "what the file does not tell: a known name, JSON, or a JSON file");
  sub->add_option("--checkpoint-key", reading.key,
                  "entry of the checkpoint; else target_encoder, encoder, model ...");
}

void add_features(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "features", "tokens of a video, an image or a tensor",
                              [&c] { return run(c.common, c.features); });
  add_encoder(sub, c.features.encoder, c.features.reading);
  sub->add_option("--input", c.features.input, "video, image or .safetensors")->required();
  sub->add_option("--output", c.features.output, ".safetensors")->required();
  sub->add_option("--key", c.features.key, "tensor in a .safetensors input");
  sub->add_option("--layout", c.features.layout)
      ->check(CLI::IsMember({"BTCHW", "BCTHW"}))
      ->capture_default_str();
  sub->add_option("--layers", c.features.layers, "also the outputs of these blocks (from 0)")
      ->delimiter(',');
  sub->add_option("--tokens", c.features.tokens, "all: with class and register tokens")
      ->check(CLI::IsMember({"patch", "all"}))
      ->capture_default_str();
  sub->add_option("--size", c.features.size, "T,H,W of the clips, other than the encoder's")
      ->delimiter(',')
      ->expected(3)
      ->check(CLI::Range(1, 16384));
  sub->add_option("--frame-step", c.features.frame_step, "frames of the video a clip frame")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  sub->add_option("--stream", c.features.stream,
                  "number of a video stream in the file, other than its default one")
      ->check(CLI::Range(0, 100000));
}

void add_convert(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "convert", "write an encoder in another format",
                              [&c] { return run(c.common, c.convert); });
  add_encoder(sub, c.convert.encoder, c.convert.reading);
  sub->add_option("--to", c.convert.to)
      ->check(CLI::IsMember({"safetensors", "huggingface"}))
      ->capture_default_str();
  sub->add_option("--out", c.convert.out, "a file, or a folder that is not there yet")->required();
  sub->add_flag("--bfloat16", c.convert.bfloat16, "half the size, rounded weights");
}

void add_probe(CLI::App& app, Commands& c, ProbeCommand& command, const char* name,
               const char* what, int (*action)(const CommonOptions&, const ProbeCommand&)) {
  CLI::App* sub =
      add_command(app, c, name, what, [&c, &command, action] { return action(c.common, command); });
  add_encoder(sub, command.encoder, command.reading);
  sub->add_option("--task", command.task, "a task of the suite, or a JSON file that declares one")
      ->required();
  sub->add_option("--out", command.out)->required();
  sub->add_option("--suite", command.suite)->capture_default_str();
  sub->add_option("--data", command.data, "folder of real datasets");
  if (&command == &c.probe)
    sub->add_option("--head", command.heads, "attentive, linear, mean_pool, knn")->delimiter(',');
  sub->add_option("--set", command.set, "key=value over the suite's protocol");
}

void add_evaluate(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "evaluate", "a released head on a task, without training",
                              [&c] { return run(c.common, c.evaluate); });
  add_encoder(sub, c.evaluate.encoder, c.evaluate.reading);
  sub->add_option("--head", c.evaluate.head, "file or folder of a classification head")->required();
  sub->add_option("--task", c.evaluate.task,
                  "a task of the suite, or a JSON file that declares one")
      ->required();
  sub->add_option("--suite", c.evaluate.suite)->capture_default_str();
  sub->add_option("--data", c.evaluate.data, "folder of real datasets");
  sub->add_option("--out", c.evaluate.out, "evaluation.json and predictions.csv");
  sub->add_option("--recipe", c.evaluate.recipe, "the paper's protocol; none: by the classes");
  sub->add_option("--set", c.evaluate.set, "key=value over the recipe: clips=2, views=1");
  sub->add_option("--head-heads", c.evaluate.head_heads, "attention heads, where no file tells")
      ->check(CLI::Range(1, 1024));
  sub->add_option("--head-entry", c.evaluate.head_entry, "of several heads in a file");
}

void add_compare(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "compare", "two folders of results: has anything fallen?",
                              [&c] { return run(c.common, c.compare); });
  sub->add_option("baseline", c.compare.baseline, "folder with records/ to compare with")
      ->required();
  sub->add_option("candidate", c.compare.candidate, "folder with records/ to judge")->required();
  sub->add_option("--tolerance", c.compare.tolerance, "points that may be lost")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  sub->add_flag("--allow-missing", c.compare.allow_missing,
                "cells that the candidate lacks are no regression");
  sub->add_option("--junit", c.compare.junit, "test report, JUnit XML");
  sub->add_option("--markdown", c.compare.markdown, "the table, also as a file");
}

void add_report(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "report", "a folder of results as one HTML page",
                              [&c] { return run(c.common, c.report); });
  sub->add_option("folder", c.report.folder, "what tables, probe or finetune wrote (--out)")
      ->required();
  sub->add_option("--out", c.report.out, "the page; none: report.html in the folder");
}

void add_masks(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "masks", "show a masking strategy",
                              [&c] { return run(c.common, c.masks); });
  sub->add_option("--strategy", c.masks.strategy)->capture_default_str();
  sub->add_option("--png", c.masks.png, "picture file");
  sub->add_flag("--stats", c.masks.stats, "mean shares over many batches");
  sub->add_option("--grid", c.masks.grid, "tokens T,H,W")->delimiter(',')->capture_default_str();
  sub->add_option("--batch", c.masks.batch)->check(CLI::Range(1, 65536))->capture_default_str();
}

void add_data_synth(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "synth", "render a synthetic task to MP4 files with lists",
                              [&c] { return run(c.common, c.data_synth); });
  auto& command = c.data_synth;
  const auto counts = CLI::Range(std::int64_t{1}, std::int64_t{1'000'000});
  sub->add_option("--world", command.world, "one of " + joined(renderable_worlds()))
      ->capture_default_str();
  sub->add_option("--out", command.out)->required();
  sub->add_option("--train", command.train, "clips")->check(counts)->capture_default_str();
  sub->add_option("--test", command.test, "clips")->check(counts)->capture_default_str();
  sub->add_option("--frames", command.frames)->check(CLI::Range(1, 4096))->capture_default_str();
  sub->add_option("--size", command.size, "pixels a side")
      ->check(CLI::Range(8, 4096))
      ->capture_default_str();
  sub->add_option("--fps", command.fps)->check(CLI::Range(1, 1000))->capture_default_str();
  sub->add_option("--coding", command.coding, "h264: 4:2:0, as cameras write")
      ->check(CLI::IsMember({"lossless", "h264"}))
      ->capture_default_str();
}

void add_data_target(CLI::App* sub, DataOptions& options) {
  sub->add_option("target", options.target,
                  "a list, a folder of classes, a task or dataset in JSON, or a known dataset")
      ->required();
  sub->add_option("--data", options.data, "folder of real datasets");
  sub->add_option("--root", options.root, "where paths of the list start; else beside it");
  sub->add_option("--extension", options.extension, "put behind names without one: .webm");
  sub->add_option("--separator", options.separator, "between path and label; else found out");
  sub->add_option("--labels", options.labels, "file of class names");
}

void add_data_check(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "check", "decode every file; exit 1 where something is wrong",
                              [&c] { return run(c.common, c.data_check); });
  add_data_target(sub, c.data_check.data);
  sub->add_option("--out", c.data_check.out,
                  "check.txt, check.json, whole.csv; a second run goes on");
  sub->add_flag("--no-labels", c.data_check.no_labels,
                "the lists have none, or they play no part, as in pretraining");
  sub->add_option("--least-frames", c.data_check.least_frames,
                  "a video of fewer is short; else 16, or what data synth was asked for")
      ->check(CLI::Range(0, 1'000'000));
}

void add_data_pack(CLI::App& app, Commands& c) {
  CLI::App* sub =
      add_command(app, c, "pack", "decode once and keep the frames; a second run goes on",
                  [&c] { return run(c.common, c.data_pack); });
  auto& command = c.data_pack;
  add_data_target(sub, command.data);
  sub->add_option("--out", command.out, "folder: shards, pack.json, task.json")->required();
  sub->add_option("--coding", command.coding, "of the frames")
      ->check(CLI::IsMember({"raw", "jpeg"}))
      ->capture_default_str();
  sub->add_option("--short-side", command.short_side, "pixels; smaller frames stay as they are")
      ->check(CLI::Range(1, 16384))
      ->capture_default_str();
  sub->add_option("--every", command.every, "of so many frames one is kept")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  sub->add_option("--quality", command.quality, "of JPEG")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  sub->add_option("--shard-samples", command.shard_samples, "samples in one file")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sub->add_flag("--aliased", command.aliased, "scale as the released code does");
}

void add_data_show(CLI::App& app, Commands& c) {
  CLI::App* sub = add_command(app, c, "show", "a contact sheet: a row a sample, a column a frame",
                              [&c] { return run(c.common, c.data_show); });
  auto& command = c.data_show;
  add_data_target(sub, command.data);
  sub->add_option("--out", command.out, "PNG file")->capture_default_str();
  sub->add_option("--list", command.list, "train or test, where there are both");
  sub->add_option("--samples", command.samples, "rows, drawn by --seed")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  sub->add_option("--frames", command.frames)->check(CLI::Range(1, 256))->capture_default_str();
  sub->add_option("--size", command.size, "pixels a side")
      ->check(CLI::Range(8, 2048))
      ->capture_default_str();
  sub->add_option("--frame-step", command.frame_step, "frames of the video a column; 0: the task's")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
}

void add_data(CLI::App& app, Commands& c) {
  CLI::App* data = app.add_subcommand("data", "real data: render, check, pack, show");
  data->require_subcommand(1);
  add_data_check(*data, c);
  add_data_pack(*data, c);
  add_data_show(*data, c);
  add_data_synth(*data, c);
}

int run_program(int argc, char** argv) {
  CLI::App app("Permafrost: frozen evaluation of self-supervised video encoders");
  app.require_subcommand(1);
  app.set_version_flag("--version", "permafrost " + build_info().version);
  Commands c;
  add_tables(app, c);
  add_pretrain(app, c);
  add_features(app, c);
  add_convert(app, c);
  add_probe(app, c, c.probe, "probe", "train a probe on a frozen encoder", run_probe);
  add_probe(app, c, c.finetune, "finetune", "fine-tune an encoder", run_finetune);
  add_evaluate(app, c);
  add_inspect(app, c);
  add_compare(app, c);
  add_report(app, c);
  add_masks(app, c);
  add_data(app, c);
  add_command(app, c, "doctor", "build, devices, folders", [&c] { return run_doctor(c.common); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "permafrost: %s (permafrost --help lists commands and flags)\n",
                 error.what());
    return 2;
  }
  return c.chosen();
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  permafrost::prepare_process();
  try {
    return permafrost::run_program(argc, argv);
  } catch (const permafrost::Error& error) {
    std::fprintf(stderr, "permafrost: %s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "permafrost: internal error: %s\n", error.what());
    return 1;
  }
}
