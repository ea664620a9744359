// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/needle_videos.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "common/random.h"

namespace permafrost {

const char* name_of(NeedleTask task) {
  switch (task) {
    case NeedleTask::needle_time:
      return "needle_time";
    case NeedleTask::count:
      return "count";
    case NeedleTask::needle:
      break;
  }
  return "needle";
}

int classes_of(NeedleTask task) {
  return task == NeedleTask::needle ? synthetic::kNeedleClasses
                                    : (task == NeedleTask::needle_time ? 10 : 4);
}

std::int64_t time_steps_of(NeedleTask task) { return task == NeedleTask::needle_time ? 20 : 1; }

std::int64_t held_out_needle(const HaystackSpec& spec) {
  return spec.train_needles * 9 / 10 / synthetic::kNeedleClasses * synthetic::kNeedleClasses;
}

std::int64_t held_out_hay(const HaystackSpec& spec) { return spec.train_hay * 3 / 4; }

std::int64_t clips_of(std::int64_t tokens, std::int64_t clip_tokens) {
  return std::max<std::int64_t>(1, (tokens + clip_tokens - 1) / clip_tokens);
}

std::int64_t hay_at(std::uint64_t seed, std::int64_t video, std::int64_t place, std::int64_t hay) {
  RandomStream stream({.seed = seed,
                       .purpose = "haystack.hay",
                       .epoch = static_cast<std::uint64_t>(video),
                       .sample = static_cast<std::uint64_t>(place)});
  return stream.integer(static_cast<std::uint32_t>(hay));
}

std::int64_t needle_place(const HaystackSpec& spec, std::int64_t video, std::int64_t clips,
                          int depth) {
  RandomStream stream({.seed = spec.training.seed,
                       .purpose = "haystack.place",
                       .sample = static_cast<std::uint64_t>(video)});
  const double share = (depth + static_cast<double>(stream.uniform())) / spec.depths;
  return std::min(clips - 1, static_cast<std::int64_t>(share * static_cast<double>(clips)));
}

int depth_in_turn(const HaystackSpec& spec, std::int64_t video) {
  return static_cast<int>((video / synthetic::kNeedleClasses + video) % spec.depths);
}

namespace {

int tenth_of(std::int64_t place, std::int64_t clips) {
  return static_cast<int>((2 * place + 1) * 10 / (2 * clips));
}

// How many needles video k has, of so many clips.
std::int64_t needles_in(NeedleTask task, std::int64_t video, std::int64_t clips) {
  return task == NeedleTask::count ? std::min(video % 4 + 1, clips) : 1;
}

// `first` and others, all different: `count` of them, at most as many as there are clips.
std::vector<std::int64_t> other_places(std::int64_t first, std::int64_t count, std::int64_t clips,
                                       RandomStream& stream) {
  std::vector<std::int64_t> places{first};
  while (static_cast<std::int64_t>(places.size()) < count) {
    const auto place =
        static_cast<std::int64_t>(stream.large_integer(static_cast<std::uint64_t>(clips)));
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  }
  return places;
}

}  // namespace

TestVideos::TestVideos(const HaystackSpec& spec, std::int64_t clips) : spec_(spec), clips_(clips) {
  hay_ = at::zeros({spec.needles, time_steps_of(spec.task), spec.hay}, at::kDouble);
  auto counts = hay_.accessor<double, 3>();
  for (std::int64_t v = 0; v < spec.needles; ++v)
    for (std::int64_t place = 0; place < clips; ++place)
      counts[v][step_of(place)][hay_at(spec.training.seed, v, place, spec.hay)] += 1;
}

std::int64_t TestVideos::step_of(std::int64_t place) const {
  return place * time_steps_of(spec_.task) / clips_;
}

int TestVideos::truth_of(std::int64_t video, int depth) const {
  if (spec_.task == NeedleTask::needle_time)
    return tenth_of(needle_place(spec_, video, clips_, depth), clips_);
  if (spec_.task == NeedleTask::count)
    return static_cast<int>(needles_in(spec_.task, video, clips_) - 1);
  return static_cast<int>(video % synthetic::kNeedleClasses);
}

std::vector<std::int64_t> TestVideos::needles_of(std::int64_t video) const {
  std::vector<std::int64_t> needles;
  for (std::int64_t k = 0; k < needles_in(spec_.task, video, clips_); ++k)
    needles.push_back((video + k) % spec_.needles);
  return needles;
}

std::vector<std::int64_t> TestVideos::places_of(std::int64_t video, int depth) const {
  RandomStream stream({.seed = spec_.training.seed,
                       .purpose = "haystack.more_places",
                       .epoch = static_cast<std::uint64_t>(clips_),
                       .sample = static_cast<std::uint64_t>(video)});
  return other_places(needle_place(spec_, video, clips_, depth),
                      needles_in(spec_.task, video, clips_), clips_, stream);
}

NeedleVideos TestVideos::at_depth(int depth) const {
  NeedleVideos out;
  out.videos.counts = at::constant_pad_nd(hay_, {0, spec_.needles});
  out.truth = at::empty({spec_.needles}, at::kLong);
  auto counts = out.videos.counts.accessor<double, 3>();
  for (std::int64_t v = 0; v < spec_.needles; ++v) {
    const auto places = places_of(v, depth), needles = needles_of(v);
    for (std::size_t k = 0; k < places.size(); ++k) {
      const std::int64_t step = step_of(places[k]);
      counts[v][step][hay_at(spec_.training.seed, v, places[k], spec_.hay)] -= 1;
      counts[v][step][spec_.hay + needles[k]] += 1;
    }
    out.truth[v] = truth_of(v, depth);
  }
  return out;
}

NeedleVideos TestVideos::without_needles() const {
  NeedleVideos out;
  out.videos.counts = at::constant_pad_nd(hay_, {0, spec_.needles});
  out.truth = at::empty({spec_.needles}, at::kLong);
  for (std::int64_t v = 0; v < spec_.needles; ++v)
    out.truth[v] = truth_of(v, static_cast<int>(v % spec_.depths));
  return out;
}

TrainVideos train_videos(const HaystackSpec& spec, const std::vector<std::int64_t>& lengths,
                         const TrainClips& from, std::uint64_t step) {
  RandomStream stream({.seed = spec.training.seed, .purpose = "haystack.train", .epoch = step});
  const std::int64_t batch = spec.batch, steps = time_steps_of(spec.task);
  TrainVideos out;
  for (int k = 0; k < spec.step_hay; ++k)
    out.hay.push_back(from.first_hay +
                      stream.integer(static_cast<std::uint32_t>(from.end_hay - from.first_hay)));
  for (std::int64_t k = 0; k < batch; ++k)
    out.needles.push_back(from.first_needle + stream.integer(static_cast<std::uint32_t>(
                                                  from.end_needle - from.first_needle)));
  out.videos.videos.counts = at::zeros({batch, steps, spec.step_hay + batch}, at::kDouble);
  out.videos.truth = at::empty({batch}, at::kLong);
  auto counts = out.videos.videos.counts.accessor<double, 3>();
  for (std::int64_t v = 0; v < batch; ++v) {
    const std::int64_t clips = lengths[static_cast<std::size_t>(v) % lengths.size()];
    const auto first =
        static_cast<std::int64_t>(stream.large_integer(static_cast<std::uint64_t>(clips)));
    // Which number of needles does not go with the length.
    const std::int64_t number =
        needles_in(spec.task, v / static_cast<std::int64_t>(lengths.size()), clips);
    const auto places = other_places(first, number, clips, stream);
    for (std::int64_t place = 0; place < clips; ++place)
      if (std::find(places.begin(), places.end(), place) == places.end())
        counts[v][place * steps / clips]
              [stream.integer(static_cast<std::uint32_t>(spec.step_hay))] += 1;
    for (std::size_t k = 0; k < places.size(); ++k)
      counts[v][places[k] * steps / clips]
            [spec.step_hay + (v + static_cast<std::int64_t>(k)) % batch] += 1;
    out.videos.truth[v] =
        spec.task == NeedleTask::needle_time ? tenth_of(first, clips)
        : spec.task == NeedleTask::count
            ? number - 1
            : out.needles[static_cast<std::size_t>(v)] % synthetic::kNeedleClasses;
  }
  return out;
}

}  // namespace permafrost
