// SPDX-License-Identifier: Apache-2.0
#include "common/error.h"
#include "models/encoders/checkpoints/bytes/zip_directory.h"
#include "models/encoders/checkpoints/torch_file.h"

namespace permafrost {
namespace {

constexpr std::string_view kProgram = "data.pkl";

// The folder that all records lie in, with its slash: "archive/".
std::string find_folder(const ZipRecords& records, const std::string& where) {
  std::string folder;
  bool found = false;
  for (const auto& [name, record] : records) {
    const auto slash = name.rfind('/');
    const std::size_t start = slash == std::string::npos ? 0 : slash + 1;
    if (std::string_view(name).substr(start) != kProgram) continue;
    if (found) throw InputError(where, "", "one data.pkl", quoted(folder) + " and " + quoted(name));
    folder = name.substr(0, start);
    found = true;
  }
  if (!found)
    throw InputError(where, "", "an archive of torch.save with a data.pkl", "a zip archive without",
                     "is it an archive of something else?");
  return folder;
}

}  // namespace

TorchFile read_torch_archive(const ByteRange& file, const std::string& where) {
  const ZipRecords records = read_zip_records(file, where);
  const std::string folder = find_folder(records, where);
  if (records.count(folder + "constants.pkl") > 0)
    throw InputError(where, "", "tensors of torch.save", "a TorchScript program",
                     "save its tensors: torch.save(module.state_dict(), ...)");
  const auto order = records.find(folder + "byteorder");
  if (order != records.end() && order->second.bytes.text() != "little")
    throw InputError(where, "byteorder", "little", quoted(std::string(order->second.bytes.text())),
                     "save it again on a little-endian machine");
  TorchFile out;
  const ZipRecord& program = records.at(folder + std::string(kProgram));
  out.pickle = read_pickle(program.bytes.text(), where + ": data.pkl");
  out.records.push_back({std::string(kProgram), program.bytes, program.crc32});
  for (const auto& storage : out.pickle.storages) {
    const auto found = records.find(folder + "data/" + storage.key);
    const std::string name = "data/" + unquoted(storage.key);
    if (found == records.end() && storage.count > 0)
      throw InputError(where, name, "the values of a storage", "no such record");
    const ZipRecord record = found == records.end() ? ZipRecord{} : found->second;
    out.storages.push_back(make_storage(storage, record.bytes, where));
    out.records.push_back({name, record.bytes, record.crc32});
  }
  return out;
}

c10::Storage make_storage(const StorageRef& storage, const ByteRange& bytes,
                          const std::string& where) {
  const std::size_t value_bytes = c10::elementSize(storage.type);
  if (storage.count > bytes.size / value_bytes)
    throw InputError(
        where, "storage " + unquoted(storage.key),
        std::to_string(storage.count) + " values of " + std::to_string(value_bytes) + " bytes",
        std::to_string(bytes.size) + " bytes", "is the file truncated?");
  const ByteRange values = bytes.part(0, storage.count * value_bytes);
  if (storage.type == at::kBool)
    require_truth_values(values, where, "storage " + unquoted(storage.key));
  return storage_over(values, storage.untyped ? sizeof(double) : value_bytes);
}

}  // namespace permafrost
