// SPDX-License-Identifier: Apache-2.0
// A library with NCCL's names, for ranks that are threads of one process and devices whose memory
// is the host's (shadow_device.h). An operation returns when all ranks have called it.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

struct UniqueId {
  char bytes[128];
};

struct Piece {
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t bytes = 0;
  int peer = 0;
};

// What all ranks of a communicator share.
struct Meeting {
  explicit Meeting(int count) : ranks(count), pieces(static_cast<std::size_t>(count)) {}
  // Until all ranks are here.
  void meet() {
    std::unique_lock lock(mutex);
    const int mine = round;
    if (++here == ranks) {
      here = 0;
      ++round;
      all_here.notify_all();
    } else {
      all_here.wait(lock, [&] { return round != mine; });
    }
  }
  int ranks, here = 0, round = 0;
  std::mutex mutex;
  std::condition_variable all_here;
  std::vector<std::vector<Piece>> pieces;  // of each rank
};

struct Comm {
  std::shared_ptr<Meeting> meeting;
  int rank = 0;
};

std::mutex meetings_mutex;
std::map<std::string, std::shared_ptr<Meeting>> meetings;
thread_local std::vector<Piece> sends, receives;  // of the group that is open
thread_local Comm* grouped = nullptr;

std::size_t size_of(int type) {
  switch (type) {
    case 1:
      return 1;
    case 4:
    case 8:
      return 8;
    case 7:
      return 4;
    default:
      return 2;
  }
}

// The ranks' pieces, seen by each between two meetings.
template <typename Read>
void together(Comm* comm, std::vector<Piece> mine, const Read& read) {
  Meeting& meeting = *comm->meeting;
  meeting.pieces[static_cast<std::size_t>(comm->rank)] = std::move(mine);
  meeting.meet();
  read(meeting.pieces);
  meeting.meet();
}

float bfloat16(const void* at) {
  unsigned short half = 0;
  std::memcpy(&half, at, 2);
  const unsigned bits = static_cast<unsigned>(half) << 16;
  float value = 0;
  std::memcpy(&value, &bits, 4);
  return value;
}

double number_at(const void* values, std::size_t i, int type) {
  const char* at = static_cast<const char*>(values) + i * size_of(type);
  if (type == 7) return *reinterpret_cast<const float*>(at);
  if (type == 8) return *reinterpret_cast<const double*>(at);
  return bfloat16(at);
}

void store(void* values, std::size_t i, int type, double number) {
  char* at = static_cast<char*>(values) + i * size_of(type);
  const auto value = static_cast<float>(number);
  if (type == 7) std::memcpy(at, &value, 4);
  if (type == 8) std::memcpy(at, &number, 8);
  if (type == 9) {  // rounded towards zero
    unsigned bits = 0;
    std::memcpy(&bits, &value, 4);
    const auto half = static_cast<unsigned short>(bits >> 16);
    std::memcpy(at, &half, 2);
  }
}

}  // namespace

extern "C" {

int ncclGetVersion(int* version) {
  *version = 10203;
  return 0;
}

int ncclGetUniqueId(UniqueId* id) {
  static std::atomic<int> count{0};
  std::memset(id->bytes, 0, sizeof id->bytes);
  const std::string text = "meeting " + std::to_string(++count);
  std::memcpy(id->bytes, text.data(), text.size());
  return 0;
}

int ncclCommInitRank(void** comm, int ranks, UniqueId id, int rank) {
  if (std::getenv("FAKE_NCCL_FAILS") != nullptr) return 2;
  auto* mine = new Comm{.meeting = nullptr, .rank = rank};
  {
    const std::lock_guard lock(meetings_mutex);
    auto& meeting = meetings[std::string(id.bytes, sizeof id.bytes)];
    if (!meeting) meeting = std::make_shared<Meeting>(ranks);
    mine->meeting = meeting;
  }
  mine->meeting->meet();
  *comm = mine;
  return 0;
}

int ncclCommDestroy(void* comm) {
  delete static_cast<Comm*>(comm);
  return 0;
}
int ncclCommAbort(void* comm) { return ncclCommDestroy(comm); }
const char* ncclGetErrorString(int) { return "unhandled system error"; }

int ncclBroadcast(const void* send, void* receive, std::size_t count, int type, int root,
                  void* comm, void*) {
  together(static_cast<Comm*>(comm), {{.from = send}}, [&](const auto& pieces) {
    const void* from = pieces[static_cast<std::size_t>(root)][0].from;
    if (from != receive) std::memcpy(receive, from, count * size_of(type));
  });
  return 0;
}

int ncclAllReduce(const void* send, void* receive, std::size_t count, int type, int, void* comm,
                  void*) {
  const auto* bytes = static_cast<const char*>(send);
  const std::vector<char> copy(bytes, bytes + count * size_of(type));  // it may be in place
  together(static_cast<Comm*>(comm), {{.from = copy.data()}}, [&](const auto& pieces) {
    for (std::size_t i = 0; i < count; ++i) {
      double sum = 0;
      for (const auto& rank : pieces) sum += number_at(rank[0].from, i, type);
      store(receive, i, type, sum);
    }
  });
  return 0;
}

int ncclAllGather(const void* send, void* receive, std::size_t count, int type, void* comm, void*) {
  together(static_cast<Comm*>(comm), {{.from = send}}, [&](const auto& pieces) {
    auto* to = static_cast<char*>(receive);
    for (const auto& rank : pieces) {
      std::memcpy(to, rank[0].from, count * size_of(type));
      to += count * size_of(type);
    }
  });
  return 0;
}

int ncclGroupStart() {
  sends.clear();
  receives.clear();
  return 0;
}

int ncclSend(const void* send, std::size_t count, int type, int peer, void* comm, void*) {
  grouped = static_cast<Comm*>(comm);
  sends.push_back({.from = send, .bytes = count * size_of(type), .peer = peer});
  return 0;
}

int ncclRecv(void* receive, std::size_t count, int type, int peer, void* comm, void*) {
  grouped = static_cast<Comm*>(comm);
  receives.push_back({.to = receive, .bytes = count * size_of(type), .peer = peer});
  return 0;
}

int ncclGroupEnd() {
  const int mine = grouped->rank;
  together(grouped, sends, [&](const auto& pieces) {
    for (const Piece& wanted : receives)
      for (const Piece& sent : pieces[static_cast<std::size_t>(wanted.peer)])
        if (sent.peer == mine)
          std::memcpy(wanted.to, sent.from, std::min(wanted.bytes, sent.bytes));
  });
  return 0;
}

}  // extern "C"
