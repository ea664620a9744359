// SPDX-License-Identifier: Apache-2.0
#pragma once

// NCCL's operations between GPUs behind Collectives. The program is not linked to NCCL: the library
// is opened when a group asks for it, which is after LibTorch's CUDA half has brought it in.
#include <cstddef>
#include <memory>
#include <string>

#include "models/processes/engine.h"

namespace permafrost {

// The functions of nccl.h that are used, with the types of its binary interface.
struct Nccl {
  struct UniqueId {
    char bytes[128];
  };
  using Comm = void*;
  using Stream = void*;  // cudaStream_t
  using Result = int;    // 0: success

  Result (*get_version)(int* version) = nullptr;
  Result (*get_unique_id)(UniqueId* id) = nullptr;
  Result (*comm_init_rank)(Comm* comm, int ranks, UniqueId id, int rank) = nullptr;
  Result (*comm_destroy)(Comm comm) = nullptr;
  Result (*comm_abort)(Comm comm) = nullptr;
  const char* (*get_error_string)(Result result) = nullptr;
  Result (*broadcast)(const void* send, void* receive, std::size_t count, int type, int root,
                      Comm comm, Stream stream) = nullptr;
  Result (*all_reduce)(const void* send, void* receive, std::size_t count, int type, int op,
                       Comm comm, Stream stream) = nullptr;
  Result (*all_gather)(const void* send, void* receive, std::size_t count, int type, Comm comm,
                       Stream stream) = nullptr;
  Result (*send)(const void* send, std::size_t count, int type, int peer, Comm comm,
                 Stream stream) = nullptr;
  Result (*receive)(void* receive, std::size_t count, int type, int peer, Comm comm,
                    Stream stream) = nullptr;
  Result (*group_start)() = nullptr;
  Result (*group_end)() = nullptr;

  std::string version() const;  // "2.28.9"
  // Throws Error with what NCCL says where the result is not success.
  void require(Result result) const;
};

// $PERMAFROST_NCCL (a path, or "off"), else libnccl.so.2. Throws Error where it is not there, is
// turned off or lacks a function. It stays open until the process ends.
const Nccl& nccl();

// For all ranks, of which each has a GPU of its own, the current one. `id` is that which rank 0
// drew by new_nccl_id(). Returns when all have called it; throws Error with what NCCL says.
// Operations take contiguous tensors of that GPU, are queued on its current stream and do not wait.
std::string new_nccl_id();
std::unique_ptr<Collectives> nccl_collectives(const std::string& id, int rank, int ranks);

}  // namespace permafrost
