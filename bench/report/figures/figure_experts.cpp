// SPDX-License-Identifier: Apache-2.0
// Which experts the tokens of tasks go to, and how that changes over the time of a clip, from what
// `permafrost inspect ENCODER --on TASK --json` wrote into the folder's experts/.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/grid_panel.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"
#include "common/error.h"
#include "common/json/json_object.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostExperts = 64, kMostRows = 64, kMostNetworks = 8;

using Shares = std::vector<double>;  // of experts

// What one file says of one block.
struct BlockUse {
  Shares load;
  std::vector<Shares> by_frame;
  std::string information;  // in words
};

// By encoder and block, then by task.
using UseByBlock = std::map<std::pair<std::string, int>, std::map<std::string, BlockUse>>;

Shares shares_in(const Json& json, const std::string& where) {
  const bool fits =
      json.is_array() && !json.empty() && json.size() <= kMostExperts &&
      std::all_of(json.begin(), json.end(), [](const Json& share) {
        return share.is_number() && share.get<double>() >= 0 && share.get<double>() <= 1;
      });
  if (!fits)
    throw InputError(where, "", "shares from 0 to 1, at most " + std::to_string(kMostExperts),
                     json.dump().substr(0, 80));
  return json.get<Shares>();
}

BlockUse block_use(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  BlockUse use;
  const auto child = [&](const char* key) -> const Json& {
    const Json* found = object.child(key);
    if (found == nullptr) throw InputError(where, key, "a list", "no such key");
    return *found;
  };
  use.load = shares_in(child("load"), object.where("load"));
  const Json& rows = child("first_by_frame");
  if (!rows.is_array() || rows.size() > kMostRows)
    throw InputError(where, "first_by_frame", "a list of at most 64", rows.type_name());
  for (const Json& row : rows) {
    use.by_frame.push_back(shares_in(row, object.where("first_by_frame")));
    if (use.by_frame.back().size() != use.load.size())
      throw InputError(where, "first_by_frame", std::to_string(use.load.size()) + " experts",
                       std::to_string(use.by_frame.back().size()));
  }
  use.information =
      "place " + fixed(object.number("place"), 2) + ", frame " + fixed(object.number("frame"), 2);
  if (const Json* label = object.child("label"); label != nullptr && label->is_number())
    use.information += ", label " + fixed(label->get<double>(), 2);
  return use;
}

void read_use(const fs::path& file, UseByBlock& all) {
  const Json json = read_json(file.string());
  const JsonObject object(json, file.string());
  const auto experts = json.find("experts");
  if (experts == json.end() || !experts->is_array() || !json.contains("features"))
    throw InputError(file.string(), "experts", "what inspect --on TASK --json says of experts",
                     "none");
  const std::string name = json.value("name", file.stem().string());
  const std::string task = JsonObject(json.at("features"), file.string()).text("task");
  for (const Json& block : *experts) {
    const int number = block.is_object() ? block.value("block", -1) : -1;
    all[{name, number}][task] = block_use(block, file.string() + ": experts");
  }
}

// Twice an even share is the last colour.
int heat_of_share(double share, std::size_t experts) {
  const double of_even = share * static_cast<double>(experts) / 2;
  return std::clamp(static_cast<int>(std::lround(of_even * (kHeatInks - 1))), 0, kHeatInks - 1);
}

Panel rows_panel(const std::string& title, const std::vector<std::string>& names,
                 const std::vector<Shares>& rows) {
  Panel panel{.title = title};
  const std::size_t experts = rows.front().size();
  panel.height = 50 + 24 * static_cast<int>(rows.size());
  PlotTics columns, lines;
  for (std::size_t e = 0; e < experts; ++e)
    columns.emplace_back(static_cast<double>(e), std::to_string(e));
  for (std::size_t r = 0; r < names.size(); ++r)
    lines.emplace_back(static_cast<double>(r), shortened(names[r], 16));
  PlotAxis x = grid_axis(static_cast<int>(experts), columns),
           y = grid_axis(static_cast<int>(rows.size()), lines);
  x.title = "expert";
  std::swap(y.low, y.high);  // the first at the top
  Plot plot(panel, {.left = 118, .right = 6, .top = 6, .bottom = 44}, x, y);
  GridCells cells(static_cast<int>(experts), static_cast<int>(rows.size()));
  for (std::size_t r = 0; r < rows.size(); ++r) {
    panel.alt += (r > 0 ? "; " : "") + names[r] + ":";
    for (std::size_t e = 0; e < experts; ++e) {
      cells.at(static_cast<int>(e), static_cast<int>(r)) =
          kHeatInk + heat_of_share(rows[r][e], experts);
      panel.alt += " " + fixed(100 * rows[r][e], 0);
    }
  }
  draw_cells(plot, cells, false, 0.02);
  if (experts <= 8)
    for (std::size_t r = 0; r < rows.size(); ++r)
      for (std::size_t e = 0; e < experts; ++e)
        plot.text({static_cast<double>(e), static_cast<double>(r)}, fixed(100 * rows[r][e], 0),
                  ink_on_heat(heat_of_share(rows[r][e], experts)));
  panel.svg = plot.svg(panel);
  return panel;
}

void add_block(Figure& figure, const std::string& title,
               const std::map<std::string, BlockUse>& tasks) {
  std::vector<std::string> names, times;
  std::vector<Shares> loads;
  std::vector<Shares> by_frame = tasks.begin()->second.by_frame;
  for (auto& row : by_frame) std::fill(row.begin(), row.end(), 0.0);
  std::string said;
  for (const auto& [task, use] : tasks) {
    if (use.load.size() != tasks.begin()->second.load.size() ||
        use.by_frame.size() != by_frame.size())
      throw Error(title + ": the tasks' files are of different networks");
    names.push_back(task);
    loads.push_back(use.load);
    for (std::size_t t = 0; t < by_frame.size(); ++t)
      for (std::size_t e = 0; e < by_frame[t].size(); ++e)
        by_frame[t][e] += use.by_frame[t][e] / static_cast<double>(tasks.size());
    said += (said.empty() ? "" : "; ") + task + ": " + use.information;
  }
  figure.panels.push_back(rows_panel(title + ", load by task", names, loads));
  for (std::size_t t = 0; t < by_frame.size(); ++t) times.push_back("step " + std::to_string(t));
  if (!by_frame.empty())
    figure.panels.push_back(rows_panel(title + ", first choice by time", times, by_frame));
  figure.notes.push_back(title + ", what the first choice tells, bits: " + said + ".");
}

}  // namespace

Figure experts_figure(const ResultsFolder& folder) {
  Figure figure{.id = "experts", .title = "Use of experts"};
  const fs::path files = folder.path / "experts";
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(files, ignored))
    if (entry.path().extension() == ".json") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  UseByBlock all;
  std::size_t left_out = 0;
  for (const auto& file : found) try {
      read_use(file, all);
    } catch (const Error& error) {
      figure.notes.push_back(std::string("Not drawn: ") + error.what());
    }
  for (const auto& [block, tasks] : all) {
    if (figure.panels.size() >= 2 * kMostNetworks) {
      ++left_out;
      continue;
    }
    try {
      add_block(figure, block.first + ", block " + std::to_string(block.second), tasks);
    } catch (const Error& error) {
      figure.notes.push_back(std::string("Not drawn: ") + error.what());
    }
  }
  if (left_out > 0)
    figure.notes.push_back(std::to_string(left_out) + " more blocks are not drawn.");
  if (!figure.panels.empty())
    figure.caption = html_text(
        "Percent of the choices of a task's tokens that fall on every expert of a block, and of "
        "first choices by the time step of the clip, the mean over tasks. The last colour is twice "
        "an even share.");
  return figure;
}

}  // namespace permafrost
