// SPDX-License-Identifier: Apache-2.0
// The gate that continuous integration runs: the suite "gate" against results/baseline, and an
// encoder that is damaged on purpose.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "bench/records/record.h"
#include "bench/records/record_folder.h"
#include "bench/testing/cli_fixture.h"
#include "common/random.h"
#include "models/encoders/encoder.h"

namespace permafrost {
namespace gate_test {
namespace fs = std::filesystem;

class Gate : public Cli {
 protected:
  // The subset into `out`, with the encoders of `zoo`.
  Ran run_subset(const std::string& out, const fs::path& zoo) const {
    return program("tables --suite gate --device cpu --quiet --data " + path("no_data") +
                       " --out " + path(out),
                   "env -u PERMAFROST_SPECS PERMAFROST_ZOO='" + zoo.string() + "'");
  }

  nlohmann::json compared(const std::string& base, const std::string& candidate, int status) const {
    const Ran run = program("compare --json " + base + " " + candidate);
    EXPECT_EQ(run.status, status) << run.out << run.err;
    return nlohmann::json::parse(run.out);
  }
};

// Noise of three times its own deviation on every matrix of one block. (Of once its deviation is
// not seen: the probe that is trained anew makes up for it; see docs/ci.md.)
void damage(const fs::path& file, const std::string& block) {
  Encoder encoder = load_encoder_file(file);
  std::uint64_t k = 0;
  visit(encoder.weights, [&](const std::string& name, at::Tensor& tensor) {
    if (name.rfind(block, 0) != 0 || tensor.dim() < 2) return;
    RandomStream stream({.seed = 1, .purpose = "test.damage", .sample = k++});
    const float scale = 3 * tensor.std().item<float>();
    float* values = tensor.data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] += scale * stream.normal();
  });
  ASSERT_GT(k, 0U) << "no weights in " << block;
  save_encoder(file, encoder.weights, encoder.spec, {}, true);
}

TEST_F(Gate, TheTreePassesAndADamagedEncoderIsCaught) {
  const std::string source = PERMAFROST_SOURCE_DIR;
  const fs::path zoo = folder_ / "zoo";
  fs::create_directories(zoo);
  fs::copy(source + "/models/zoo/pico", zoo / "pico", fs::copy_options::recursive);
  const Ran ran = run_subset("whole", zoo);
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_NE(read_file(folder_ / "whole/report.html").find("id=\"verdicts\""), std::string::npos);
  const auto whole = compared(source + "/results/baseline", path("whole"), 0);
  EXPECT_FALSE(whole.at("regression"));
  EXPECT_GE(whole.at("cells").size(), 12U);

  // Only the damaged row has to be measured again.
  fs::copy(folder_ / "whole", folder_ / "damaged", fs::copy_options::recursive);
  for (const auto& record : read_records(folder_ / "damaged"))
    if (record.used_by[0].row == "Features")
      fs::remove(record_path(folder_ / "damaged", record.key));
  damage(zoo / "pico/vjepa-multiblock.safetensors", "blocks.1.");
  const Ran again = run_subset("damaged", zoo);
  ASSERT_EQ(again.status, 0) << again.err;
  const auto caught = compared(source + "/results/baseline", path("damaged"), 1);
  EXPECT_TRUE(caught.at("regression"));
  int fallen = 0;
  for (const auto& cell : caught.at("cells")) {
    if (cell.at("outcome") != "fallen") continue;
    ++fallen;
    EXPECT_EQ(cell.at("group"), "table 1, Features");
    EXPECT_TRUE(cell.at("other_weights"));
  }
  EXPECT_GE(fallen, 1);
}

}  // namespace gate_test
}  // namespace permafrost
