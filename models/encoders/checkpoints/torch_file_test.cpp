// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/torch_file.h"

#include <ATen/ATen.h>

#include "common/files/crc32.h"
#include "models/testing/checkpoint_files.h"

namespace permafrost {
namespace torch_file_test {

using namespace std::string_literals;

at::Tensor find(const StateDict& entry, const std::string& name) {
  for (const auto& [key, tensor] : entry.tensors)
    if (key == name) return tensor;
  ADD_FAILURE() << "no tensor " << name;
  return at::zeros({1});
}

at::Tensor counting(at::IntArrayRef shape, double start = 0) {
  return at::arange(c10::multiply_integers(shape), at::kDouble).add(start).reshape(shape);
}

void expect_values(const at::Tensor& tensor, const at::Tensor& expected) {
  EXPECT_EQ(tensor.sizes(), expected.sizes());
  const bool same_sizes = tensor.sizes() == expected.sizes();
  EXPECT_TRUE(same_sizes && tensor.to(at::kDouble).equal(expected)) << tensor;
}

std::string refusal_of(const std::string& name) {
  return input_error_of([&] { open_checkpoint(testdata(name)); });
}

void expect_every_dtype(const Checkpoint& file) {
  for (const auto& [name, tensor] : file.entries.at(0).tensors) {
    const bool powers = name == "torch.float8_e8m0fnu", truth = name == "torch.bool";
    const at::Tensor wide = tensor.is_complex() ? at::real(tensor) : tensor;
    expect_values(wide, powers  ? at::tensor({1.0, 2.0, 4.0}, at::kDouble)
                        : truth ? at::tensor({1.0, 0.0, 1.0}, at::kDouble)
                                : counting({2, 3}));
  }
}

TEST(TorchFile, KeepsEveryDtype) {
  const Checkpoint old = open_checkpoint(testdata("dtypes.pth"));
  EXPECT_EQ(old.container, Container::torch_zip);
  EXPECT_EQ(old.entries.at(0).tensors.size(), 11U);
  expect_every_dtype(old);
  EXPECT_EQ(find(old.entries[0], "torch.bfloat16").scalar_type(), at::kBFloat16);
  EXPECT_EQ(find(old.entries[0], "torch.complex128").scalar_type(), at::kComplexDouble);
  const Checkpoint recent = open_checkpoint(testdata("new_dtypes.pth"));
  EXPECT_EQ(recent.entries.at(0).tensors.size(), 9U);
  expect_every_dtype(recent);
  EXPECT_EQ(find(recent.entries[0], "torch.float8_e5m2").scalar_type(), at::kFloat8_e5m2);
  EXPECT_EQ(find(recent.entries[0], "torch.uint32").scalar_type(), at::kUInt32);
}

TEST(TorchFile, KeepsEveryDtypeOfTheOldContainer) {
  const Checkpoint file = open_checkpoint(testdata("dtypes_legacy.pth"));
  EXPECT_EQ(file.container, Container::torch_legacy);
  EXPECT_EQ(file.entries.at(0).tensors.size(), 20U);
  expect_every_dtype(file);
}

TEST(TorchFile, KeepsViewsAndSharedStorage) {
  for (const std::string name : {"views.pth", "views_legacy.pth"}) {
    const Checkpoint file = open_checkpoint(testdata(name));
    const StateDict& entry = file.entries.at(0);
    const at::Tensor base = find(entry, "base"), turned = find(entry, "turned");
    expect_values(base, counting({24}));
    expect_values(turned, counting({4, 6}).t());
    EXPECT_EQ(turned.strides(), (std::vector<std::int64_t>{1, 6}));
    expect_values(find(entry, "part"), counting({6}, 5));
    expect_values(find(entry, "steps"), counting({8}) * 3);
    expect_values(find(entry, "repeated"), counting({3}, 1).expand({4, 3}));
    EXPECT_EQ(find(entry, "empty").sizes(), (std::vector<std::int64_t>{0, 3}));
    expect_values(find(entry, "scalar"), at::scalar_tensor(2.5, at::kDouble));
    expect_values(find(entry, "parameter"), counting({2, 2}, 10));
    EXPECT_TRUE(base.is_alias_of(turned));
    const std::string before = read_file(testdata(name));
    base.fill_(-1);
    EXPECT_EQ(turned[0][0].item<float>(), -1);
    EXPECT_EQ(read_file(testdata(name)), before);
  }
}

TEST(TorchFile, FindsStateDictionariesAmongEverythingElse) {
  for (const std::string name : {"training.pth", "training_legacy.pth", "training_protocol3.pth",
                                 "training_protocol4.pth", "training_protocol5.pth"}) {
    const Checkpoint file = open_checkpoint(testdata(name));
    std::vector<std::string> names;
    for (const auto& entry : file.entries) {
      const double start = static_cast<double>(names.size());
      names.push_back(entry.name);
      ASSERT_EQ(entry.tensors.size(), 2U);
      EXPECT_EQ(entry.tensors[0].first, "weight");
      expect_values(entry.tensors[0].second, counting({2, 3}, start));
      expect_values(entry.tensors[1].second, counting({2}, start + 100));
    }
    EXPECT_EQ(names, (std::vector<std::string>{"encoder", "target_encoder", "classifiers.0",
                                               "classifiers.1"}));
    ASSERT_NE(file.entry("target_encoder"), nullptr);
    EXPECT_EQ(file.entry("absent"), nullptr);
    const std::vector<std::string> others = {"opt: a dictionary with 2 values",
                                             "epoch: 300",
                                             "best: 0.25",
                                             "best32: -1.5",
                                             "count: -3",
                                             "array: numpy.ndarray",
                                             "args: argparse.Namespace (8 values)",
                                             "scaler: None",
                                             "big: a number of 9 bytes",
                                             "text: \"na\xc3\xafve\"",
                                             "data: 2 bytes",
                                             "done: True",
                                             "size: a tuple with 2 values"};
    EXPECT_EQ(file.others, others) << name;
  }
}

TEST(TorchFile, ReadsOtherProtocolsOfTheOldContainer) {
  const Checkpoint file = open_checkpoint(testdata("legacy_protocol4.pth"));
  EXPECT_EQ(file.container, Container::torch_legacy);
  expect_values(find(file.entries.at(0), "weight"), counting({2, 3}));
}

TEST(TorchFile, RefusesCallsAndRunsNothing) {
  expect_contains(refusal_of("system.pth"),
                  "expected tensors, containers and numbers, found a call of posix.system "
                  "(nothing was run");
  expect_contains(refusal_of("eval.pth"), "found a call of __builtin__.eval");
  expect_contains(refusal_of("sparse.pth"), "torch._utils._rebuild_sparse_tensor");
  expect_contains(refusal_of("quantised.pth"), "torch._utils._rebuild_qtensor");
  expect_contains(refusal_of("conjugated.pth"), "negated or conjugated");
  EXPECT_FALSE(std::filesystem::exists("/tmp/was-run"));
}

TEST(TorchFile, WithoutTensorsSaysWhatItHolds) {
  expect_contains(refusal_of("no_tensors.pth"),
                  "expected a dictionary of tensors, or one of such dictionaries, found epoch: 3, "
                  "opt: a dictionary with 1 value");
}

class HandMade : public testing::Test {
 protected:
  void expect_refused(const std::string& bytes, const std::string& why) {
    const std::string text =
        input_error_of([&] { read_checkpoint(copy_bytes(bytes), "some.pth"); });
    expect_contains(text, "some.pth: ");
    expect_contains(text, why);
  }
  const std::string tensor_ = pickled_tensor(pickled_storage("0", 2), 0, {2}, {1});
  const std::string dict_ = "}" + pickled_text("w") + tensor_ + "s.";
  const std::string data_ = std::string("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);  // 1, 2
};

TEST_F(HandMade, ArchiveIsRead) {
  const std::string bytes = zip_of({{"any name/data.pkl", dict_}, {"any name/data/0", data_}});
  const Checkpoint file = read_checkpoint(copy_bytes(bytes), "some.pth");
  expect_values(find(file.entries.at(0), "w"), counting({2}, 1));
}

// The archive with this CRC-32 in the directory for its last record.
std::string with_checksum(std::string archive, std::uint32_t crc32) {
  return archive.replace(archive.rfind("PK\x01\x02") + 16, 4, little(crc32, 4));
}

TEST_F(HandMade, ArchiveIsHeldAgainstItsChecksumsWhereItIsUsed) {
  const std::string bytes = zip_of({{"a/data.pkl", dict_}, {"a/data/0", data_}});
  const auto records_of = [&](std::uint32_t crc32) {
    const Checkpoint file = read_checkpoint(copy_bytes(with_checksum(bytes, crc32)), "some.pth");
    require_intact(file);
    require_intact(file, file.entries.at(0));
    return file.entries.at(0).records.size();
  };
  EXPECT_EQ(records_of(0), 0U) << "torch.save without checksums";
  EXPECT_EQ(records_of(crc32_of(data_)), 1U);
  const std::string text = input_error_of([&] { records_of(crc32_of(data_) ^ 4); });
  expect_contains(text, "some.pth: data/0: expected bytes with the CRC-32");
  expect_contains(text, "damaged");
}

TEST(TorchFile, FilesOfTorchSaveAreIntact) {
  int records = 0;
  for (const auto& file : std::filesystem::directory_iterator(testdata(""))) {
    if (file.path().extension() != ".pth") continue;
    try {
      const Checkpoint checkpoint = open_checkpoint(file.path());
      require_intact(checkpoint);
      for (const auto& entry : checkpoint.entries)
        records += static_cast<int>(entry.records.size());
    } catch (const InputError& refused) {
      EXPECT_FALSE(contains(refused.what(), "CRC-32")) << refused.what();
    }
  }
  EXPECT_GT(records, 0);
}

TEST_F(HandMade, ArchiveThatIsNotOfTorchSaveIsRefused) {
  const ZipPart program{"a/data.pkl", dict_}, data{"a/data/0", data_};
  expect_refused(zip_of({{"a/other", ""}}), "a zip archive without");
  expect_refused(zip_of({}), "a zip archive without");
  expect_refused(zip_of({program, data, {"a/constants.pkl", ""}}), "a TorchScript program");
  expect_refused(zip_of({program, data, {"a/byteorder", "big"}}), "expected little, found \"big\"");
  expect_refused(zip_of({program, data, {"b/data.pkl", ""}}), "one data.pkl");
  expect_refused(zip_of({program}), "data/0: expected the values of a storage");
  expect_refused(zip_of({program, {"a/data/0", "1234567"}}), "2 values of 4 bytes, found 7 bytes");
}

TEST_F(HandMade, StoragesWithoutValuesNeedNoRecordAndNoPlace) {
  const std::string empty = pickled_tensor(pickled_storage("0", 0), 0, {0, 3}, {3, 1});
  const std::string dict = "}" + pickled_text("w") + empty + "s.";
  for (const auto& parts : {std::vector<ZipPart>{{"a/data.pkl", dict}},
                            std::vector<ZipPart>{{"a/data.pkl", dict}, {"a/data/0", ""}}}) {
    const Checkpoint file = read_checkpoint(copy_bytes(zip_of(parts)), "some.pth");
    EXPECT_EQ(find(file.entries.at(0), "w").numel(), 0);
  }
  std::uint8_t bytes[8] = {};
  for (std::uint64_t i = 0; i < 8; ++i)  // wherever it stands
    EXPECT_EQ(storage_over({bytes + i, 0, nullptr}, 8).nbytes(), 0U);
}

TEST_F(HandMade, TruthValuesOtherThanZeroAndOneAreRefused) {
  const std::string tensor = pickled_tensor(pickled_storage("0", 2, "BoolStorage"), 0, {2}, {1});
  const std::string dict = "}" + pickled_text("w") + tensor + "s.";
  expect_refused(zip_of({{"a/data.pkl", dict}, {"a/data/0", "\x01\x02"}}), "0 or 1, found 2");
}

TEST_F(HandMade, DictionariesThatRepeatAreBounded) {
  std::string tensors = "}q\x01";
  for (int i = 0; i < 500; ++i)
    tensors += pickled_text(std::to_string(i)) + (i == 0 ? tensor_ + "q\x02" : "h\x02") + "s";
  std::string root = tensors + "0}";
  for (int i = 0; i < 500; ++i) root += pickled_text(std::to_string(i)) + "h\x01s";
  expect_refused(zip_of({{"a/data.pkl", root + "."}, {"a/data/0", data_}}),
                 "at most 200000 tensors");
  // No tensors, but many looks: 10,000 times at 10,000 values.
  std::string numbers = "(" + pickled_text("n") + "q\x01K\x01";
  for (int i = 0; i < 10'000; ++i) numbers += "h\x01K\x01";
  std::string dicts = numbers + "dq\x02" + "0(";
  for (int i = 0; i < 10'000; ++i) dicts += "h\x01h\x02";
  expect_refused(zip_of({{"a/data.pkl", dicts + "d."}}), "a pickle that repeats its values");
}

TEST_F(HandMade, NamesAreOnceAndNotLong) {
  const std::string long_name = pickled_text(std::string(1001, 'n'));
  const auto archive = [&](const std::string& dict) {
    return zip_of({{"a/data.pkl", dict}, {"a/data/0", data_}});
  };
  expect_refused(archive("}" + long_name + tensor_ + "s."), "a name of at most 1000 bytes");
  const std::string item = pickled_text("w") + tensor_ + "s";
  expect_refused(archive("}" + item + item + "."), "w: expected one tensor of this name");
}

TEST_F(HandMade, DictionariesInsideOfOthersAreEntriesByTheirPath) {
  const auto dict = [](const std::string& key, const std::string& value) {
    return "}" + pickled_text(key) + value + "s";
  };
  const std::string state = dict("exp_avg", tensor_), weights = dict("w", tensor_);
  const std::string root = "}" + pickled_text("state") + dict("model", weights) + "s" +
                           pickled_text("optimizer") + dict("state", dict("w", state)) + "s.";
  const Checkpoint file =
      read_checkpoint(copy_bytes(zip_of({{"a/data.pkl", root}, {"a/data/0", data_}})), "some.pth");
  ASSERT_EQ(file.entries.size(), 1U);
  EXPECT_EQ(file.entries[0].name, "state.model");
  expect_values(find(file.entries[0], "w"), counting({2}, 1));
  EXPECT_EQ(file.others, (std::vector<std::string>{"optimizer: a dictionary with 1 value"}));
}

class Legacy : public HandMade {
 protected:
  const std::string magic_ = "\x80\x02\x8a\x0al\xfc\x9c"s + "F\xf9 j\xa8P\x19.";
  const std::string version_ = "M\xe9\x03.";
  std::string facts_ = "}" + pickled_text("little_endian") + "\x88s.";
  std::string keys_ = "]" + pickled_text("0") + "a.";
  std::string count_ = little(2, 8);
  std::string file() const { return magic_ + version_ + facts_ + dict_ + keys_ + count_ + data_; }
};

TEST_F(Legacy, IsRead) {
  const Checkpoint read = read_checkpoint(copy_bytes(file()), "some.pth");
  EXPECT_EQ(read.container, Container::torch_legacy);
  expect_values(find(read.entries.at(0), "w"), counting({2}, 1));
}

TEST_F(Legacy, CutShortIsRefused) {
  const std::string whole = file();
  for (std::size_t keep = 3; keep < whole.size(); ++keep)
    expect_refused(whole.substr(0, keep), "truncated");
}

TEST_F(Legacy, WithAnotherHeadIsRefused) {
  expect_refused("\x80\x02K\x01.", "a pickle of something else: 1");
  expect_refused(magic_ + "K\x01.", "version: expected 1001, found 1");
  facts_ = "}" + pickled_text("little_endian") + "\x89s.";
  expect_refused(file(), "little_endian: expected True, found False");
  facts_ = "N.";
  expect_refused(file(), "little_endian: expected True, found nothing");
}

TEST_F(Legacy, WithOtherStoragesIsRefused) {
  keys_ = "]" + pickled_text("1") + "a.";
  expect_refused(file(), "each storage of the object once, found \"1\"");
  keys_ = "].";
  expect_refused(file(), "storage 0: expected its values, found none");
  keys_ = "]" + pickled_text("0") + "a" + pickled_text("0") + "a.";
  expect_refused(file(), "each storage of the object once");
  keys_ = "N.";
  expect_refused(file(), "keys of storages: expected a list");
  keys_ = "]" + pickled_text("0") + "a.";
  count_ = little(UINT64_MAX, 8);
  expect_refused(file(), "storage 0: expected 2 values, found 18446744073709551615");
}

}  // namespace torch_file_test
}  // namespace permafrost
