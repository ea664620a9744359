// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/safetensors.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "common/files/files.h"
#include "common/json/json_object.h"
#include "models/testing/checkpoint_files.h"

namespace permafrost {
namespace safetensors_test {

using Metadata = std::map<std::string, std::string>;

class Safetensors : public testing::Test {
 protected:
  // A file of this header text and so many data bytes.
  void write(const std::string& header, std::size_t bytes, std::int64_t announced = -1) {
    const auto length = static_cast<std::uint64_t>(
        announced < 0 ? static_cast<std::int64_t>(header.size()) : announced);
    write_file_atomically(path_, little(length, 8) + header + std::string(bytes, 'x'));
  }
  std::string reading_fails() {
    return input_error_of([&] { read_safetensors(path_); });
  }
  void expect_refused(const std::string& tensor, const std::string& why) {
    const std::string text = reading_fails();
    EXPECT_TRUE(contains(text, path_.string())) << text;
    EXPECT_TRUE(contains(text, tensor)) << text;
    EXPECT_TRUE(contains(text, why)) << text;
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_ / "some.safetensors";
};

TEST_F(Safetensors, KeepsEveryDtypeShapeAndBit) {
  NamedTensors tensors;
  for (const auto type :
       {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort,
        at::kChar, at::kByte, at::kBool, at::kUInt16, at::kUInt32, at::kUInt64, at::kFloat8_e4m3fn,
        at::kFloat8_e5m2, at::kFloat8_e8m0fnu, at::kComplexFloat})
    tensors.emplace_back(c10::str("t.", type), (fill({3, 5}, 1, 100)).to(type));
  tensors.emplace_back("scalar", at::scalar_tensor(2.5));
  tensors.emplace_back("nan", at::full({2}, std::nan("")));
  tensors.emplace_back("turned", fill({4, 3}, 2, 1).t());
  write_safetensors(path_, tensors, {{"format", "x"}, {"text", "line\n\"quoted\" \xc3\xa9"}});
  const SafetensorsFile file = read_safetensors(path_);
  EXPECT_EQ(file.metadata, (Metadata{{"format", "x"}, {"text", "line\n\"quoted\" \xc3\xa9"}}));
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor &before = tensors[i].second, &after = file.tensors[i].second;
    EXPECT_EQ(file.tensors[i].first, tensors[i].first);
    EXPECT_EQ(after.dtype(), before.dtype());
    EXPECT_EQ(after.sizes(), before.sizes());
    EXPECT_TRUE(after.contiguous().view(-1).view(at::kByte).equal(
        before.contiguous().view(-1).view(at::kByte)))
        << tensors[i].first;
  }
}

TEST_F(Safetensors, KeepsEmptyTensorsWhereverTheyStand) {
  for (const std::string name : {"a", "m", "z"}) {
    NamedTensors tensors{{"k", fill({2}, 1, 1)}, {name, at::zeros({0, 3})}, {"p", fill({3}, 1, 1)}};
    write_safetensors(path_, tensors, {});
    const SafetensorsFile file = read_safetensors(path_);
    ASSERT_EQ(file.tensors.size(), 3U);
    EXPECT_EQ(file.tensors[1].first, name);
    EXPECT_EQ(file.tensors[1].second.sizes(), (std::vector<std::int64_t>{0, 3}));
    EXPECT_TRUE(file.tensors[2].second.equal(fill({3}, 1, 1)));
  }
}

TEST_F(Safetensors, KeepsAFileWithoutTensors) {
  write_safetensors(path_, {}, {{"only", "metadata"}});
  const SafetensorsFile file = read_safetensors(path_);
  EXPECT_TRUE(file.tensors.empty());
  EXPECT_EQ(file.metadata.at("only"), "metadata");
  const std::string text = input_error_of([&] { file.tensor("w", "some file"); });
  EXPECT_TRUE(contains(text, "some file: w: expected a tensor")) << text;
}

TEST_F(Safetensors, IsAlignedAndRepeatable) {
  const NamedTensors tensors{{"abc", fill({2}, 1, 1)}};
  write_safetensors(path_, tensors, {{"k", "v"}});
  const std::string bytes = read_file(path_);
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]) % 8, 0);
  write_safetensors(path_, tensors, {{"k", "v"}});
  EXPECT_EQ(read_file(path_), bytes);
}

TEST_F(Safetensors, RefusesTwoTensorsOfOneName) {
  const NamedTensors tensors{{"a", at::zeros({1})}, {"a", at::zeros({1})}};
  EXPECT_THROW(write_safetensors(path_, tensors, {}), Error);
}

TEST_F(Safetensors, RefusesATruncatedFile) {
  write_safetensors(path_, {{"big.weight", fill({100}, 1, 1)}}, {});
  const std::string bytes = read_file(path_);
  for (const std::size_t keep : {bytes.size() - 1, bytes.size() - 400}) {
    write_file_atomically(path_, bytes.substr(0, keep));
    expect_refused("big.weight", "truncated");
  }
  for (const std::size_t keep : {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{40}}) {
    write_file_atomically(path_, bytes.substr(0, keep));
    expect_refused("", "expected");
  }
}

TEST_F(Safetensors, RefusesAHeaderLongerThanTheFile) {
  for (const std::int64_t announced : {std::int64_t{3}, std::int64_t{1} << 40, INT64_MAX}) {
    write("{}", 0, announced);
    expect_refused("header", std::to_string(announced) + " announced");
  }
  for (const std::uint64_t announced : {std::uint64_t{1} << 63, UINT64_MAX}) {
    write_file_atomically(path_, little(announced, 8) + "{}");
    expect_refused("header", std::to_string(announced) + " announced");
  }
}

TEST_F(Safetensors, RefusesHeadersThatAreNotOne) {
  for (const std::string header : {"[]", "{", "{\"a\":1}", "null", "{\"\xff\":1}", "{\"a\":{}}",
                                   "{\"__metadata__\":{\"k\":1}}"}) {
    write(header, 4);
    expect_refused("", "expected");
  }
  const std::string entry = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  write("{" + entry + "," + entry + "}", 4);
  expect_refused("a", "twice");
}

TEST_F(Safetensors, RefusesOverlappingRanges) {
  write(R"({"one":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
        R"("two":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
        12);
  expect_refused("two", "overlap with \"one\"");
}

TEST_F(Safetensors, RefusesHolesAndBytesOfNobody) {
  write(R"({"one":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8);
  expect_refused("one", "data that begins at byte 0, found a hole up to byte 4");
  write(R"({"one":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
        R"("two":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
        12);
  expect_refused("two", "a hole up to byte 8");
  write(R"({"one":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5);
  expect_refused("", "expected 4 bytes of data, found 5");
  write("{}", 1);
  expect_refused("", "expected 0 bytes of data, found 1");
}

TEST_F(Safetensors, LiesInAMapThatIsNotWrittenBack) {
  write_safetensors(path_, {{"w", fill({4}, 1, 1)}}, {});
  const std::string before = read_file(path_);
  const SafetensorsFile file = read_safetensors(path_);
  file.tensors[0].second.fill_(7);
  EXPECT_EQ(file.tensors[0].second[3].item<float>(), 7);
  EXPECT_EQ(read_file(path_), before);
}

TEST_F(Safetensors, IsNotCopiedWhereItIsAligned) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                             R"("b":{"dtype":"F64","shape":[1],"data_offsets":[4,12]}})";
  const std::string padded = header + std::string(8 - header.size() % 8, ' ');
  const ByteRange bytes = copy_bytes(little(padded.size(), 8) + padded + std::string(12, 'x'));
  const SafetensorsFile file = read_safetensors(bytes, "some file");
  const std::uint8_t* data = bytes.data + 8 + padded.size();
  EXPECT_EQ(file.tensors[0].second.data_ptr(), data);
  EXPECT_NE(file.tensors[1].second.data_ptr(), data + 4);
  EXPECT_EQ(std::memcmp(file.tensors[1].second.data_ptr(), data + 4, 8), 0);
}

TEST_F(Safetensors, RefusesTruthValuesOtherThanZeroAndOne) {
  write(R"({"w":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", 2);
  expect_refused("w", "truth values of 0 or 1");
}

TEST_F(Safetensors, RefusesDeepNestingAndManySizes) {
  write(std::string(1'000'000, '['), 0);
  expect_refused("header", "levels of nesting");
  std::string sizes = "1";
  for (int i = 0; i < 64; ++i) sizes += ",1";
  write(R"({"w":{"dtype":"F32","shape":[)" + sizes + R"(],"data_offsets":[0,4]}})", 4);
  expect_refused("w.shape", "at most 64 sizes, found 65");
}

TEST_F(Safetensors, RefusesDtypesThatLibTorchHasNot) {
  for (const std::string dtype : {"F33", "F4", "F6_E2M3", "f32", ""}) {
    write(R"({"w":{"dtype":")" + dtype + R"(","shape":[1],"data_offsets":[0,4]}})", 4);
    expect_refused("w.dtype", "\"" + dtype + "\"");
  }
}

TEST_F(Safetensors, RefusesSizesThatDoNotFitTheData) {
  const auto with = [&](const std::string& shape, const std::string& offsets) {
    write(R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}", 16);
    expect_refused("w", "expected");
  };
  with("[3]", "[0,16]");
  with("[4]", "[0,20]");
  with("[4]", "[8,0]");
  with("[4]", "[-16,0]");
  with("[4]", "[0]");
  with("[-4]", "[0,16]");
  with("[4.0]", "[0,16]");
  with("[4]", "[0,18446744073709551615]");
}

TEST_F(Safetensors, TakesNoMemoryForSizesThatCannotBe) {
  for (const std::string shape :
       {"[1099511627776]", "[4294967296,4294967296]", "[9223372036854775807,2]",
        "[0,9223372036854775807,9223372036854775807]"}) {
    write(R"({"huge":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,0]}})", 16);
    expect_refused("huge", "expected");
  }
}

}  // namespace safetensors_test
}  // namespace permafrost
