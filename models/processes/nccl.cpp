// SPDX-License-Identifier: Apache-2.0
#include "models/processes/nccl.h"

#include <ATen/ATen.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>

#include "common/error.h"

namespace permafrost {
namespace {

constexpr int kSum = 0;  // ncclSum

// ncclDataType_t
int nccl_type(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kByte:
      return 1;
    case at::kLong:
      return 4;
    case at::kFloat:
      return 7;
    case at::kDouble:
      return 8;
    case at::kBFloat16:
      return 9;
    default:
      throw Error(std::string("NCCL: no exchange of tensors of type ") +
                  at::toString(tensor.scalar_type()));
  }
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  void* const found = ::dlsym(library, name);
  if (found == nullptr) throw Error(std::string("no ") + name + " in the NCCL library");
  static_assert(sizeof found == sizeof function);
  std::memcpy(&function, &found, sizeof found);
}

Nccl opened(const std::string& path) {
  if (path == "off") throw Error("PERMAFROST_NCCL is off");
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Error("no NCCL library: " + std::string(::dlerror()));
  Nccl n;
  find(library, "ncclGetVersion", n.get_version);
  find(library, "ncclGetUniqueId", n.get_unique_id);
  find(library, "ncclCommInitRank", n.comm_init_rank);
  find(library, "ncclCommDestroy", n.comm_destroy);
  find(library, "ncclCommAbort", n.comm_abort);
  find(library, "ncclGetErrorString", n.get_error_string);
  find(library, "ncclBroadcast", n.broadcast);
  find(library, "ncclAllReduce", n.all_reduce);
  find(library, "ncclAllGather", n.all_gather);
  find(library, "ncclSend", n.send);
  find(library, "ncclRecv", n.receive);
  find(library, "ncclGroupStart", n.group_start);
  find(library, "ncclGroupEnd", n.group_end);
  return n;
}

Nccl::Stream stream_of(const at::Tensor& tensor) {
  const c10::impl::VirtualGuardImpl device(tensor.device().type());
  return device.getStreamNativeHandle(device.getStream(tensor.device()));
}

class NcclCollectives : public Collectives {
 public:
  NcclCollectives(const Nccl& nccl, const Nccl::UniqueId& id, int rank, int ranks)
      : nccl_(nccl), ranks_(ranks) {
    nccl_.require(nccl_.comm_init_rank(&comm_, ranks, id, rank));
  }
  ~NcclCollectives() override {
    // To destroy waits for what is queued, and so for ranks that may be lost.
    if (std::uncaught_exceptions() > 0)
      nccl_.comm_abort(comm_);
    else
      nccl_.comm_destroy(comm_);
  }
  NcclCollectives(const NcclCollectives&) = delete;
  NcclCollectives& operator=(const NcclCollectives&) = delete;

  void broadcast(at::Tensor tensor, int from) override {
    nccl_.require(nccl_.broadcast(tensor.const_data_ptr(), tensor.mutable_data_ptr(), count(tensor),
                                  nccl_type(tensor), from, comm_, stream_of(tensor)));
  }
  void sum(at::Tensor tensor) override {
    nccl_.require(nccl_.all_reduce(tensor.const_data_ptr(), tensor.mutable_data_ptr(),
                                   count(tensor), nccl_type(tensor), kSum, comm_,
                                   stream_of(tensor)));
  }
  void all_gather(at::Tensor out, at::Tensor in) override {
    nccl_.require(nccl_.all_gather(in.const_data_ptr(), out.mutable_data_ptr(), count(in),
                                   nccl_type(in), comm_, stream_of(in)));
  }
  void all_to_all(at::Tensor out, at::Tensor in) override {
    const std::size_t part = count(in) / static_cast<std::size_t>(ranks_),
                      bytes = part * in.element_size();
    const auto* from = static_cast<const char*>(in.const_data_ptr());
    auto* to = static_cast<char*>(out.mutable_data_ptr());
    nccl_.require(nccl_.group_start());
    for (int rank = 0; rank < ranks_; ++rank) {
      const std::size_t place = static_cast<std::size_t>(rank) * bytes;
      nccl_.require(nccl_.send(from + place, part, nccl_type(in), rank, comm_, stream_of(in)));
      nccl_.require(nccl_.receive(to + place, part, nccl_type(in), rank, comm_, stream_of(in)));
    }
    nccl_.require(nccl_.group_end());
  }
  void set_timeout(Milliseconds) override {}  // nothing waits here

 private:
  static std::size_t count(const at::Tensor& tensor) {
    return static_cast<std::size_t>(tensor.numel());
  }

  const Nccl& nccl_;
  int ranks_;
  Nccl::Comm comm_ = nullptr;
};

}  // namespace

std::string Nccl::version() const {
  int code = 0;  // 22809: 2.28.9
  require(get_version(&code));
  return std::to_string(code / 10000) + "." + std::to_string(code / 100 % 100) + "." +
         std::to_string(code % 100);
}

void Nccl::require(Result result) const {
  if (result != 0) throw Error(std::string("NCCL: ") + get_error_string(result));
}

const Nccl& nccl() {
  static std::mutex mutex;
  static std::map<std::string, Nccl> libraries;  // by path
  const char* set = std::getenv("PERMAFROST_NCCL");
  const std::string path = set != nullptr && *set != '\0' ? set : "libnccl.so.2";
  const std::lock_guard lock(mutex);
  const auto it = libraries.find(path);
  return it != libraries.end() ? it->second : libraries.emplace(path, opened(path)).first->second;
}

std::string new_nccl_id() {
  Nccl::UniqueId id{};
  nccl().require(nccl().get_unique_id(&id));
  return {id.bytes, sizeof id.bytes};
}

std::unique_ptr<Collectives> nccl_collectives(const std::string& id, int rank, int ranks) {
  Nccl::UniqueId unique{};
  if (id.size() != sizeof unique.bytes)
    throw Error("NCCL: expected an id of 128 bytes, found " + std::to_string(id.size()));
  std::memcpy(unique.bytes, id.data(), sizeof unique.bytes);
  return std::make_unique<NcclCollectives>(nccl(), unique, rank, ranks);
}

}  // namespace permafrost
