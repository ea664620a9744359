// SPDX-License-Identifier: Apache-2.0
#pragma once

// A machine as numbers, for estimates before a run: bench/specs/machines/NAME.json, or a file of
// the user's. `permafrost doctor --measure` prints one of the machine that it runs on.
//
//   const Machine machine = read_machine("h100x8", "--machine");
//   const double hours = seconds(machine, work) / 3600;   // on one of its processes
#include <map>
#include <string>
#include <vector>

#include "bench/machines/work.h"
#include "common/json/json_object.h"

namespace permafrost {

// Rates are sustained ones. Of a CPU a device is a core, and the same cores decode and draw.
struct Machine {
  std::string name, title, source;
  bool gpu = false;
  int nodes = 1;
  int devices = 1;  // of a node
  int cores = 1;    // of a node
  // Operations a second of one device, float32: see the fields of Work.
  double frozen = 0, tuned = 0, heads = 0;
  // Of encoders in another precision; 0: as in float32.
  double frozen_bfloat16 = 0, tuned_bfloat16 = 0, frozen_tf32 = 0, tuned_tf32 = 0;
  std::map<std::string, double> pretraining;  // by precision; none where it is not known
  // Width of a network that pretrains at half of that rate: width w does at w / (w + half width) of
  // it, since norms and activations grow with the width, products with its square. 0: all widths do
  // alike. The form is that of Hockney's half-performance length.
  double pretraining_half_width = 0;
  double device_bytes = 0, host_bytes = 0;     // memory of a device (a CPU: of the node), of a node
  double decoded_clips = 0, drawn_pixels = 0;  // a second of one core
  double network = 0;                          // bytes a second of one device; 0: not known

  // A process of `permafrost tables` takes one GPU, or all cores of a node.
  int processes() const { return gpu ? nodes * devices : nodes; }
};

// A name, or the path of a file. Throws InputError naming `flag` where there is neither, and the
// file and field of a damaged one.
Machine read_machine(const std::string& name, const std::string& flag);
std::vector<std::string> machine_names();
Machine parse_machine(const Json& json, const std::string& where);
OrderedJson to_json(const Machine& machine);

// One core of the kind of machine on which the rates of progress bars were measured: the same as
// bench/specs/machines/epyc-2.json says of a core.
const Machine& reference_core();

// Seconds that one process takes. A CPU does one after the other; beside a GPU the cores, an equal
// share for each GPU, decode while it computes.
double seconds(const Machine& machine, const Work& work);

}  // namespace permafrost
