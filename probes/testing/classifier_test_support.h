// SPDX-License-Identifier: Apache-2.0
#pragma once

// Random classification heads for tests.
#include "common/random.h"
#include "models/testing/test_support.h"
#include "probes/heads/classifier_file.h"

namespace permafrost {

inline ClassifierSpec small_classifier_spec() {
  return {.width = 16, .classes = 8, .heads = 2, .hidden = 32};
}

// Every weight N(0, deviation^2), norms around 1.
inline Classifier random_classifier(const ClassifierSpec& spec, std::uint64_t seed,
                                    double deviation = 0.3) {
  Classifier head;
  head.name = head.kind = "random";
  head.spec = spec;
  head.weights = classifier_shapes(spec);
  RandomStream stream({.seed = seed, .purpose = "test.head"});
  visit(head.weights, spec, [&](const std::string& name, at::Tensor& tensor) {
    tensor = normal_tensor(tensor.sizes(), deviation, stream);
    if (name.find("norm") != std::string::npos && name.find("weight") != std::string::npos)
      tensor = tensor + 1;
  });
  head.sha256 = hash_of(head);
  return head;
}

}  // namespace permafrost
