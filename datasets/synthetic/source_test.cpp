// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/error.h"
#include "common/files/hash.h"
#include "common/machine/parallel.h"

namespace permafrost::synthetic {
namespace source_test {

constexpr ClipShape kShape{8, 48, 48};

std::string hash_of_clips(int threads) {
  std::vector<std::string> hashes(96);
  parallel_for(96, threads, [&](std::int64_t i) {
    const auto task = static_cast<SyntheticTask>(i % 3);
    const auto split = i % 2 == 0 ? Split::train : Split::test;
    const Clip clip = render(draw_scene({task, split, i}), kShape);
    hashes[static_cast<std::size_t>(i)] =
        sha256_of({reinterpret_cast<const char*>(clip.pixels.data()), clip.pixels.size()});
  });
  Sha256 all;
  for (const auto& hash : hashes) all.add(hash);
  return all.hex();
}

TEST(SyntheticWorld, PixelsAreTheSameForAnyThreads) {
  const std::string one = hash_of_clips(1);
  EXPECT_EQ(hash_of_clips(2), one);
  EXPECT_EQ(hash_of_clips(7), one);
}

// A change of this value changes every published accuracy.
TEST(SyntheticWorld, PixelsAreThoseOfTheVersion) {
  EXPECT_EQ(hash_of_clips(2), "14b92a5c386571a8301e69cd4273719bb812c42994ca5e6dc1cf402ae13470b8");
}

TEST(SyntheticWorld, AnotherFrameCountShowsTheSameScene) {
  Scene scene = draw_scene({SyntheticTask::motion, Split::train, 5});
  scene.noise = 0;
  // Frames 0..2 of 3 stand at the times of frames 1, 4, 7 of 9.
  const Clip three = render(scene, {3, 32, 32}), nine = render(scene, {9, 32, 32});
  for (int t = 0; t < 3; ++t) {
    int largest = 0;
    for (std::size_t k = 0; k < three.frame_bytes(); ++k)
      largest = std::max(largest, std::abs(three.frame(t)[k] - nine.frame(3 * t + 1)[k]));
    EXPECT_LE(largest, 1) << "frame " << t;
  }
}

TEST(SyntheticWorld, ReversedTimeIsTheReversedScene) {
  for (std::int64_t i = 0; i < 32; ++i) {
    Scene scene = draw_scene({SyntheticTask::motion, Split::test, i});
    scene.noise = 0;
    const Scene back = reversed(scene, SyntheticTask::motion);
    const Clip forward = render(scene, kShape), backward = render(back, kShape);
    for (int t = 0; t < kShape.frames; ++t)
      ASSERT_TRUE(std::equal(forward.frame(t), forward.frame(t) + forward.frame_bytes(),
                             backward.frame(kShape.frames - 1 - t)))
          << "clip " << i << " frame " << t;
    EXPECT_NE(back.label, scene.label);
    EXPECT_EQ(back.label / 2, scene.label / 2) << "a pair differs only in the direction of time";
    EXPECT_EQ(reversed(back, SyntheticTask::motion).label, scene.label);
  }
}

TEST(SyntheticWorld, TrainAndTestTexturesAreDisjoint) {
  const auto band = [](float cycles) {  // of the object's texture: 4 bands of train and test halves
    const float place = (cycles - 6.0F) / 3.0F * 4.0F;
    return place - std::floor(place) < 0.5F;
  };
  for (std::int64_t i = 0; i < 500; ++i) {
    EXPECT_TRUE(band(draw_scene({SyntheticTask::object, Split::train, i}).main.pattern.cycles));
    EXPECT_FALSE(band(draw_scene({SyntheticTask::object, Split::test, i}).main.pattern.cycles));
  }
}

TEST(SyntheticWorld, StillImagesAreStillAndMovingOnesMove) {
  const Clip still = render(draw_scene({SyntheticTask::object, Split::train, 1}), kShape);
  EXPECT_TRUE(std::equal(still.frame(0), still.frame(1), still.frame(7)));
  const Clip moving = render(draw_scene({SyntheticTask::motion, Split::train, 1}), kShape);
  EXPECT_FALSE(std::equal(moving.frame(0), moving.frame(1), moving.frame(7)));
}

TEST(SyntheticWorld, AppearanceIsIndependentOfTheMotionLabel) {
  // Chi-square of (label, shape) and (label, texture) over 6,400 scenes, 49 degrees of freedom.
  std::array<std::array<int, 8>, 8> shapes{}, textures{};
  constexpr int kScenes = 6400;
  for (std::int64_t i = 0; i < kScenes; ++i) {
    const Scene scene = draw_scene({SyntheticTask::motion, Split::train, i});
    ++shapes[static_cast<std::size_t>(scene.label)][static_cast<std::size_t>(scene.main.shape)];
    ++textures[static_cast<std::size_t>(scene.label)]
              [static_cast<std::size_t>(scene.main.pattern.kind)];
  }
  for (const auto& table : {shapes, textures}) {
    double chi_square = 0;
    for (const auto& row : table)
      for (const int count : row)
        chi_square += std::pow(count - kScenes / 64.0, 2) / (kScenes / 64.0);
    EXPECT_LT(chi_square, 49 + 4 * std::sqrt(2.0 * 49));
  }
}

// As PixelsAreThoseOfTheVersion, for the tasks that came later.
TEST(SyntheticWorld, LaterTasksHaveTheirPixelsToo) {
  Sha256 all;
  for (const auto task :
       {SyntheticTask::scene, SyntheticTask::fine_grained, SyntheticTask::localised_action}) {
    for (std::int64_t i = 0; i < 16; ++i) {
      const Clip clip =
          render(draw_scene({task, i % 2 == 0 ? Split::train : Split::test, i}), kShape);
      all.add({reinterpret_cast<const char*>(clip.pixels.data()), clip.pixels.size()});
    }
  }
  EXPECT_EQ(all.hex(), "174290cd7731b6be8a4556db98088fd047147d267103ecb737c99fbea55661d1");
}

TEST(SyntheticWorld, TheLabelIsWhereTheTaskAsks) {
  for (std::int64_t i = 0; i < 24; ++i) {
    const Scene place = draw_scene({SyntheticTask::scene, Split::test, i});
    EXPECT_EQ(static_cast<int>(place.ground.kind), place.label);
    const Object animal = draw_scene({SyntheticTask::fine_grained, Split::test, i}).main;
    const Pattern& coat = animal.pattern;
    EXPECT_EQ(coat.kind, PatternKind::stripes);
    EXPECT_EQ(animal.shape,
              draw_scene({SyntheticTask::fine_grained, Split::train, i ^ 1}).main.shape)
        << "neighbours differ in their marks alone";
    double turn = std::atan2(coat.direction_y, coat.direction_x) / (2 * 3.141592653589793) * 4;
    if (turn < -1) turn += 4;  // a direction and its opposite draw the same stripes
    EXPECT_NEAR(turn, static_cast<double>(i % 2), 0.16);
  }
}

TEST(SyntheticWorld, TheBoxHoldsTheActorAndNotTheOther) {
  for (std::int64_t i = 0; i < 200; ++i) {
    const Scene scene = draw_scene({SyntheticTask::localised_action, Split::train, i});
    const Box box = box_of(scene, kShape);
    const Object &main = scene.main, &other = scene.distractor;
    EXPECT_GE(box.left, 0);
    EXPECT_LE(box.bottom, 1);
    EXPECT_LE(box.left, std::max(0.0F, main.x - main.radius * 0.99F));
    EXPECT_GE(box.right, std::min(1.0F, main.x + main.radius * 0.99F));
    EXPECT_FALSE(other.x > box.left && other.x < box.right && other.y > box.top &&
                 other.y < box.bottom);
  }
  const TaskSource boxed(SyntheticTask::localised_action, Split::train, 8, kShape);
  EXPECT_TRUE(boxed.target(3).box().has_value());
  EXPECT_FALSE(
      TaskSource(SyntheticTask::motion, Split::train, 8, kShape).target(3).box().has_value());
}

// What the second actor does says nothing about the label.
TEST(SyntheticWorld, TheSecondActorIsIndependentOfTheLabel) {
  std::array<std::array<int, 2>, 8> right{};
  for (std::int64_t i = 0; i < 6400; ++i) {
    const Scene scene = draw_scene({SyntheticTask::localised_action, Split::train, i});
    ++right[static_cast<std::size_t>(scene.label)][scene.distractor.motion.vx > 0.2F ? 1 : 0];
  }
  for (const auto& [no, yes] : right) EXPECT_NEAR(yes, 100, 4 * std::sqrt(100 * 7 / 8.0));
}

TEST(TaskSource, IsBalancedNamedAndWindowed) {
  const TaskSource source(SyntheticTask::motion, Split::test, 16, {2, 16, 16}, 100);
  EXPECT_EQ(source.name(3), "motion/test/103");
  EXPECT_EQ(source.label(3), 103 % 8);
  const Sample sample = source.read(3, 0, 1);
  EXPECT_EQ(sample.clip.pixels,
            render(draw_scene({SyntheticTask::motion, Split::test, 103}), {2, 16, 16}).pixels);
  const TaskSource longer(SyntheticTask::motion, Split::test, 17, {2, 16, 16}, 100);
  EXPECT_NE(source.identity(), longer.identity());
}

TEST(MixtureSource, TakesTurnsAmongTheWorldsBeyondTheProbes) {
  const MixtureSource source(30, {2, 16, 16});
  EXPECT_EQ(source.name(0), "mixture/appearance/1000000");
  EXPECT_EQ(source.name(4), "mixture/motion/1000001");
  EXPECT_EQ(source.label(4), -1);
  EXPECT_EQ(source.read(4, 0, 1).clip.pixels,
            render(draw_scene({SyntheticTask::motion, Split::train, 1000001}), {2, 16, 16}).pixels);
}

TEST(TaskNamed, KnowsItsTasks) {
  EXPECT_EQ(task_named("motion", "--task"), SyntheticTask::motion);
  EXPECT_THROW(task_named("motoin", "--task"), InputError);
}

}  // namespace source_test
}  // namespace permafrost::synthetic
