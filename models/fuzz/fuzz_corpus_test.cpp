// SPDX-License-Identifier: Apache-2.0
#include "common/testing/fuzz_corpus.h"

#include "models/fuzz/fuzz_readers.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace fuzz_corpus_test {

TEST(FuzzCorpus, IsReadOrRefused) {
  expect_read_or_refused(fuzz_readers(),
                         std::filesystem::path(PERMAFROST_SOURCE_DIR) / "models/fuzz/corpus");
}

}  // namespace fuzz_corpus_test
}  // namespace permafrost
