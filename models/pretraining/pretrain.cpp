// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretrain.h"

#include <torch/types.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/folder_lock.h"
#include "common/machine/progress.h"
#include "common/machine/stopwatch.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/encoder.h"
#include "models/network/device_copy.h"
#include "models/training/stream_order.h"

namespace permafrost {
namespace {

// `log`: lines so far; kept with the weights, so that both tell the same story.
void write_checkpoint(TrainerState& state, const std::string& log, const Json& config,
                      const std::filesystem::path& out) {
  NamedTensors all = tensors_of(*state.learner);
  for (auto& named : state.optimiser.state()) all.push_back(std::move(named));
  write_safetensors(out / "checkpoint.safetensors", all,
                    {{"format", "permafrost.checkpoint.1"},
                     {"step", std::to_string(state.step)},
                     {"config", config.dump()},
                     {"log", log}});
}

// The first key in which two configurations differ, as "key: expected a, found b".
void require_same_config(const Json& before, const Json& now, const std::string& where) {
  for (const auto& difference : Json::diff(before, now)) {
    const Json::json_pointer place(difference.at("path").get<std::string>());
    throw InputError(where, difference.at("path").get<std::string>(),
                     before.contains(place) ? before.at(place).dump() : "no such key",
                     now.contains(place) ? now.at(place).dump() : "no such key",
                     "this folder holds a run of another configuration; use another --out");
  }
}

// The log so far; empty where there is no checkpoint.
std::string read_checkpoint(TrainerState& state, const Json& config,
                            const std::filesystem::path& out) {
  const auto path = out / "checkpoint.safetensors";
  if (!std::filesystem::exists(path)) return {};
  const SafetensorsFile file = read_safetensors(path);
  const auto meta = [&](const char* key) {
    const auto it = file.metadata.find(key);
    if (it == file.metadata.end()) throw InputError(path.string(), key, "a metadata value", "none");
    return it->second;
  };
  require_same_config(parse_json(meta("config"), path.string()), config, path.string());
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors_of(*state.learner)) {
    const at::Tensor& found = file.tensor(name, path.string());
    if (!found.sizes().equals(tensor.sizes()))
      throw InputError(path.string(), name, c10::str(tensor.sizes()), c10::str(found.sizes()));
    tensor.copy_(found);
  }
  state.step = std::stoll(meta("step"));
  state.optimiser.restore(file.tensors, state.step);
  return meta("log");
}

// The batches of a run from step `first` on, out of a bank or as they are read.
class Feed {
 public:
  Feed(const PretrainConfig& config, const PretrainOptions& options, std::int64_t first,
       RealLists real)
      : config_(config),
        bank_(options.bank),
        order_(config.distinct_clips),
        place_(first * config.batch) {
    if (bank_ != nullptr) return;
    stream_ = pretraining_stream(config, std::move(real));
    const std::int64_t begin = place_;
    loader_ = std::make_unique<Loader>(
        *stream_,
        LoaderOptions{.shape = config.encoder.clip_shape(),
                      .batch = config.batch,
                      .threads = std::max(1, options.threads / 2)},
        config.steps * config.batch - begin,
        [this, begin](std::int64_t i) { return order_.clip_at(begin + i); });
  }

  // Pixels uint8 [batch,T,H,W,3]; the tensor is good until the next call.
  at::Tensor next() {
    const Stopwatch watch;
    at::Tensor pixels = bank_ != nullptr ? from_bank() : from_loader();
    wait_seconds_ += watch.seconds();
    place_ += config_.batch;
    return pixels;
  }

  double wait_seconds() const { return wait_seconds_; }
  LoaderStatistics statistics() const {
    return loader_ == nullptr ? LoaderStatistics{} : loader_->statistics();
  }

 private:
  at::Tensor from_bank() const {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = place_; i < place_ + config_.batch; ++i)
      indices.push_back(order_.clip_at(i));
    return bank_->clips(indices);
  }

  at::Tensor from_loader() {
    if (!loader_->next(batch_)) throw Error("the pretraining stream ended before the run");
    require_readable(batch_, "pretraining stream");
    return pixel_tensor(batch_.pixels.data(), config_.batch, config_.encoder.clip_shape());
  }

  const PretrainConfig& config_;
  const ClipBank* bank_;
  StreamOrder order_;
  std::int64_t place_;
  double wait_seconds_ = 0;
  Batch batch_;
  std::unique_ptr<ClipSource> stream_;
  std::unique_ptr<Loader> loader_;
};

std::string log_line(const PretrainConfig& config, std::int64_t step, const StepReport& report,
                     double clips_per_second) {
  OrderedJson line;
  line["step"] = step;
  line["clips"] = step * config.batch;
  line["loss"] = report.loss;
  line["learning_rate"] = config.learning_rate.at(step);
  line["weight_decay"] = config.weight_decay.at(step);
  for (const auto& [name, number] : report.figures) line[name] = number;
  for (const auto& [name, norm] : report.gradient_norms) line["gradient_norm_" + name] = norm;
  line["clips_per_second"] = std::round(clips_per_second * 10) / 10;
  return line.dump() + "\n";
}

void require_finite(const StepReport& report, std::int64_t step) {
  if (!std::isfinite(report.loss))
    throw Error("pretraining diverged: the loss at step " + std::to_string(step) +
                " is not finite; lower learning_rate.peak");
}

Json provenance_of(const PretrainConfig& config, const Json& config_json,
                   const std::string& exported, const Json& missing) {
  Json json = {{"config", config_json},
               {"steps", config.steps},
               {"clips", config.steps * config.batch},
               {"export", exported}};
  if (!missing.is_null()) json["missing_files"] = missing;
  return json;
}

// The first line of the log where missing files are left out; empty else.
std::string missing_line(const Json& missing) {
  if (missing.is_null()) return "";
  return OrderedJson{{"event", "missing_files"}, {"lists", missing}}.dump(
             -1, ' ', false, OrderedJson::error_handler_t::replace) +
         "\n";
}

// The log of a run that goes on must tell of the same files: with others, its clips would be
// others.
std::string begun_log(const std::string& log, const std::string& line,
                      const std::filesystem::path& out) {
  if (log.empty()) return line;
  if (!log.starts_with(line))
    throw InputError((out / "checkpoint.safetensors").string(), "missing_files",
                     log.substr(0, log.find('\n')), line.substr(0, line.find('\n')),
                     "files of its lists have come or gone since this run began");
  return log;
}

std::int64_t count_of(const Json& missing) {
  std::int64_t count = 0;
  for (const auto& list : missing) count += list.at("missing").get<std::int64_t>();
  return count;
}

// The steps of one call, with what is written on the way.
class Run {
 public:
  Run(const PretrainConfig& config, const Json& config_json, const PretrainOptions& options,
      const Json& missing)
      : config_(config),
        json_(config_json),
        options_(options),
        missing_(missing),
        trainer_(config, {.threads = options.threads, .device = at::Device(options.device)}),
        log_(begun_log(read_checkpoint(trainer_.state(), config_json, options.out),
                       missing_line(missing), options.out)),
        first_(trainer_.state().step),
        group_first_(first_) {}

  PretrainResult all_steps(RealLists real) {
    result_.missing_files = count_of(missing_);
    Feed feed(config_, options_, first_, std::move(real));
    Progress progress("pretrain " + config_.name, (config_.steps - first_) * config_.batch, "clips",
                      options_.quiet);
    const Stopwatch watch;
    while (done() < config_.steps) {
      const at::Tensor clips = feed.next();
      if (done() == first_) write_config();
      if (const auto report = trainer_.step(clips)) note(*report, progress);
      progress.advance(config_.batch);
      if (options_.stop_after > 0 && done() - first_ >= options_.stop_after) break;
      if (options_.stop()) {
        write_all();
        break;
      }
    }
    result_.seconds = watch.seconds();
    result_.wait_seconds = feed.wait_seconds();
    result_.loader = feed.statistics();
    result_.clips_per_second =
        static_cast<double>((done() - first_) * config_.batch) / std::max(1e-9, result_.seconds);
    result_.steps = done();
    result_.finished = done() == config_.steps;
    if (result_.finished) finish();
    return result_;
  }

 private:
  void write_config() { write_file_atomically(options_.out / "config.json", json_.dump(2) + "\n"); }

  std::int64_t done() { return trainer_.state().step; }

  void note(const StepReport& report, Progress& progress) {
    require_finite(report, done());
    result_.last = report;
    if (is_logged(config_, done())) {
      const double rate =
          static_cast<double>((done() - group_first_) * config_.batch) / group_watch_.seconds();
      log_ += log_line(config_, done(), report, rate);
      progress.note("loss " + std::to_string(report.loss));
      group_watch_ = Stopwatch();
      group_first_ = done();
    }
    if (is_kept(config_, done())) write_all();
  }

  void write_all() {
    write_checkpoint(trainer_.state(), log_, json_, options_.out);
    write_file_atomically(options_.out / "log.jsonl", log_);
  }

  void finish() {
    // Again, for a kill between the last checkpoint and its log.
    write_config();
    write_file_atomically(options_.out / "log.jsonl", log_);
    const ExportedEncoder exported = trainer_.state().learner->exported();
    VitWeights final = to_device(exported.weights, at::kCPU);
    save_encoder(options_.out / "encoder.safetensors", final, exported.spec,
                 provenance_of(config_, json_, exported.name, missing_), options_.bfloat16);
  }

  const PretrainConfig& config_;
  const Json& json_;
  const PretrainOptions& options_;
  const Json& missing_;
  Trainer trainer_;
  std::string log_;
  std::int64_t first_, group_first_;
  Stopwatch group_watch_;
  PretrainResult result_;
};

}  // namespace

PretrainResult pretrain(const PretrainConfig& config, const Json& config_json,
                        const PretrainOptions& options) {
  // Before anything is written. With a bank they were read; what is missing is still to be told.
  RealLists real;
  if (options.bank == nullptr || config.real_missing_counted) real = read_real_lists(config);
  require_writable_directory(options.out, "--out");
  const FolderLock lock(options.out, "--out");
  const Json missing = real.missing;
  Run run(config, config_json, options, missing);
  return run.all_steps(std::move(real));
}

}  // namespace permafrost
