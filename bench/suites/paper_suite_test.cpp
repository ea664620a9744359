// SPDX-License-Identifier: Apache-2.0
// The paper suite on a miniature: rendered clips in the files and lists of Kinetics-400 and
// Something-Something v2, a small checkpoint as the authors' training script saves it, and the
// suite's own tables, columns and protocols with smaller numbers.
#include "bench/records/record.h"
#include "bench/records/record_folder.h"
#include "bench/records/record_json.h"
#include "bench/suites/table_spec.h"
#include "bench/testing/cli_fixture.h"
#include "common/json/json_object.h"

namespace permafrost {
namespace paper_suite_test {
namespace fs = std::filesystem;

constexpr const char* kTinySpec =
    R"({"width": 12, "depth": 2, "heads": 2, "patch": 2, "tubelet": 2, "frames": 4, "height": 6,
        "image_width": 6})";

class PaperSuite : public Cli {
 protected:
  static fs::path source(const std::string& name) { return fs::path(PERMAFROST_SOURCE_DIR) / name; }

  void SetUp() override {
    write_specs();
    render("appearance");
    render("motion");
    write_kinetics();
    write_something();
    const std::string checkpoint = source("models/parity/vjepa_checkpoint/vjepa.pth.tar").string();
    Json encoders = Json::object();
    for (const auto* name : {"vjepa-multiblock", "pixel-multiblock", "pixel-random-tube"})
      encoders[name] = {{"file", checkpoint}, {"spec", Json::parse(kTinySpec).dump()}};
    paths_ = write("paths.json", Json{{"encoders", encoders},
                                      {"datasets", {{"k400", "k400.json"}, {"ssv2", "ssv2.json"}}}}
                                     .dump());
  }

  // The tree's suite, with sizes for seconds.
  void write_specs() const {
    Json suite = read_json(source("bench/specs/suites/paper.json").string());
    for (auto& item : suite["protocols"].items()) {
      Json& protocol = item.value();
      if (protocol.contains("heads")) protocol["heads"] = 2;
      if (protocol.contains("short_side")) protocol["short_side"] = 7;
      if (protocol.contains("gradient_shards")) protocol["gradient_shards"] = 2;
      protocol["batch"] = 8;
      protocol["epochs"] = 1;
    }
    for (auto& encoder : suite["encoders"])
      if (encoder.contains("expected")) encoder["expected"] = Json::parse(kTinySpec);
    suite["encoders"]["random-init"]["random"]["spec"] = Json::parse(kTinySpec);
    suite["encoders"]["raw-pixels"]["pixels"]["spec"] = Json::parse(kTinySpec);
    write("bench/specs/suites/paper.json", suite.dump());
    fs::copy(source("bench/specs/tables"), folder_ / "bench/specs/tables");
    fs::copy(source("bench/claims"), folder_ / "bench/claims");
  }

  void render(const std::string& world) const {
    const Ran run = program("data synth --quiet --world " + world +
                            " --train 16 --test 8 --frames 20 "
                            "--size 48 --out '" +
                            path(world) + "'");
    ASSERT_EQ(run.status, 0) << run.err;
  }

  Json declared(const std::string& name, const std::string& folder) const {
    Json json = read_json(source("datasets/known/" + name + ".json").string());
    json["classes"] = 8;
    json["folder"] = folder;
    for (const auto* side : {"train", "test"}) json[side].erase("samples");
    return json;
  }

  // Lists of (index, class name) that `data synth` wrote.
  std::vector<std::pair<std::string, std::string>> rows(const std::string& file) const {
    std::vector<std::pair<std::string, std::string>> found;
    std::istringstream text(read_file(folder_ / file));
    std::string line;
    for (std::getline(text, line); std::getline(text, line);) {
      const auto comma = line.find(',');
      found.emplace_back(line.substr(0, comma), line.substr(comma + 1));
    }
    return found;
  }

  // label,youtube_id,time_start,time_end,split and files ID_START_END.mp4
  void write_kinetics() const {
    const Json known = declared("k400", "k400");
    for (const auto* side : {"train", "test"}) {
      std::string list = "label,youtube_id,time_start,time_end,split\n";
      const std::string name = known[side]["manifest"], root = known[side]["root"];
      fs::create_directories(folder_ / "k400" / root);
      for (const auto& [file, label] : rows(std::string("appearance/") + side + ".csv")) {
        const std::string id = "id-" + fs::path(file).stem().string();
        list += label + "," + id + ",3,13," + side + "\n";
        fs::copy(folder_ / "appearance" / file,
                 folder_ / "k400" / root / (id + "_000003_000013.mp4"));
      }
      write("k400/" + name, list);
    }
    write("k400.json", known.dump());
  }

  // [{"id", "template": "Moving [something] ..."}], labels.json, files ID.webm
  void write_something() const {
    const Json known = declared("ssv2", "ssv2");
    std::map<std::string, int> classes;
    for (const auto* side : {"train", "test"}) {
      Json list = Json::array();
      const std::string name = known[side]["manifest"], root = known[side]["root"];
      fs::create_directories(folder_ / "ssv2" / root);
      for (const auto& [file, label] : rows(std::string("motion/") + side + ".csv")) {
        const std::string id =
            std::to_string(1000 * (side[1] == 'e')) + fs::path(file).stem().string();
        list.push_back({{"id", id},
                        {"label", label + " a thing"},
                        {"template", label + " [something]"},
                        {"placeholders", {"a thing"}}});
        fs::copy(folder_ / "motion" / file, folder_ / "ssv2" / root / (id + ".webm"));
        classes.try_emplace(label + " something", static_cast<int>(classes.size()));
      }
      write("ssv2/" + name, list.dump());
    }
    Json labels = Json::object();
    for (const auto& [label, index] : classes) labels[label] = std::to_string(index);
    write("ssv2/labels.json", labels.dump());
    write("ssv2.json", known.dump());
  }

  Ran tables(const std::string& arguments) const {
    return program("tables " + arguments +
                       " --suite paper --device cpu --threads 2 --quiet --paths '" + paths_ +
                       "' --out '" + path("out") + "'",
                   "PERMAFROST_SPECS='" + path("bench/specs") + "' PERMAFROST_CLAIMS='" +
                       path("bench/claims") + "'");
  }

  std::string paths_;
};

TEST_F(PaperSuite, DryRunSaysWhatIsThereAndWhatIsMissing) {
  const Ran run = tables("5 4 --dry-run --json");
  ASSERT_EQ(run.status, 0) << run.err;
  const Json json = Json::parse(run.out);
  int ready = 0;
  for (const auto& cell : json["cells"]) {
    const bool video = cell["task"] == "k400" || cell["task"] == "ssv2";
    const bool released = cell["encoder"].get<std::string>().find("causal") == std::string::npos &&
                          cell["encoder"] != "vjepa-random-tube";
    EXPECT_EQ(cell["missing"].empty(), video && released) << cell.dump();
    if (!cell["missing"].empty()) continue;
    ++ready;
    EXPECT_EQ(cell["train"], 16);
    EXPECT_EQ(cell["test"], 8);
    EXPECT_GT(cell["core_hours"].get<double>(), 0);
  }
  EXPECT_GT(ready, 0);
  // What two tables show is one record.
  const Json both = Json::parse(tables("5 4 5 --dry-run --json").out);
  EXPECT_EQ(both["records"], json["records"]);
  EXPECT_EQ(both["core_hours"], json["core_hours"]);
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  const std::string text = tables("5 4 --dry-run").out;
  EXPECT_NE(text.find("Missing: no file given (--paths); to obtain it: not released"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("K400 16x8x3"), std::string::npos) << text;
  EXPECT_NE(text.find("core-hours"), std::string::npos) << text;
}

TEST_F(PaperSuite, TablesOneAndThreeComeFromOfficialLists) {
  const Ran run = tables("1 3");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find("K400 16x1x1"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("K400-ft 16x5x3"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("(68.6)"), std::string::npos) << run.out;
  std::set<std::string> protocols, tasks;
  for (const auto& record : read_records(folder_ / "out")) {
    EXPECT_EQ(record.n(), 8);
    EXPECT_EQ(record.n_failed(), 0) << to_json(record).dump();
    protocols.insert(record.protocol["name"]);
    tasks.insert(record.task.name);
  }
  EXPECT_EQ(tasks, (std::set<std::string>{"k400", "ssv2"}));
  EXPECT_TRUE(protocols.count("finetuned_16x5x3") && protocols.count("linear_16x1x1"));
  // Nothing is computed twice.
  const Ran again = tables("1 3 --dry-run --json");
  const Json planned = Json::parse(again.out);
  for (const auto& cell : planned["cells"]) {
    if (!cell["missing"].empty()) continue;
    EXPECT_EQ(cell["done"], cell["seeds"]) << cell.dump();
  }
}

}  // namespace paper_suite_test
}  // namespace permafrost
