// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/step_parts.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <mutex>

#include "common/machine/stopwatch.h"

namespace permafrost {
namespace {

// LibTorch takes bare functions as listeners, so what they add to is global.
struct Listening {
  at::Device device = at::kCPU;
  std::mutex lock;
  std::vector<std::pair<std::string, double>> parts;
};

Listening& listening() {
  static Listening all;
  return all;
}

struct Open : at::ObserverContext {
  explicit Open(Open* outside) : outer(outside) {}
  Open* outer;
  Stopwatch watch;
  double inside = 0;  // of it, in scopes opened within
};

thread_local Open* innermost = nullptr;

std::unique_ptr<at::ObserverContext> opened(const at::RecordFunction&) {
  wait_for(listening().device);
  auto open = std::make_unique<Open>(innermost);
  innermost = open.get();
  return open;
}

void closed(const at::RecordFunction& scope, at::ObserverContext* context) {
  wait_for(listening().device);
  auto* open = static_cast<Open*>(context);
  const double seconds = open->watch.seconds();
  innermost = open->outer;
  if (innermost != nullptr) innermost->inside += seconds;
  Listening& all = listening();
  const std::lock_guard guard(all.lock);
  auto part = std::find_if(all.parts.begin(), all.parts.end(),
                           [&](const auto& named) { return named.first == scope.name(); });
  if (part == all.parts.end()) part = all.parts.emplace(part, scope.name(), 0.0);
  part->second += seconds - open->inside;
}

}  // namespace

void wait_for(const at::Device& device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.has_index() ? device.index() : 0);
}

StepParts::StepParts(const at::Device& device) {
  listening().device = device;
  listening().parts.clear();
  handle_ = at::addGlobalCallback(
      at::RecordFunctionCallback(opened, closed).scopes({at::RecordScope::USER_SCOPE}));
}

StepParts::~StepParts() { at::removeCallback(handle_); }

std::vector<std::pair<std::string, double>> StepParts::seconds() const {
  const std::lock_guard guard(listening().lock);
  return listening().parts;
}

}  // namespace permafrost
