// SPDX-License-Identifier: Apache-2.0
#include "common/testing/fuzz_corpus.h"
#include "datasets/fuzz/list_readers.h"

namespace permafrost {
namespace list_corpus_test {

TEST(ListCorpus, IsReadOrRefused) {
  expect_read_or_refused(list_readers(),
                         std::filesystem::path(PERMAFROST_SOURCE_DIR) / "datasets/fuzz/corpus");
}

}  // namespace list_corpus_test
}  // namespace permafrost
