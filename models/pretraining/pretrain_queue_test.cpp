// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretrain_queue.h"

#include <atomic>
#include <set>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/thread_limit.h"
#include "models/pretraining/clip_bank.h"
#include "models/pretraining/pretraining_stream.h"
#include "models/testing/test_support.h"
#include "models/testing/toy_pretraining.h"

namespace permafrost {
namespace pretrain_queue_test {

QueuedRun queued(const std::string& name, const std::filesystem::path& out,
                 const Json& changes = Json::object()) {
  QueuedRun run;
  run.json = toy_pretraining({{"name", name}, {"distinct_clips", 20}});
  run.json.update(changes);
  run.config = read_pretrain_config(run.json, name + ".json");
  run.out = out / name;
  return run;
}

std::string encoder_bytes(const std::filesystem::path& out) {
  return read_file(out / "encoder.safetensors");
}

class PretrainQueue : public testing::Test {
 protected:
  TestFolder folder_;
};

TEST_F(PretrainQueue, RunsAreThoseMadeOneByOne) {
  std::vector<QueuedRun> runs;
  for (const char* objective : {"vjepa", "pixel_mae"})
    for (const int seed : {1, 2})
      runs.push_back(queued(objective + std::to_string(seed), folder_ / "many",
                            {{"objective", objective}, {"seed", seed}}));
  std::set<std::string> told;
  const auto results = pretrain_all(runs, {.jobs = 3, .execution = {.threads = 3, .quiet = true}},
                                    [&](const QueuedRun& run, const PretrainResult& result) {
                                      told.insert(run.config.name);
                                      EXPECT_TRUE(result.finished);
                                    });
  EXPECT_EQ(told.size(), 4U);
  ASSERT_EQ(results.size(), 4U);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EXPECT_TRUE(results[i].started && results[i].run.finished) << i;
    const auto alone = folder_ / ("alone" + std::to_string(i));
    pretrain(runs[i].config, runs[i].json, {.out = alone, .execution = {.quiet = true}});
    EXPECT_EQ(encoder_bytes(runs[i].out), encoder_bytes(alone)) << i;
  }
}

TEST_F(PretrainQueue, ClipsOutOfABankGiveTheSameEncoder) {
  const QueuedRun run = queued("run", folder_ / "");
  pretrain(run.config, run.json, {.out = folder_ / "read", .execution = {.quiet = true}});
  const auto stream = pretraining_stream(run.config);
  ClipBank bank(*stream, run.config.encoder.clip_shape(), 20, at::kCPU);
  bank.fill(2);
  const PretrainResult result = pretrain(
      run.config, run.json, {.out = folder_ / "kept", .execution = {.quiet = true}, .bank = &bank});
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.loader.samples, 0);
  EXPECT_EQ(encoder_bytes(folder_ / "kept"), encoder_bytes(folder_ / "read"));
}

TEST_F(PretrainQueue, TimeThatIsUpLeavesACheckpointToGoOnFrom) {
  const QueuedRun run =
      queued("run", folder_ / "parts", {{"steps", 400}, {"checkpoint_every", 400}});
  const auto ignored = [](const QueuedRun&, const PretrainResult&) {};
  const auto first =
      pretrain_all({run}, {.jobs = 1, .minutes = 5e-3, .execution = {.quiet = true}}, ignored);
  ASSERT_TRUE(first[0].started);
  EXPECT_FALSE(first[0].run.finished);
  EXPECT_GT(first[0].run.steps, 0);
  EXPECT_TRUE(std::filesystem::exists(run.out / "checkpoint.safetensors"));
  const auto second = pretrain_all({run}, {.jobs = 1, .execution = {.quiet = true}}, ignored);
  EXPECT_TRUE(second[0].run.finished);
  pretrain(run.config, run.json, {.out = folder_ / "whole", .execution = {.quiet = true}});
  EXPECT_EQ(encoder_bytes(run.out), encoder_bytes(folder_ / "whole"));
}

TEST_F(PretrainQueue, StopsAtACheckpointWhenAsked) {
  const QueuedRun first =
      queued("first", folder_ / "parts", {{"steps", 9}, {"checkpoint_every", 100}});
  const QueuedRun second = queued("second", folder_ / "parts");
  std::atomic<int> asked = 0;
  QueueOptions options{.jobs = 1, .execution = {.quiet = true}};
  options.stop = [&] { return ++asked > 5; };  // once before the run, then after every step
  const auto ignored = [](const QueuedRun&, const PretrainResult&) {};
  const auto results = pretrain_all({first, second}, options, ignored);
  EXPECT_FALSE(results[0].run.finished);
  EXPECT_EQ(results[0].run.steps, 5);
  EXPECT_FALSE(results[1].started);
  EXPECT_EQ(log_of(first.out).size(), 5U);
  EXPECT_TRUE(pretrain_all({first}, {.execution = {.quiet = true}}, ignored)[0].run.finished);
  pretrain(first.config, first.json, {.out = folder_ / "whole", .execution = {.quiet = true}});
  EXPECT_EQ(encoder_bytes(first.out), encoder_bytes(folder_ / "whole"));
  EXPECT_EQ(log_of(first.out), log_of(folder_ / "whole"));
}

TEST_F(PretrainQueue, NeedsNoThreadsOfItsOwn) {
  SKIP_WITHOUT_THREAD_LIMIT();
  const QueuedRun run = queued("run", folder_ / "few", {{"distinct_clips", 16}});
  const auto ignored = [](const QueuedRun&, const PretrainResult&) {};
  const QueueOptions options{.jobs = 2, .execution = {.threads = 4, .quiet = true}};
  {
    const ThreadLimit limit(0);
    EXPECT_TRUE(pretrain_all({run}, options, ignored)[0].run.finished);
  }
  const QueuedRun many = queued("run", folder_ / "many", {{"distinct_clips", 16}});
  pretrain_all({many}, options, ignored);
  EXPECT_EQ(encoder_bytes(run.out), encoder_bytes(many.out));
}

TEST_F(PretrainQueue, ErrorOfOneRunReachesTheCaller) {
  std::vector<QueuedRun> runs{queued("good", folder_ / ""), queued("bad", folder_ / "")};
  std::filesystem::create_directories(runs[1].out);
  write_file_atomically(runs[1].out / "checkpoint.safetensors", "not a checkpoint");
  const auto ignored = [](const QueuedRun&, const PretrainResult&) {};
  const std::string text = input_error_of(
      [&] { pretrain_all(runs, {.jobs = 2, .execution = {.quiet = true}}, ignored); });
  EXPECT_TRUE(contains(text, (runs[1].out / "checkpoint.safetensors").string())) << text;
}

}  // namespace pretrain_queue_test
}  // namespace permafrost
