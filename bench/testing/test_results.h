// SPDX-License-Identifier: Apache-2.0
#pragma once

// A small folder of results for tests: two encoders and a floor, a frozen and a low-shot table,
// with records, predictions and table files as `tables` leaves them.
#include <string>
#include <vector>

#include "bench/records/record.h"
#include "bench/records/record_folder.h"
#include "bench/report/tables/table_report.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {

class TestResults : public TestFolder {
 public:
  // Names are used for rows, columns, encoders, tasks and samples alike, with a number.
  void fill(const std::string& name = "name") const {
    write_table(path(), table(1, name, false));
    write_table(path(), table(2, name, true));
  }

 private:
  // 24 samples of 4 classes, the first `right` of them right.
  Record record(const CellUse& use, int encoder, const std::string& task, double fraction,
                std::uint64_t seed, int right) const {
    Record r;
    r.used_by = {use};
    r.encoder = {.name = use.row + " encoder",
                 .source = encoder == 2 ? "random init, seed 1" : use.row + ".safetensors",
                 .sha256 = std::string(64, static_cast<char>('a' + encoder)),
                 .spec = {{"family", "vjepa"}, {"width", 64}, {"depth", 4}, {"frames", 8}}};
    r.task = {.name = task, .manifest_sha256 = "m", .identity = "i", .version = 1, .classes = 4};
    r.protocol = {{"name", task + " protocol"},
                  {"kind", "probe"},
                  {"head", "attentive"},
                  {"learning_rates", {1e-3, 1e-2}},
                  {"clips", 1}};
    if (fraction < 1) {
      r.protocol["label_fraction"] = fraction;
      r.training = TrainingSubset{.samples = 4, .sha256 = std::to_string(seed)};
    }
    r.seed = seed;
    r.selections = {{.learning_rate = 1e-2, .held_out_accuracy = {0.25, 0.5}}};
    for (int i = 0; i < 24; ++i)
      r.predictions.push_back(
          {task + "/" + std::to_string(i), i % 4, i < right ? i % 4 : (i + 1) % 4, i});
    r.build = {"0.1.0", "abc", "2.11.0", "cpu"};
    r.finished = "2026-01-31T12:00:00Z";
    complete(r);
    write_record(path(), r);
    return r;
  }

  TableModel table(int number, const std::string& name, bool low_shot) const {
    TableSpec spec{.number = number, .title = name + " title", .source = name, .row_title = name};
    for (int c = 0; c < 2; ++c)
      spec.columns.push_back(
          {name + " column " + std::to_string(c), name, name + " task", name + " task protocol"});
    for (int r = 0; r < 3; ++r)
      spec.rows.push_back({name + " row " + std::to_string(r),
                           name + std::to_string(r),
                           r == 2,
                           {{spec.columns[0].name, 60.0 + r}}});
    spec.claims = {{.id = "table1." + name,
                    .table = number,
                    .text = name + " leads",
                    .chains = {{spec.rows[0].name, spec.rows[1].name}},
                    .places = {spec.columns[0].name, spec.columns[1].name}}};
    std::vector<std::vector<TableCell>> inputs(3, std::vector<TableCell>(2));
    for (int r = 0; r < 3; ++r)
      for (int c = 0; c < 2; ++c) {
        TableCell& input = inputs[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)];
        if (r == 2 && c == 1) {
          input.unavailable = name + " is gone";
          continue;
        }
        for (std::uint64_t seed = 1; seed <= 2; ++seed)
          input.seeds.push_back(
              record({number, spec.rows[static_cast<std::size_t>(r)].name,
                      spec.columns[static_cast<std::size_t>(c)].name, std::nullopt},
                     r, name + " task", low_shot ? 0.1 + 0.4 * c : 1.0,
                     seed + (low_shot ? 10U : 2U * static_cast<unsigned>(c)),
                     20 - 6 * r - 3 * c + static_cast<int>(seed)));
      }
    return build_table(spec, {.suite = name, .suite_title = name, .seeds = 2}, inputs);
  }
};

}  // namespace permafrost
