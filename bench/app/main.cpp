// SPDX-License-Identifier: Apache-2.0
// The program: which commands there are, and errors to one line and an exit status.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>

#include "bench/app/commands.h"
#include "bench/app/device.h"
#include "common/error.h"
#include "common/machine/standard_streams.h"

namespace {
constexpr const char* kMemoryHint =
    "there is less memory, or this process may use less (ulimit -v, the limit of a container), "
    "than this takes; fewer --threads and smaller batches take less";

// LibTorch throws an error of its own.
bool is_about_memory(std::string_view what) {
  return what.find("can't allocate memory") != std::string_view::npos ||
         what.find("out of memory") != std::string_view::npos;
}
}  // namespace

int main(int argc, char** argv) {
  using namespace permafrost;
  reserve_standard_streams();
  prepare_process();
  CommandLine line;
  const auto failed = [&](int status, const std::string& message) {
    line.tell_failure(status, message);
    return status;
  };
  try {
    for (const auto add : {add_tables, add_pretrain, add_features, add_haystack, add_sample,
                           add_convert, add_probe, add_finetune, add_evaluate, add_inspect,
                           add_compare, add_report, add_masks, add_data, add_cache, add_doctor})
      add(line);
    const int status = line.run(argc, argv);
    if (!flush_standard_output("permafrost") && status == 0) return 1;
    return status;
  } catch (const Error& error) {
    return failed(error.exit_status(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    // A folder that may not be read, or that is gone.
    return failed(1, unquoted(error.path1().string()) + ": " + error.code().message());
  } catch (const std::bad_alloc&) {
    return failed(1, std::string("out of memory: ") + kMemoryHint);
  } catch (const std::exception& error) {
    if (is_about_memory(error.what()))
      return failed(1, std::string("out of memory: ") + kMemoryHint);
    return failed(1, std::string("internal error: ") + error.what());
  }
}
