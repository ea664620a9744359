// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include "datasets/images/ffmpeg.h"

namespace permafrost {
namespace {

// One of FFmpeg's libraries by the name that a system has it under.
class Library {
 public:
  Library(const char* name, int major)
      : file_(std::string(name) + ".so." + std::to_string(major)),
        handle_(::dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) failure_ = reason();
  }
  const std::string& failure() const { return failure_; }
  template <typename Function>
  void find(const char* name, Function& function) {
    if (handle_ == nullptr) return;
    function = reinterpret_cast<Function>(::dlsym(handle_, name));
    if (function == nullptr && failure_.empty()) failure_ = reason();
  }

 private:
  std::string reason() const {
    const char* said = ::dlerror();
    return said == nullptr ? file_ + ": cannot be loaded" : said;
  }
  std::string file_;
  void* handle_;  // stays open: what it gave is in use until the end
  std::string failure_;
};

struct Loaded {
  FfmpegFunctions functions;
  std::string failure;
};

Loaded load() {
  Loaded loaded;
  // In the order in which they need each other.
  Library util("libavutil", LIBAVUTIL_VERSION_MAJOR), codec("libavcodec", LIBAVCODEC_VERSION_MAJOR),
      format("libavformat", LIBAVFORMAT_VERSION_MAJOR),
      scale("libswscale", LIBSWSCALE_VERSION_MAJOR);
#define PERMAFROST_UTIL(name) util.find(#name, loaded.functions.name##_);
#define PERMAFROST_CODEC(name) codec.find(#name, loaded.functions.name##_);
#define PERMAFROST_FORMAT(name) format.find(#name, loaded.functions.name##_);
#define PERMAFROST_SCALE(name) scale.find(#name, loaded.functions.name##_);
  PERMAFROST_AVUTIL(PERMAFROST_UTIL)
  PERMAFROST_AVCODEC(PERMAFROST_CODEC)
  PERMAFROST_AVFORMAT(PERMAFROST_FORMAT)
  PERMAFROST_SWSCALE(PERMAFROST_SCALE)
  for (const Library* library : {&util, &codec, &format, &scale})
    if (loaded.failure.empty()) loaded.failure = library->failure();
  return loaded;
}

const Loaded& loaded() {
  static const Loaded once = load();
  return once;
}

}  // namespace

const std::string& ffmpeg_failure() { return loaded().failure; }

const FfmpegFunctions& ffmpeg_functions() {
  if (!ffmpeg_failure().empty())
    throw InputError("FFmpeg", "",
                     "the system's libraries libavformat.so." +
                         std::to_string(LIBAVFORMAT_VERSION_MAJOR) + " and libswscale.so." +
                         std::to_string(LIBSWSCALE_VERSION_MAJOR) + ", which read videos",
                     ffmpeg_failure(),
                     "Debian: apt-get install libavformat" +
                         std::to_string(LIBAVFORMAT_VERSION_MAJOR) + " libswscale" +
                         std::to_string(LIBSWSCALE_VERSION_MAJOR));
  return loaded().functions;
}

}  // namespace permafrost
