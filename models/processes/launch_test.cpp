// SPDX-License-Identifier: Apache-2.0
#include "models/processes/launch.h"

#include <gtest/gtest.h>

#include <map>

#include "common/error.h"

namespace permafrost {
namespace launch_test {

using Variables = std::map<std::string, std::string>;

std::optional<Launch> launch_with(const Variables& variables) {
  return launch_of([&](const char* name) -> const char* {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

std::string error_with(const Variables& variables) {
  try {
    launch_with(variables);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

const Variables kByHand{{"RANK", "2"},
                        {"WORLD_SIZE", "4"},
                        {"LOCAL_RANK", "0"},
                        {"MASTER_ADDR", "node7"},
                        {"MASTER_PORT", "29500"}};

Variables by_hand_with(const std::string& name, const std::string& value) {
  Variables variables = kByHand;
  variables[name] = value;
  return variables;
}

TEST(Launch, AloneWithoutVariablesOrWithOneRank) {
  EXPECT_FALSE(launch_with({}));
  EXPECT_FALSE(launch_with({{"RANK", "0"}, {"WORLD_SIZE", "1"}}));
  EXPECT_FALSE(launch_with({{"MASTER_ADDR", "node7"}, {"MASTER_PORT", "1"}}));
}

TEST(Launch, ByHand) {
  const auto launch = launch_with(kByHand);
  ASSERT_TRUE(launch);
  EXPECT_EQ(launch->rank, 2);
  EXPECT_EQ(launch->ranks, 4);
  EXPECT_EQ(launch->local_rank, 0);
  EXPECT_FALSE(launch->store_is_launchers);
  EXPECT_EQ(to_text(*launch), "rank 2 of 4 (RANK and WORLD_SIZE), meeting at node7:29500");
}

TEST(Launch, TorchrunKeepsTheStoreAndCountsRestarts) {
  Variables variables = kByHand;
  variables["TORCHELASTIC_USE_AGENT_STORE"] = "True";
  variables["TORCHELASTIC_RESTART_COUNT"] = "3";
  // torchrun inside srun: the process is torchrun's.
  variables["SLURM_PROCID"] = "1";
  variables["SLURM_STEP_NUM_TASKS"] = "2";
  const auto launch = launch_with(variables);
  ASSERT_TRUE(launch);
  EXPECT_EQ(launch->rank, 2);
  EXPECT_EQ(launch->launcher, "torchrun");
  EXPECT_TRUE(launch->store_is_launchers);
  EXPECT_EQ(launch->attempt, "3");
}

TEST(Launch, AStepOfSrun) {
  Variables variables{{"SLURM_PROCID", "1"},         {"SLURM_STEP_NUM_TASKS", "2"},
                      {"SLURM_LOCALID", "1"},        {"SLURM_JOB_ID", "123456"},
                      {"SLURM_STEP_NUM_NODES", "1"}, {"SLURM_STEP_ID", "7"}};
  const auto one_machine = launch_with(variables);
  ASSERT_TRUE(one_machine);
  EXPECT_EQ(to_text(*one_machine), "rank 1 of 2 (srun), meeting at 127.0.0.1:23463");
  EXPECT_EQ(one_machine->local_rank, 1);

  variables["SLURM_STEP_NUM_NODES"] = "2";
  EXPECT_NE(error_with(variables).find("MASTER_ADDR: expected the name or address"),
            std::string::npos);
  EXPECT_NE(error_with(variables).find("scontrol"), std::string::npos);
  variables["MASTER_ADDR"] = "node1";
  variables["MASTER_PORT"] = "29501";
  EXPECT_EQ(launch_with(variables)->master_address, "node1");
}

TEST(Launch, ABatchScriptIsNoRank) {
  EXPECT_FALSE(launch_with({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_JOB_ID", "1"}}));
}

TEST(Launch, EveryRankOfAMachineSeesAGpuOfItsOwn) {
  Launch launch{.rank = 5, .ranks = 8, .local_rank = 1};
  EXPECT_EQ(gpu_of_rank(launch, "", 4), "1");
  EXPECT_EQ(gpu_of_rank(launch, "4,6,7", 8), "6");
  EXPECT_EQ(gpu_of_rank(launch, "GPU-a1,GPU-b2", 8), "GPU-b2");
  EXPECT_EQ(gpu_of_rank(launch, "3", 8), std::nullopt) << "the launcher has chosen";
  EXPECT_EQ(gpu_of_rank(launch, "", 0), std::nullopt);
  launch.local_rank = 5;
  EXPECT_EQ(gpu_of_rank(launch, "", 4), "1") << "more ranks than devices";
  launch.local_rank.reset();
  EXPECT_EQ(gpu_of_rank(launch, "", 4), std::nullopt);
}

TEST(Launch, WhatIsWrongIsNamed) {
  EXPECT_EQ(error_with(by_hand_with("RANK", "4")),
            "RANK: expected a whole number from 0 to 3, found \"4\"");
  EXPECT_EQ(error_with(by_hand_with("RANK", "")),
            "RANK: expected a whole number from 0 to 3, found nothing: the variable is not set");
  EXPECT_EQ(error_with(by_hand_with("WORLD_SIZE", "2x")),
            "WORLD_SIZE: expected a whole number from 1 to 1048576, found \"2x\"");
  EXPECT_EQ(error_with(by_hand_with("MASTER_PORT", "70000")),
            "MASTER_PORT: expected a whole number from 1 to 65535, found \"70000\"");
  EXPECT_EQ(error_with({{"RANK", "0"}}),
            "WORLD_SIZE: expected a whole number from 1 to 1048576, found nothing: the variable is "
            "not set");
  EXPECT_NE(error_with({{"RANK", "0"}, {"WORLD_SIZE", "2"}}).find("MASTER_ADDR: expected"),
            std::string::npos);
}

}  // namespace launch_test
}  // namespace permafrost
