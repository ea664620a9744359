// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of models/ and probes/ share: one torch thread, folders that vanish, error texts,
// and the closed-form fills of the golden toy network (models/testing/toy_network.h builds it).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "common/error.h"
#include "common/testing/test_folder.h"

namespace permafrost {

inline const bool kOneTorchThread = (at::set_num_threads(1), true);

// The text of the InputError that `call` throws; a test failure and "" when it throws none.
template <typename Call>
std::string input_error_of(Call call) {
  try {
    call();
  } catch (const InputError& error) {
    EXPECT_EQ(error.exit_status(), 2);
    return error.what();
  }
  ADD_FAILURE() << "no InputError";
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// Value i (row-major) is scale * sin(0.37 i + phase), computed in double, float32.
inline at::Tensor fill(at::IntArrayRef shape, double phase, double scale) {
  at::Tensor values = at::empty(shape, at::kFloat);
  float* out = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i)
    out[i] = static_cast<float>(scale * std::sin(0.37 * static_cast<double>(i) + phase));
  return values;
}

}  // namespace permafrost
