// SPDX-License-Identifier: Apache-2.0
#pragma once

// A system that gives no more threads, as under a limit on processes. Tests only; included by the
// one source file of a test. Takes the place of the C library's pthread_create in that program.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>

#include "common/testing/sanitizers.h"

#ifdef PERMAFROST_SANITIZED

// A sanitizer has put its own in that place.
#define SKIP_WITHOUT_THREAD_LIMIT() GTEST_SKIP() << "a sanitizer makes the threads"
namespace permafrost {
struct ThreadLimit {
  explicit ThreadLimit(int) {}
};
}  // namespace permafrost

#else

#include <dlfcn.h>
#include <pthread.h>

#define SKIP_WITHOUT_THREAD_LIMIT() static_cast<void>(0)
namespace permafrost {

inline std::atomic<int> threads_left{-1};  // below 0: as many as the system gives

// While it lives, `count` more threads can be made in this process.
struct ThreadLimit {
  explicit ThreadLimit(int count) { threads_left = count; }
  ~ThreadLimit() { threads_left = -1; }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;
};

}  // namespace permafrost

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) noexcept {
  if (permafrost::threads_left == 0) return EAGAIN;
  if (permafrost::threads_left > 0) --permafrost::threads_left;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, start, argument);
}

#endif
