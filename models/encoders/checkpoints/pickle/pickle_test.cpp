// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/pickle/pickle.h"

#include "models/testing/checkpoint_files.h"

namespace permafrost {
namespace pickle_test {

using Kind = Value::Kind;
using namespace std::string_literals;

std::string described(const std::string& bytes) {
  const Pickle pickle = read_pickle(bytes, "some.pth: data.pkl");
  return description_of(*pickle.root);
}

std::string refusal(const std::string& bytes) {
  return input_error_of([&] { read_pickle(bytes, "some.pth: data.pkl"); });
}

void expect_refused(const std::string& bytes, const std::string& why) {
  const std::string text = refusal(bytes);
  expect_contains(text, "some.pth: data.pkl: byte ");
  expect_contains(text, why);
}

TEST(Pickle, ReadsNumbersInEachOfTheirSpellings) {
  EXPECT_EQ(described("N."), "None");
  EXPECT_EQ(described("\x88."), "True");
  EXPECT_EQ(described("\x89."), "False");
  EXPECT_EQ(described("I01\n."), "True");
  EXPECT_EQ(described("I-12\n."), "-12");
  EXPECT_EQ(described("L12L\n."), "12");
  EXPECT_EQ(described("F-2.5\n."), "-2.5");
  EXPECT_EQ(described("K\xff."), "255");
  EXPECT_EQ(described("M\xff\xff."), "65535");
  EXPECT_EQ(described("J\xfe\xff\xff\xff."), "-2");
  EXPECT_EQ(described("\x8a\x00."s), "0");
  EXPECT_EQ(described("\x8a\x01\xff."), "-1");
  EXPECT_EQ(described("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."s), "-9223372036854775808");
  EXPECT_EQ(described("\x8b\x02\x00\x00\x00\x00\x01."s), "256");
  EXPECT_EQ(described("\x8a\x09" + std::string(9, 'x') + "."), "a number of 9 bytes");
  EXPECT_EQ(described("G\x3f\xd0\x00\x00\x00\x00\x00\x00."s), "0.25");
}

TEST(Pickle, ReadsTextsAndBytesInEachOfTheirSpellings) {
  EXPECT_EQ(described("X\x01\x00\x00\x00"s + "a."), "\"a\"");
  EXPECT_EQ(described("\x8c\x02\xc3\xa9."), "\"\xc3\xa9\"");
  EXPECT_EQ(described("\x8d\x01\x00\x00\x00\x00\x00\x00\x00"s + "a."), "\"a\"");
  EXPECT_EQ(described("U\x01"s + "a."), "\"a\"");
  EXPECT_EQ(described("T\x01\x00\x00\x00\xff."s), "1 bytes");
  EXPECT_EQ(described("Va\\u00e9\xe9\\U0001f600\n."), "\"a\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80\"");
  EXPECT_EQ(described("S'it\\'s \\x41'\n."), "\"it's A\"");
  EXPECT_EQ(described("C\x02"s + "ab."), "2 bytes");
  EXPECT_EQ(described("B\x02\x00\x00\x00"s + "ab."), "2 bytes");
  EXPECT_EQ(described("\x8e\x02\x00\x00\x00\x00\x00\x00\x00"s + "ab."), "2 bytes");
}

TEST(Pickle, ReadsContainersMemoAndStack) {
  EXPECT_EQ(described("]K\x01"s + "aK\x02"s + "a."), "a list with 2 values");
  EXPECT_EQ(described("](K\x01K\x02"s + "e."), "a list with 2 values");
  EXPECT_EQ(described("(K\x01K\x02"s + "l."), "a list with 2 values");
  EXPECT_EQ(described("(K\x01K\x02"s + "d."), "a dictionary with 1 value");
  EXPECT_EQ(described("}K\x01K\x02"s + "s."), "a dictionary with 1 value");
  EXPECT_EQ(described("K\x01K\x02K\x03\x87."), "a tuple with 3 values");
  EXPECT_EQ(described("\x8f(K\x01\x90."), "a set with 1 value");
  EXPECT_EQ(described("(K\x01\x91."), "a set with 1 value");
  EXPECT_EQ(described("K\x07q\x05"s + "0h\x05."), "7");
  EXPECT_EQ(described("K\x07r\x05\x01\x00\x00"s + "0j\x05\x01\x00\x00."s), "7");
  EXPECT_EQ(described("K\x07p5\n0g5\n."), "7");
  EXPECT_EQ(described("\x80\x04K\x07\x94"s + "0h\x00."s), "7");
  EXPECT_EQ(described("K\x07(K\x08K\x09"s + "1."), "7");
  EXPECT_EQ(described("K\x07(0."), "7");
  EXPECT_EQ(described("]2a."), "a list with 1 value");  // itself: a cycle is harmless
}

TEST(Pickle, StopsBehindItsEnd) {
  const std::string two = "K\x01.K\x02.";
  EXPECT_EQ(read_pickle(two, "").size, 3U);
  EXPECT_EQ(description_of(*read_pickle(two.substr(3), "").root), "2");
}

TEST(Pickle, RefusesCallsByName) {
  expect_refused("cposix\nsystem\n(X\x02\x00\x00\x00"s + "lstR.",
                 "expected tensors, containers and numbers, found a call of posix.system");
  expect_refused("cbuiltins\neval\n.", "found a call of builtins.eval");
  expect_refused("\x8c\x02os\x8c\x06system\x93.", "found a call of os.system");
  expect_refused("(ios\nsystem\n.", "found a call of os.system");
  expect_refused("ctorch\nQInt8Storage\n.", "found a call of torch.QInt8Storage");
  expect_refused("c__builtin__\ngetattr\n.", "found a call of __builtin__.getattr");
  expect_refused("ca\x01\nb\n.", "found a call of a\\x01.b");
  expect_refused("\x82\x01.", "a call by an extension code");
  expect_refused("ctorch\nSize\n]R.", "expected a tuple of arguments for torch.Size, found a list");
  expect_refused("])R.", "expected a call of a name, found a list with 0 values");
  expect_refused("ctorch\nfloat32\n)R.", "found a call of torch.float32");
  expect_refused("ctorch\nFloatStorage\n)R.", "found a call of torch.FloatStorage");
}

TEST(Pickle, RefusesArgumentsThatDoNotFit) {
  expect_refused("ccollections\nOrderedDict\nK\x01\x85R.", "a list of pairs");
  expect_refused("ccollections\nOrderedDict\n]K\x01"s + "a\x85R.", "a key and a value");
  expect_refused("ctorch._utils\n_rebuild_parameter\n)R.", "arguments that fit");
  expect_refused("ctorch._utils\n_rebuild_tensor_v2\n)R.", "a storage, an offset, sizes");
  expect_refused("c_codecs\nencode\n)R.", "text in latin1");
  expect_refused("cnumpy.core.multiarray\nscalar\n)R.", "a numpy.dtype and bytes");
  expect_refused("cbuiltins\nset\nK\x01\x85R.", "a list to make a collection of");
  expect_refused("ctorch\nSize\n)}K\x01K\x02s\x92.", "no named arguments");
}

TEST(Pickle, RefusesProgramsThatAreNotOne) {
  expect_refused("", "truncated");
  expect_refused(".", "a value on the stack");
  expect_refused("K", "truncated");
  expect_refused("(.", "a value on the stack");
  expect_refused("K\x01(.", "a value on the stack");
  expect_refused("t.", "a mark on the stack");
  expect_refused("(K\x01"s + "d.", "keys and values in pairs");
  expect_refused("K\x01K\x02"s + "a.", "a list to add to, found 1");
  expect_refused("]K\x01K\x02s.", "a dictionary to add to");
  expect_refused("h\x05.", "a value remembered as 5");
  expect_refused("gx\n.", "a number");
  expect_refused("Ix\n.", "a number");
  expect_refused("S'a\n.", "a text in quotes");
  expect_refused("\x80\x06N.", "a pickle protocol up to 5, found 6");
  expect_refused("\xff.", "an instruction");
  expect_refused("X\x01\x00\x00\x00\xff."s, "text in UTF-8");
  expect_refused("K\x01K\x02"s + "b.", "attributes");
  expect_refused("Pkey\n.", "a persistent id of text");
  expect_refused("NQ.", "the storage of a tensor, found None");
  expect_refused("(o.", "a name to call");
  expect_refused("\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "a frame of at most 1 bytes");
}

TEST(Pickle, TakesNoMemoryForLengthsThatCannotBe) {
  for (const std::string code : {"X", "T", "B", "\x8b"})
    expect_refused(code + "\xff\xff\xff\xff", "another 4294967295 bytes");
  for (const std::string code : {"\x8d", "\x8e", "\x96"})
    expect_refused(code + std::string(8, '\xff'), "another 18446744073709551615 bytes");
}

TEST(Pickle, SurvivesAMillionLevelsOfNestingAndBoundsTheRest) {
  constexpr std::size_t kMany = 1'000'000;
  expect_refused(std::string(kMany, '('), "truncated");
  EXPECT_EQ(described(")" + std::string(kMany, '\x85') + "."), "a tuple with 1 value");
  EXPECT_EQ(described(std::string(kMany, ']') + std::string(kMany - 1, 'a') + "."),
            "a list with 1 value");
  expect_refused(std::string(kMostPickleValues, ']'), "at most 5000000 values");
  expect_refused(std::string(kMostPickleInstructions + 1, '('), "at most 20000000 instructions");
  expect_refused("N" + std::string(kMostPickleValues + 1, '\x94'), "remembered values");
}

TEST(Pickle, RefusesToRepeatItsValues) {
  // A list of 1000 values, and 1000 dictionaries, sets or sizes made of it.
  const std::string list = "](" + std::string(1000, 'N') + "e\x85q\x01";
  std::string calls = "cbuiltins\nset\nq\x02";
  for (int i = 0; i < 1000; ++i) calls += "h\x02h\x01R";
  expect_refused(list + calls + ".", "a pickle that repeats its values");
}

class PickledTensors : public testing::Test {
 protected:
  const std::string storage_ = pickled_storage("0", 24);
  // Twenty-four values and a view of them.
  void refused(std::int64_t offset, const std::vector<std::int64_t>& sizes,
               const std::vector<std::int64_t>& strides, const std::string& why) {
    expect_refused(pickled_tensor(storage_, offset, sizes, strides) + ".", why);
  }
  TensorRef read(std::int64_t offset, const std::vector<std::int64_t>& sizes,
                 const std::vector<std::int64_t>& strides) {
    return read_pickle(pickled_tensor(storage_, offset, sizes, strides) + ".", "").tensors.at(0);
  }
};

TEST_F(PickledTensors, AreViewsInsideOfTheirStorage) {
  EXPECT_EQ(read(0, {4, 6}, {6, 1}).type, at::kFloat);
  EXPECT_EQ(read(5, {6, 3}, {1, 6}).strides, (std::vector<std::int64_t>{1, 6}));
  EXPECT_EQ(read(23, {}, {}).offset, 23);
  EXPECT_EQ(read(24, {0, 3}, {3, 1}).sizes, (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(read(23, {1000}, {0}).sizes[0], 1000);  // a repeated value
  EXPECT_EQ(read(0, {1}, {1'000'000}).strides[0], 1'000'000);
}

TEST_F(PickledTensors, OutsideOfTheirStorageAreRefused) {
  const std::string outside = "a tensor inside of its storage of 24 values";
  refused(1, {4, 6}, {6, 1}, outside + ", found sizes [4,6], strides [6,1] from value 1");
  refused(24, {}, {}, outside);
  refused(25, {0}, {1}, outside);
  refused(-1, {1}, {1}, outside);
  refused(0, {2}, {24}, outside);
  refused(0, {3}, {std::int64_t{1} << 50}, outside);
  refused(INT64_MAX, {1}, {1}, outside);
  refused(0, {2, 2, 2}, {1, 20, 3}, outside);
}

TEST_F(PickledTensors, OfSizesThatOverflowAreRefused) {
  refused(0, {-1}, {1}, "sizes from 0 to 2^50, found -1");
  refused(0, {1}, {-1}, "strides from 0 to 2^50, found -1");
  refused(0, {INT64_MAX}, {0}, "sizes from 0 to 2^50");
  refused(0, {std::int64_t{1} << 40, std::int64_t{1} << 40}, {0, 0}, "at most the 24 values");
  refused(0, {0, std::int64_t{1} << 40, std::int64_t{1} << 40}, {0, 0, 0}, "at most the 24 values");
  refused(0, {65537}, {0}, "at most the 24 values of the storage, found a tensor of sizes [65537]");
  refused(0, {5, 13108}, {0, 0}, "at most the 24 values");
  refused(0, {1, 1}, {1}, "as many strides as sizes");
  refused(0, std::vector<std::int64_t>(65, 1), {1}, "at most 64 sizes, found 65");
}

TEST_F(PickledTensors, NeedOneStorageOfAKey) {
  expect_refused(pickled_storage("0", 24) + pickled_storage("0", 25) + ".",
                 "one type and size of storage 0");
  expect_refused(pickled_storage("0", -1) + ".", "a count from 0 to 2^50");
  expect_refused(pickled_storage("0", INT64_MAX) + ".", "a count from 0 to 2^50");
  expect_refused(pickled_storage(std::string(201, '0'), 4) + ".", "a storage with a key");
  expect_refused(pickled_storage("0", 4, "float32") + ".", "a storage type such as");
  expect_refused("(" + pickled_text("module") + "NNNtQ.", "the storage of a tensor");
}

TEST_F(PickledTensors, OfTheOldContainerMayLieInAPartOfAStorage) {
  const auto part = [](std::int64_t offset, std::int64_t count) {
    const std::string whole = pickled_storage("root", 24);
    return whole.substr(0, whole.size() - 2) + "(" + pickled_text("view") +
           pickled_integer(offset) + pickled_integer(count) + "ttQ";
  };
  const Pickle pickle = read_pickle(pickled_tensor(part(20, 4), 1, {3}, {1}) + ".", "");
  EXPECT_EQ(pickle.tensors.at(0).offset, 21);
  expect_refused(pickled_tensor(part(20, 4), 2, {3}, {1}) + ".", "its storage of 4 values");
  expect_refused(part(20, 5) + ".", "a part inside of its storage");
  expect_refused(part(INT64_MAX, INT64_MAX) + ".", "a part inside of its storage");
  expect_refused(part(-1, 2) + ".", "a part inside of its storage");
}

}  // namespace pickle_test
}  // namespace permafrost
