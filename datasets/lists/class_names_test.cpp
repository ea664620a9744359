// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/class_names.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace class_names_test {

using Names = std::vector<std::string>;

class ClassNames : public testing::Test {
 protected:
  Names read(const std::string& text, const std::string& name) {
    write_file_atomically(folder_ / name, text);
    return read_class_names(folder_ / name);
  }
  std::string error_of(const std::string& text, const std::string& name) {
    try {
      read(text, name);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }
  const TestFolder folder_;
};

TEST_F(ClassNames, OneALine) {
  EXPECT_EQ(read("Swiping Left\nSwiping Right\r\n\n\"No gesture\"\n", "l.csv"),
            (Names{"Swiping Left", "Swiping Right", "No gesture"}));
}

TEST_F(ClassNames, IndexOnEitherSide) {
  const Names wanted{"abseiling", "air drumming", "yoga"};
  EXPECT_EQ(read("id,name\n0,abseiling\n2,yoga\n1,air drumming\n", "k.csv"), wanted);
  EXPECT_EQ(read("0 abseiling\n1 air drumming\n2 yoga\n", "k.txt"), wanted);
  EXPECT_EQ(read("abseiling 0\nair drumming 1\nyoga 2\n", "k.txt"), wanted);
  EXPECT_EQ(read("\xEF\xBB\xBF\"abseiling\"\t0\n\"air drumming\"\t1\nyoga\t2\n", "k.txt"), wanted);
}

TEST_F(ClassNames, Json) {
  EXPECT_EQ(read(R"({"Moving something": "1", "Holding something": "0"})", "s.json"),
            (Names{"Holding something", "Moving something"}));
  EXPECT_EQ(read(R"({"b": 1, "a": 0})", "s.json"), (Names{"a", "b"}));
  EXPECT_EQ(read(R"({"1": "b", "0": "a"})", "s.json"), (Names{"a", "b"}));
  EXPECT_EQ(read(R"(["a", "b"])", "s.json"), (Names{"a", "b"}));
  EXPECT_EQ(read(R"([["Back", "15som"], ["Fwd", "35som"]])", "s.json"),
            (Names{"Back 15som", "Fwd 35som"}));
}

TEST_F(ClassNames, WhatIsNoLabelFileIsRefused) {
  EXPECT_NE(error_of("1 ApplyEyeMakeup\n2 Archery\n", "u.txt").find("expected 0, found 1"),
            std::string::npos);
  EXPECT_NE(error_of("a 0\nb 2\n", "u.txt").find("expected 1, found 2"), std::string::npos);
  EXPECT_NE(error_of("a 0\nb 0\n", "u.txt").find("expected 1, found 0"), std::string::npos);
  EXPECT_NE(error_of("a\nb\na\n", "u.txt").find("\"a\" twice"), std::string::npos);
  EXPECT_NE(error_of("\n\n", "u.txt").find("at least one name"), std::string::npos);
  EXPECT_NE(error_of(std::string("a\0b", 3), "u.txt").find("binary"), std::string::npos);
  EXPECT_NE(error_of("[1]", "u.json").find("u.json:/0"), std::string::npos);
  EXPECT_NE(error_of("[[]]", "u.json"), "no error");
  EXPECT_NE(error_of("{\"a\": 1.5}", "u.json"), "no error");
  EXPECT_NE(error_of("3", "u.json"), "no error");
  EXPECT_THROW(read_class_names(folder_ / "none.txt"), InputError);
}

}  // namespace class_names_test
}  // namespace permafrost
