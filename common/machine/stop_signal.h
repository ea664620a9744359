// SPDX-License-Identifier: Apache-2.0
#pragma once

// Ends long work at a good moment when somebody asks for it: Ctrl-C, a scheduler's time limit, a
// terminal that is closed.
//
//   const StopSignal signal;
//   while (!done && !signal.asked()) step();
//   if (signal.asked()) return signal.exit_status();

namespace permafrost {

// While it lives, SIGINT, SIGTERM and SIGHUP do not end the process but are noted. A second one
// ends it at once; one within a second of the first counts as the same, as some programs send it
// to the process and to its group. A signal that was ignored before (nohup) stays ignored. One at a
// time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool asked() const;        // from any thread
  const char* name() const;  // "SIGINT"; empty where nothing was asked
  int exit_status() const;   // 128 + the number of the signal: 130, 143, 129; 0 without one
};

}  // namespace permafrost
