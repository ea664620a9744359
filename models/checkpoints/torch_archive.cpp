// SPDX-License-Identifier: Apache-2.0
#include "common/error.h"
#include "models/checkpoints/torch_file.h"
#include "models/checkpoints/zip_directory.h"

namespace permafrost {
namespace {

constexpr std::string_view kProgram = "data.pkl";

// The folder that all records lie in, with its slash: "archive/".
std::string find_folder(const ZipRecords& records, const std::string& where) {
  std::string folder;
  bool found = false;
  for (const auto& [name, bytes] : records) {
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
  if (order != records.end() && order->second.text() != "little")
    throw InputError(where, "byteorder", "little", quoted(std::string(order->second.text())),
                     "save it again on a little-endian machine");
  TorchFile out;
  out.pickle = read_pickle(records.at(folder + std::string(kProgram)).text(), where + ": data.pkl");
  for (const auto& storage : out.pickle.storages) {
    const auto record = records.find(folder + "data/" + storage.key);
    if (record == records.end() && storage.count > 0)
      throw InputError(where, "data/" + unquoted(storage.key), "the values of a storage",
                       "no such record");
    const ByteRange bytes = record == records.end() ? ByteRange{} : record->second;
    out.storages.push_back(make_storage(storage, bytes, where));
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
