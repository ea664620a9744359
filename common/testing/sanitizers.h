// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a test cannot see under a sanitizer. Tests only.
#include <gtest/gtest.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PERMAFROST_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PERMAFROST_SANITIZED
#endif

#ifdef PERMAFROST_SANITIZED
#define SKIP_WITHOUT_MEMORY_FIGURES() \
  GTEST_SKIP() << "a sanitizer keeps freed memory and takes more by itself"
#else
#define SKIP_WITHOUT_MEMORY_FIGURES() static_cast<void>(0)
#endif
