// SPDX-License-Identifier: Apache-2.0
#include "bench/suites/single_probe.h"

namespace permafrost {

const ProtocolChoice& single_protocol(const Suite& suite, const TaskSpec& task, bool finetune) {
  const std::string name =
      finetune ? "finetuned" : (task.kind == TaskKind::manifest ? "frozen_real" : "frozen");
  return protocol_of(suite, name);
}

ProtocolChoice changed_protocol(const ProtocolChoice& base, const TaskSpec& task,
                                const std::string& head, const std::vector<std::string>& set) {
  Json json = to_json(base, task);
  json.erase("name");
  json.erase("kind");
  if (!head.empty()) json["head"] = head;
  for (const auto& assignment : set) set_json(json, assignment);
  ProtocolChoice protocol = base;
  protocol.name = head.empty() ? base.name : head;
  if (base.is_finetune) {
    protocol.finetune = read_finetune_protocol(json, "--set");
  } else {
    protocol.probe = read_probe_protocol(json, "--set");
    protocol.clips_given = true;
  }
  return protocol;
}

}  // namespace permafrost
