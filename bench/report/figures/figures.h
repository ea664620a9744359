// SPDX-License-Identifier: Apache-2.0
#pragma once

// The figures of the report, one function each: what to draw from a folder. What cannot be drawn is
// said in the figure's notes.
#include <optional>
#include <string>
#include <vector>

#include "bench/report/figures/encoder_styles.h"
#include "bench/report/figures/panel.h"
#include "bench/report/results/results_folder.h"

namespace permafrost {

// A panel a column: our mean, its repetitions and interval over samples, the paper's number,
// chance.
Figure accuracy_figure(const TableModel& table, const std::string& id, const EncoderStyles& styles);

// Accuracy over the share of labels, a panel a task; no panels where a table has no low-shot
// columns.
Figure low_shot_figure(const ResultsFolder& folder, const TableModel& table, const std::string& id,
                       const EncoderStyles& styles);

// Accuracy over the noise level and the number of blocks of a denoiser, a panel a column, clean and
// noised; no panels where a table has no two levels and no two depths of one.
Figure noise_grid_figure(const ResultsFolder& folder, const TableModel& table,
                         const std::string& id);

// With what an encoder of a row was pretrained, and how many clips it saw.
struct SeenClips {
  std::string recipe;  // "vjepa, multiblock"
  double clips = 0;
};
// [tables][rows], of encoders that the zoo has; none for other rows. Every encoder is opened once,
// however many rows it stands in.
std::vector<std::vector<std::optional<SeenClips>>> seen_clips(const ResultsFolder& folder);
// Accuracy over the clips seen, a panel a column, a curve a recipe; no panels where no recipe has
// two rows that saw different numbers of clips. `seen` has an entry a row.
Figure learning_figure(const TableModel& table, const std::string& id,
                       const std::vector<std::optional<SeenClips>>& seen);

// Held-out accuracy over the learning rate of the probes, a panel a task and protocol.
Figure sweep_figure(const ResultsFolder& folder, const EncoderStyles& styles);

// Loss, spread of the features and gradients while the zoo's encoders were pretrained.
Figure training_figure(const EncoderStyles& styles);

// What the encoders saw and predicted while they were pretrained: a panel a strategy and mask.
Figure mask_figure(const EncoderStyles& styles);

// Which class is taken for which, of the first table's frozen columns.
Figure confusion_figure(const ResultsFolder& folder, const EncoderStyles& styles);

// Clips out of a denoiser's noise, where `permafrost sample --out FOLDER/samples` left its sheet;
// no panels and no notes without.
Figure samples_figure(const ResultsFolder& folder);

// Which experts the tokens of tasks go to, by the files experts/*.json that `permafrost inspect
// ENCODER --on TASK --json` wrote; no panels and no notes without.
Figure experts_figure(const ResultsFolder& folder);

// What the query of kept attentive heads looks at, on frames of test samples.
Figure attention_figure(const ResultsFolder& folder, const EncoderStyles& styles);

}  // namespace permafrost
