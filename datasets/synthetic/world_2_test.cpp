// SPDX-License-Identifier: Apache-2.0
// Version 2 of the world: fixed pixels, and labels that no nuisance gives away.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/files/hash.h"
#include "common/machine/parallel.h"
#include "datasets/synthetic/source.h"

namespace permafrost::synthetic {
namespace world_2_test {

constexpr ClipShape kShape{8, 48, 48};
constexpr SyntheticTask kTasks[] = {SyntheticTask::appearance,   SyntheticTask::motion,
                                    SyntheticTask::object,       SyntheticTask::scene,
                                    SyntheticTask::fine_grained, SyntheticTask::localised_action};

Scene scene_2(SyntheticTask task, Split split, std::int64_t index) {
  return draw_scene({task, split, index, 2});
}

std::string hash_of_clips(SyntheticTask task, int threads) {
  std::vector<std::string> hashes(16);
  parallel_for(16, threads, [&](std::int64_t i) {
    const Clip clip = render(scene_2(task, i % 2 == 0 ? Split::train : Split::test, i), kShape);
    hashes[static_cast<std::size_t>(i)] =
        sha256_of({reinterpret_cast<const char*>(clip.pixels.data()), clip.pixels.size()});
  });
  return sha256_of(std::accumulate(hashes.begin(), hashes.end(), std::string()));
}

// A change of one of these values changes every published accuracy of version 2.
TEST(World2, PixelsAreThoseOfTheVersion) {
  const std::string expected[] = {
      "c1cde4c990f1e387e9ffd64a77a4a45384b8974f312f0fdaec7e6b727c6019c1",
      "da0f91a8dbe56f0021d1cbe77cd63c99856fd067ed282cbe8e19e8752ab3255b",
      "22692ccb82b5fb5e7bf384fb9d89c285cf389190940922299954508a5c2e7a3d",
      "10ca6c2a11d232e5252f28f4254c8416ddda2e59f6c052c108e1f506ba3efa7b",
      "de21078c36117ee002989425cd4c91c96a33cee7871ce51e7cc604dd020230c7",
      "dd2ade495420b6ac6f8495a2d38f5ddb35d2181de4ed2624fd4fc6b6b8ac032c"};
  for (int i = 0; i < kSyntheticTasks; ++i)
    EXPECT_EQ(hash_of_clips(kTasks[i], 2), expected[i]) << name_of(kTasks[i]);
}

TEST(World2, PixelsAreTheSameForAnyThreads) {
  for (const auto task : kTasks) EXPECT_EQ(hash_of_clips(task, 5), hash_of_clips(task, 1));
}

TEST(World2, AnotherFrameCountAndSizeShowTheSameScene) {
  Scene scene = scene_2(SyntheticTask::localised_action, Split::train, 5);
  scene.noise = 0;
  // Frames 0..2 of 3 stand at the times of frames 1, 4, 7 of 9.
  const Clip three = render(scene, {3, 40, 32}), nine = render(scene, {9, 40, 32});
  for (int t = 0; t < 3; ++t) {
    int largest = 0;
    for (std::size_t k = 0; k < three.frame_bytes(); ++k)
      largest = std::max(largest, std::abs(three.frame(t)[k] - nine.frame(3 * t + 1)[k]));
    EXPECT_LE(largest, 1) << "frame " << t;
  }
}

TEST(World2, ReversedTimeIsTheReversedScene) {
  for (const auto task : {SyntheticTask::motion, SyntheticTask::localised_action}) {
    for (std::int64_t i = 0; i < 16; ++i) {
      Scene scene = scene_2(task, Split::test, i);
      scene.noise = 0;
      const Scene back = reversed(scene, task);
      const Clip forward = render(scene, kShape), backward = render(back, kShape);
      for (int t = 0; t < kShape.frames; ++t)
        ASSERT_TRUE(std::equal(forward.frame(t), forward.frame(t) + forward.frame_bytes(),
                               backward.frame(kShape.frames - 1 - t)))
            << name_of(task) << " clip " << i << " frame " << t;
      EXPECT_EQ(back.label, scene.label ^ 1) << "a pair differs only in the direction of time";
    }
  }
}

TEST(World2, LabelsAreBalancedAndWhereTheTaskAsks) {
  for (const auto task : kTasks)
    for (std::int64_t i = 0; i < 32; ++i)
      EXPECT_EQ(scene_2(task, Split::train, i).label, static_cast<int>(i % 8));
  for (std::int64_t i = 0; i < 32; ++i) {
    const int label = static_cast<int>(i % 8);
    const auto of = [&](SyntheticTask task) { return scene_2(task, Split::test, i); };
    EXPECT_EQ(static_cast<int>(of(SyntheticTask::appearance).main.pattern.kind), label);
    EXPECT_EQ(static_cast<int>(of(SyntheticTask::object).main.shape), label);
    EXPECT_EQ(static_cast<int>(of(SyntheticTask::scene).ground.kind), label);
    const Scene animal = of(SyntheticTask::fine_grained);
    constexpr ShapeKind kBodies[] = {ShapeKind::disc, ShapeKind::triangle, ShapeKind::cross,
                                     ShapeKind::crescent};
    EXPECT_EQ(animal.main.shape, kBodies[label / 2]);
    const Pattern& coat = animal.main.pattern;
    EXPECT_EQ(std::abs(coat.direction_y) > std::abs(coat.direction_x), label % 2 == 1);
    const Motion motion = of(SyntheticTask::motion).main.motion;
    EXPECT_EQ(motion.vx > 0.2F, label == static_cast<int>(MotionKind::right));
    EXPECT_EQ(motion.swell < 0, label == static_cast<int>(MotionKind::deflate));
  }
}

// What is drawn beside the label, as numbers. A task leaves out what its label is made of.
struct Nuisance {
  const char* name;
  double (*value)(const Scene&);
  std::vector<SyntheticTask> not_of = {};
};

const std::vector<Nuisance>& nuisances() {
  using enum SyntheticTask;
  static const std::vector<Nuisance> all = {
      {"shape",
       [](const Scene& s) { return static_cast<double>(s.main.shape); },
       {object, fine_grained}},
      {"texture",
       [](const Scene& s) { return static_cast<double>(s.main.pattern.kind); },
       {appearance, fine_grained}},
      {"ground", [](const Scene& s) { return static_cast<double>(s.ground.kind); }, {scene}},
      {"texture of the other",
       [](const Scene& s) { return static_cast<double>(s.distractor.pattern.kind); }},
      {"shape of the other",
       [](const Scene& s) { return static_cast<double>(s.distractor.shape); }},
      {"x", [](const Scene& s) { return static_cast<double>(s.main.x); }},
      {"y", [](const Scene& s) { return static_cast<double>(s.main.y); }},
      {"size", [](const Scene& s) { return static_cast<double>(s.main.radius); }},
      {"turn", [](const Scene& s) { return static_cast<double>(s.main.turn); }},
      {"scale", [](const Scene& s) { return static_cast<double>(s.main.pattern.cycles); }},
      {"phase", [](const Scene& s) { return static_cast<double>(s.main.pattern.phase_u); }},
      {"direction",
       [](const Scene& s) { return static_cast<double>(s.main.pattern.direction_x); },
       {fine_grained}},
      {"red", [](const Scene& s) { return static_cast<double>(s.main.pattern.low.r); }},
      {"blue", [](const Scene& s) { return static_cast<double>(s.main.pattern.high.b); }},
      {"ground's scale", [](const Scene& s) { return static_cast<double>(s.ground.cycles); }},
      {"ground's direction",
       [](const Scene& s) { return static_cast<double>(s.ground.direction_x); }},
      {"polarity of the ground",
       [](const Scene& s) { return static_cast<double>(s.ground.low.g > s.ground.high.g); }},
      {"ground's motion", [](const Scene& s) { return static_cast<double>(s.ground_vx); }},
      {"camera", [](const Scene& s) { return static_cast<double>(s.camera_vy); }},
      {"motion of the other",
       [](const Scene& s) { return static_cast<double>(s.distractor.motion.vx); }},
      {"swelling of the other",
       [](const Scene& s) { return static_cast<double>(s.distractor.motion.swell); }},
      {"size's phase",
       [](const Scene& s) { return static_cast<double>(s.main.motion.swell_phase); }},
      {"fading", [](const Scene& s) { return static_cast<double>(s.main.fade.rate); }},
      {"fading of the ground",
       [](const Scene& s) { return static_cast<double>(s.ground_fade.rate); }},
      {"gain", [](const Scene& s) { return static_cast<double>(s.light.gain); }},
      {"slope", [](const Scene& s) { return static_cast<double>(s.light.slope_x); }},
      {"drift", [](const Scene& s) { return static_cast<double>(s.light.drift); }},
  };
  return all;
}

// Chi-square of label against the value, cut in at most eight parts of about equal size, minus its
// degrees of freedom, in standard deviations of that.
double dependence(const std::vector<int>& labels, const std::vector<double>& values) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> cuts;
  for (std::size_t k = 1; k < 8; ++k) cuts.push_back(sorted[k * sorted.size() / 8]);
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  std::array<std::array<double, 8>, 8> table{};
  std::array<double, 8> columns{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto part = static_cast<std::size_t>(
        std::upper_bound(cuts.begin(), cuts.end(), values[i]) - cuts.begin());
    ++table[static_cast<std::size_t>(labels[i])][part];
    ++columns[part];
  }
  double chi_square = 0;
  int parts = 0;
  for (std::size_t part = 0; part < 8; ++part) {
    if (columns[part] == 0) continue;
    ++parts;
    for (const auto& row : table)
      chi_square += std::pow(row[part] - columns[part] / 8, 2) / (columns[part] / 8);
  }
  const double freedom = 7.0 * (parts - 1);
  return freedom == 0 ? 0 : (chi_square - freedom) / std::sqrt(2 * freedom);
}

TEST(World2, NoNuisanceGivesTheLabelAway) {
  constexpr std::int64_t kScenes = 4000;
  for (const auto task : kTasks) {
    std::vector<Scene> scenes;
    std::vector<int> labels;
    for (std::int64_t i = 0; i < kScenes; ++i) {
      scenes.push_back(scene_2(task, Split::train, i));
      labels.push_back(scenes.back().label);
    }
    for (const auto& nuisance : nuisances()) {
      if (std::count(nuisance.not_of.begin(), nuisance.not_of.end(), task) > 0) continue;
      std::vector<double> values;
      for (const auto& scene : scenes) values.push_back(nuisance.value(scene));
      EXPECT_LT(dependence(labels, values), 4.5) << name_of(task) << ": " << nuisance.name;
    }
  }
}

// The measure above finds what it looks for.
TEST(World2, TheLabelGivesItselfAway) {
  std::vector<int> labels;
  std::vector<double> shapes;
  for (std::int64_t i = 0; i < 800; ++i) {
    const Scene scene = scene_2(SyntheticTask::object, Split::train, i);
    labels.push_back(scene.label);
    shapes.push_back(static_cast<double>(scene.main.shape));
  }
  EXPECT_GT(dependence(labels, shapes), 100);
}

TEST(World2, TrainAndTestTexturesAreDisjoint) {
  const auto band = [](float cycles) {  // of the object's texture: 4 bands of train and test halves
    const float place = (cycles - 6.0F) / 3.0F * 4.0F;
    return place - std::floor(place) < 0.5F;
  };
  for (const auto task : kTasks) {
    for (std::int64_t i = 0; i < 100; ++i) {
      EXPECT_TRUE(band(scene_2(task, Split::train, i).main.pattern.cycles));
      EXPECT_FALSE(band(scene_2(task, Split::test, i).main.pattern.cycles));
    }
  }
}

TEST(World2, TheBoxHoldsTheActorAndNotTheOther) {
  for (std::int64_t i = 0; i < 200; ++i) {
    const Scene scene = scene_2(SyntheticTask::localised_action, Split::train, i);
    const Box box = box_of(scene, kShape);
    const Object &main = scene.main, &other = scene.distractor;
    EXPECT_LE(box.left, std::max(0.0F, main.x - main.radius * 0.99F));
    EXPECT_GE(box.right, std::min(1.0F, main.x + main.radius * 0.99F));
    EXPECT_FALSE(other.x > box.left && other.x < box.right && other.y > box.top &&
                 other.y < box.bottom);
  }
}

TEST(World2, ASourceOfTheVersionShowsItAndSaysSo) {
  const TaskSource first(SyntheticTask::motion, Split::test, 16, {2, 16, 16});
  const TaskSource second(SyntheticTask::motion, Split::test, 16, {2, 16, 16}, 0, 2);
  EXPECT_NE(second.identity(), first.identity());
  EXPECT_EQ(second.read(3, 0, 1).clip.pixels,
            render(scene_2(SyntheticTask::motion, Split::test, 3), {2, 16, 16}).pixels);
  EXPECT_NE(second.read(3, 0, 1).clip.pixels, first.read(3, 0, 1).clip.pixels);
  const TaskSource boxed(SyntheticTask::localised_action, Split::train, 8, kShape, 0, 2);
  EXPECT_EQ(boxed.target(3).box()->left,
            box_of(scene_2(SyntheticTask::localised_action, Split::train, 3), kShape).left);
}

TEST(World2, PretrainingSeesAllTasksBeyondTheProbesAndFilmsTheStillOnes) {
  const MixtureSource source(200, {4, 16, 16}, 2);
  EXPECT_NE(source.identity(), MixtureSource(200, {4, 16, 16}).identity());
  EXPECT_EQ(source.name(0), "mixture/appearance/1000000");
  EXPECT_EQ(source.name(11), "mixture/localised_action/1000001");
  const auto moves = [&](std::int64_t index) {
    const Clip clip = source.read(index, 0, 1).clip;
    return !std::equal(clip.frame(0), clip.frame(1), clip.frame(3));
  };
  constexpr auto kObject = static_cast<std::int64_t>(SyntheticTask::object);
  for (std::int64_t round = 0; round < 32; ++round) {
    EXPECT_EQ(moves(round * kSyntheticTasks + kObject), (1'000'000 + round) % 16 >= 8);
    EXPECT_TRUE(moves(round * kSyntheticTasks + 1));
  }
}

}  // namespace world_2_test
}  // namespace permafrost::synthetic
