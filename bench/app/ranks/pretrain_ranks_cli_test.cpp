// SPDX-License-Identifier: Apache-2.0
// Pretraining by several processes over loopback, and what becomes of them when one is lost.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "bench/testing/rank_processes.h"
#include "common/testing/sanitizers.h"
#include "models/testing/toy_pretraining.h"

namespace permafrost {
namespace pretrain_ranks_cli_test {

// Seconds that ranks wait for each other: more than a program takes to start on a busy machine.
#ifdef PERMAFROST_SANITIZED
constexpr int kTimeout = 40;
#else
constexpr int kTimeout = 8;
#endif
const std::string kTimeoutText = std::to_string(kTimeout) + " s";

class PretrainRanks : public Cli {
 protected:
  std::string config(const nlohmann::json& changes = nlohmann::json::object()) const {
    nlohmann::json all{{"gradient_shards", 4}, {"checkpoint_every", 2}};
    all.update(changes);
    return write("config.json", toy_pretraining(all).dump());
  }
  // So long that a test can break into it.
  std::string long_config() const {
    return config({{"steps", 100000}, {"checkpoint_every", 5}, {"log_every", 1}});
  }

  std::string command(const std::string& config, const std::string& out) const {
    return "pretrain " + config + " --device cpu --threads 1 --rank-timeout " +
           std::to_string(kTimeout) + " --out " + path(out);
  }

  RankProcesses start(int ranks, const std::string& arguments) const {
    return RankProcesses(ranks, store_, folder_.path(), [&](int) { return arguments; });
  }

  // Until the run has that many lines in its log.
  void wait_for_lines(const std::string& out, std::size_t lines) const {
    for (int i = 0; i < 6000 && !has_lines(out, lines); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(has_lines(out, lines));
  }
  bool has_lines(const std::string& out, std::size_t lines) const {
    if (!std::filesystem::exists(folder_ / out / "log.jsonl")) return false;
    const std::string text = read_file(folder_ / out / "log.jsonl");
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) >= lines;
  }

  const ServedStore store_ = serve_store();
};

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(PretrainRanks, AnyNumberOfRanksGivesTheBytesOfOneProcess) {
  // Experts have a state of their own, pixels measure the first clips.
  for (const nlohmann::json& changes :
       {nlohmann::json{{"objective", "vjepa"}},
        nlohmann::json{{"objective", "pixel_mae"}, {"target", {{"components", 8}}}},
        nlohmann::json{{"objective", "diff_mae"}},
        nlohmann::json{{"objective", "vjepa"}, {"precision", "bfloat16"}}}) {
    const std::string json = config(changes);
    ASSERT_EQ(program(command(json, "one") + " --quiet").status, 0);
    for (const int ranks : {2, 4}) {
      const ServedStore store = serve_store();
      const std::string out = "of" + std::to_string(ranks);
      RankProcesses all(ranks, store, folder_.path(), [&](int) { return command(json, out); });
      const auto ran = all.wait_all();
      for (int rank = 0; rank < ranks; ++rank) {
        EXPECT_EQ(ran[static_cast<std::size_t>(rank)].status, 0) << ran[0].err;
        if (rank == 0) continue;
        EXPECT_EQ(ran[static_cast<std::size_t>(rank)].out, "");
        EXPECT_EQ(ran[static_cast<std::size_t>(rank)].err, "");
      }
      EXPECT_EQ(lines_in(ran[0].out), 1u) << ran[0].out;
      EXPECT_EQ(encoder_bytes(folder_ / out), encoder_bytes(folder_ / "one")) << json;
      EXPECT_EQ(log_of(folder_ / out), log_of(folder_ / "one"));
      std::filesystem::remove_all(folder_ / out);
    }
    std::filesystem::remove_all(folder_ / "one");
  }
}

TEST_F(PretrainRanks, AKilledRankIsNamedAndAnotherNumberOfRanksGoesOn) {
  const std::string json = config({{"steps", 400}});
  {
    RankProcesses ranks = start(4, command(json, "out") + " --quiet");
    wait_for_lines("out", 6);
    ranks.signal(2, SIGKILL);
    const RankRan first = ranks.wait(0, kTimeout + 30);
    EXPECT_EQ(first.status, 1);
    EXPECT_TRUE(first.err.starts_with("permafrost: rank 2 (")) << first.err;
    EXPECT_NE(first.err.find(") is gone: "), std::string::npos) << first.err;
    EXPECT_EQ(lines_in(first.err), 1u) << first.err;
    for (const int rank : {1, 3}) {
      const RankRan other = ranks.wait(rank, kTimeout + 30);
      EXPECT_EQ(other.status, 1);
      EXPECT_EQ(other.err, "");
    }
  }
  const ServedStore store = serve_store();
  RankProcesses two(2, store, folder_.path(),
                    [&](int) { return command(json, "out") + " --quiet"; });
  for (const auto& ran : two.wait_all()) ASSERT_EQ(ran.status, 0) << ran.err;
  ASSERT_EQ(program(command(json, "one") + " --quiet").status, 0);
  EXPECT_EQ(encoder_bytes(folder_ / "out"), encoder_bytes(folder_ / "one"));
  EXPECT_EQ(log_of(folder_ / "out"), log_of(folder_ / "one"));
}

TEST_F(PretrainRanks, WhenTheFirstRankIsKilledTheOthersSayWho) {
  RankProcesses ranks = start(2, command(long_config(), "out") + " --quiet");
  wait_for_lines("out", 3);
  ranks.signal(0, SIGKILL);
  const RankRan other = ranks.wait(1, kTimeout + 30);
  EXPECT_EQ(other.status, 1);
  EXPECT_TRUE(other.err.starts_with("permafrost: rank 0 (")) << other.err;
  EXPECT_EQ(lines_in(other.err), 1u) << other.err;
}

TEST_F(PretrainRanks, ARankThatHangsIsNamedAfterTheTimeOut) {
  RankProcesses ranks = start(2, command(long_config(), "out") + " --quiet");
  wait_for_lines("out", 3);
  ranks.signal(1, SIGSTOP);
  const auto began = std::chrono::steady_clock::now();
  const RankRan first = ranks.wait(0, kTimeout + 30);
  EXPECT_EQ(first.status, 1);
  EXPECT_TRUE(first.err.starts_with("permafrost: rank 1 (")) << first.err;
  EXPECT_NE(first.err.find("gave no sign of life for " + kTimeoutText), std::string::npos)
      << first.err;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(kTimeout + 25));
}

TEST_F(PretrainRanks, ASignalToOneRankLeavesACheckpointOfAll) {
  RankProcesses ranks = start(2, command(long_config(), "out") + " --quiet");
  wait_for_lines("out", 3);
  ranks.signal(1, SIGTERM);  // a scheduler ends all tasks; one must be enough
  const RankRan first = ranks.wait(0, kTimeout + 60), second = ranks.wait(1, kTimeout + 60);
  EXPECT_EQ(second.status, 143);
  EXPECT_EQ(second.err, "");
  EXPECT_EQ(first.status, 143) << first.err;
  EXPECT_NE(first.err.find("stopped by SIGTERM"), std::string::npos) << first.err;
  EXPECT_NE(first.err.find("goes on from there"), std::string::npos) << first.err;
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out" / "checkpoint.safetensors"));
}

TEST_F(PretrainRanks, AnotherConfigurationIsNamed) {
  const std::string first = config();
  const std::string other =
      write("other.json",
            toy_pretraining({{"gradient_shards", 4}, {"checkpoint_every", 2}, {"seed", 9}}).dump());
  RankProcesses ranks(2, store_, folder_.path(),
                      [&](int rank) { return command(rank == 0 ? first : other, "out"); });
  const auto ran = ranks.wait_all(kTimeout + 30);
  EXPECT_EQ(ran[0].status, 2);
  EXPECT_NE(ran[0].err.find("rank 1 ("), std::string::npos) << ran[0].err;
  EXPECT_NE(ran[0].err.find("configuration: expected"), std::string::npos) << ran[0].err;
  EXPECT_EQ(lines_in(ran[0].err), 1u) << ran[0].err;
  EXPECT_EQ(ran[1].status, 2);
  EXPECT_EQ(ran[1].err, "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out" / "config.json"));
}

TEST_F(PretrainRanks, RanksThatDoNotDivideTheShardsAreRefused) {
  const auto ran = start(3, command(config(), "out")).wait_all(kTimeout + 30);
  for (const auto& rank : ran) EXPECT_EQ(rank.status, 2);
  EXPECT_EQ(ran[0].err,
            "permafrost: gradient_shards: expected a multiple of the number of ranks, 3, found "
            "4\n");
}

TEST_F(PretrainRanks, AnErrorOfOneRankIsToldByTheFirst) {
  const std::string json = config();
  RankProcesses ranks(2, store_, folder_.path(), [&](int rank) {
    return command(rank == 0 ? json : path("none.json"), "out");
  });
  const auto ran = ranks.wait_all(kTimeout + 30);
  EXPECT_EQ(ran[0].status, 2);
  EXPECT_TRUE(ran[0].err.starts_with("permafrost: rank 1 (")) << ran[0].err;
  EXPECT_NE(ran[0].err.find("none.json"), std::string::npos) << ran[0].err;
  EXPECT_EQ(ran[1].err, "");
}

TEST_F(PretrainRanks, WhoDoesNotComeIsNamed) {
  const std::string json = config();
  RankProcesses ranks(2, store_, folder_.path(), [&](int rank) {
    return rank == 0 ? command(json, "out") : std::string("doctor");  // which meets nobody
  });
  EXPECT_EQ(ranks.wait(0, kTimeout + 30).err, "permafrost: WORLD_SIZE: expected 2 ranks within " +
                                                  kTimeoutText + ", found no rank 1\n");
}

TEST_F(PretrainRanks, AnotherNumberOfRanksAndARankTwiceAreNamed) {
  const std::string json = config();
  {
    RankProcesses ranks(
        2, store_, folder_.path(), [&](int) { return command(json, "out"); },
        [](int rank) {
          return Variables{{"WORLD_SIZE", rank == 0 ? "2" : "4"}};
        });
    const auto ran = ranks.wait_all(kTimeout + 30);
    EXPECT_EQ(ran[0].status, 2);
    EXPECT_NE(ran[0].err.find("WORLD_SIZE: expected 2, as rank 0 has, found 4 at rank 1 ("),
              std::string::npos)
        << ran[0].err;
  }
  const ServedStore store = serve_store();
  RankProcesses ranks(
      2, store, folder_.path(), [&](int) { return command(json, "out"); },
      [](int) {
        return Variables{{"RANK", "1"}};
      });
  const auto ran = ranks.wait_all(kTimeout + 30);
  EXPECT_EQ(ran[0].status, 2);
  EXPECT_EQ(ran[1].status, 2);
  EXPECT_NE((ran[0].err + ran[1].err)
                .find("RANK: expected a number that no other process has, found 1, which two "
                      "processes have"),
            std::string::npos)
      << ran[0].err << ran[1].err;
}

// A port that something else has, which says nothing.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket_, 8);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { ::close(socket_); }
  std::string port() const { return std::to_string(port_); }

 private:
  int socket_, port_ = 0;
};

TEST_F(PretrainRanks, APortInUseIsOneLineOnBothSides) {
  const TakenPort taken;
  const std::string json = config();
  RankProcesses ranks(
      2, store_, folder_.path(), [&](int) { return command(json, "out"); },
      [&](int) {
        return Variables{{"MASTER_PORT", taken.port()}, {"TORCHELASTIC_USE_AGENT_STORE", "False"}};
      });
  const auto ran = ranks.wait_all(kTimeout + 30);
  EXPECT_EQ(ran[0].status, 2);
  EXPECT_EQ(ran[0].err,
            "permafrost: MASTER_PORT: expected a port that is free on this machine, found " +
                taken.port() + ", which another program has\n");
  EXPECT_EQ(ran[1].status, 2);
  EXPECT_EQ(lines_in(ran[1].err), 1u) << ran[1].err;
  EXPECT_NE(ran[1].err.find("MASTER_ADDR: expected rank 0"), std::string::npos) << ran[1].err;
}

TEST_F(PretrainRanks, AnAddressThatNobodyKnows) {
  const Ran ran = program(command(config(), "out"),
                          "RANK=1 WORLD_SIZE=2 MASTER_ADDR=no.such.machine.invalid "
                          "MASTER_PORT=29500");
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(lines_in(ran.err), 1u) << ran.err;
  EXPECT_NE(ran.err.find("MASTER_ADDR: expected the name or address of rank 0's machine, found "
                         "\"no.such.machine.invalid\""),
            std::string::npos)
      << ran.err;
}

TEST_F(PretrainRanks, SeveralRunsAtATimeAreRefused) {
  const auto ran = start(2, command(config(), "out") + " --jobs 2").wait_all(kTimeout + 30);
  EXPECT_EQ(ran[0].status, 2);
  EXPECT_NE(ran[0].err.find("--jobs: expected 1 where several ranks"), std::string::npos)
      << ran[0].err;
}

TEST_F(PretrainRanks, DoctorSaysWhatWasFound) {
  const Ran ran = program("doctor", "RANK=1 WORLD_SIZE=4 MASTER_ADDR=node7 MASTER_PORT=29500");
  EXPECT_EQ(ran.status, 0);
  EXPECT_NE(ran.out.find("rank 1 of 4 (RANK and WORLD_SIZE), meeting at node7:29500"),
            std::string::npos)
      << ran.out;
  EXPECT_NE(program("doctor").out.find("one process"), std::string::npos);
}

}  // namespace pretrain_ranks_cli_test
}  // namespace permafrost
