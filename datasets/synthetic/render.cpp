// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <vector>

#include "datasets/synthetic/scene.h"
#include "datasets/synthetic/wave.h"

namespace permafrost::synthetic {
namespace {

// One row of pixels, a plane a channel, values 0..1, with scratch space for the layers.
struct Row {
  explicit Row(int count)
      : width(count), r(n()), g(n()), b(n()), texture(n()), cover(n()), offset(n()) {}
  std::size_t n() const { return static_cast<std::size_t>(width); }
  int width;
  std::vector<float> r, g, b, texture, cover, offset;
};

struct Moment {
  float tau = 0;     // -1/2 .. 1/2
  float pixel = 0;   // width of a pixel in frame widths
  float height = 1;  // of the frame in frame widths
};

// What is left of the brightness.
float faded(const Fade& fade, float tau) {
  return fade.depth == 0 ? 1.0F : 1.0F - fade.depth * fraction(fade.phase - fade.rate * tau);
}

Rgb scaled(const Rgb& colour, float gain) {
  return {colour.r * gain, colour.g * gain, colour.b * gain};
}

void paint(const Rgb& low, const Rgb& high, bool covered, int begin, int end, Row& row) {
  const Rgb step{high.r - low.r, high.g - low.g, high.b - low.b};
  const float* texture = row.texture.data();
  if (!covered) {
    for (int i = begin; i < end; ++i) {
      row.r[static_cast<std::size_t>(i)] = low.r + texture[i] * step.r;
      row.g[static_cast<std::size_t>(i)] = low.g + texture[i] * step.g;
      row.b[static_cast<std::size_t>(i)] = low.b + texture[i] * step.b;
    }
    return;
  }
  float *r = row.r.data(), *g = row.g.data(), *b = row.b.data();
  const float* cover = row.cover.data();
  for (int i = begin; i < end; ++i) {
    r[i] += cover[i] * (low.r + texture[i] * step.r - r[i]);
    g[i] += cover[i] * (low.g + texture[i] * step.g - g[i]);
    b[i] += cover[i] * (low.b + texture[i] * step.b - b[i]);
  }
}

void draw_ground(const Scene& scene, const Moment& now, float y, Row& row) {
  const Pattern& p = scene.ground;
  const float x0 = 0.5F * now.pixel - (scene.ground_vx + scene.camera_vx) * now.tau;
  const float y0 = y - (scene.ground_vy + scene.camera_vy) * now.tau;
  const float u0 = p.cycles * (x0 * p.direction_x + y0 * p.direction_y) + p.phase_u;
  const float v0 = p.cycles * (y0 * p.direction_x - x0 * p.direction_y) + p.phase_v;
  pattern_row(p.kind, u0, v0, p.cycles * p.direction_x * now.pixel,
              -p.cycles * p.direction_y * now.pixel, row.width, row.texture.data());
  const float gain = faded(scene.ground_fade, now.tau);
  paint(scaled(p.low, gain), scaled(p.high, gain), false, 0, row.width, row);
}

// The object at one moment: centre, size, rotation and colours.
struct Pose {
  float x, y, radius, c, s;
  Rgb low, high;
};

Pose pose_of(const Object& object, const Scene& scene, float tau) {
  const Motion& m = object.motion;
  const float size = 1.0F - m.swell_depth * (m.swell != 0 ? fraction(m.swell_phase - m.swell * tau)
                                                          : m.swell_phase);
  const float turn = object.turn + m.spin * tau;
  float c = wave(turn + 0.25F), s = wave(turn);
  const float length = std::sqrt(c * c + s * s);
  const float gain = faded(object.fade, tau);
  return {.x = object.x + (m.vx + scene.camera_vx) * tau,
          .y = object.y + (m.vy + scene.camera_vy) * tau,
          .radius = object.radius * size,
          .c = c / length,
          .s = s / length,
          .low = scaled(object.pattern.low, gain),
          .high = scaled(object.pattern.high, gain)};
}

// Draws pixels [begin,end) whose distance from the centre along the row is x0 + i * pixel.
void draw_span(const Object& object, const Pose& pose, const Moment& now, float x0, float dy,
               int begin, int end, Row& row) {
  const float scale = 1.0F / pose.radius;
  const float first = x0 + static_cast<float>(begin) * now.pixel;
  const float lx = (pose.c * first + pose.s * dy) * scale;
  const float ly = (pose.c * dy - pose.s * first) * scale;
  const int count = end - begin;
  shape_row(object.shape, lx, ly, pose.c * now.pixel * scale, -pose.s * now.pixel * scale, count,
            row.cover.data() + begin);
  const float sharpness = pose.radius / now.pixel;
  for (int i = begin; i < end; ++i) {
    float& cover = row.cover[static_cast<std::size_t>(i)];
    cover = clamped(0.5F - cover * sharpness, 0.0F, 1.0F);
  }
  // The texture sticks to the object and grows with it.
  const Pattern& p = object.pattern;
  const float k = p.cycles * object.radius * scale;
  const float ax = pose.c * p.direction_x - pose.s * p.direction_y;
  const float ay = pose.s * p.direction_x + pose.c * p.direction_y;
  pattern_row(p.kind, k * (first * ax + dy * ay) + p.phase_u,
              k * (dy * ax - first * ay) + p.phase_v, k * ax * now.pixel, -k * ay * now.pixel,
              count, row.texture.data() + begin);
  paint(pose.low, pose.high, true, begin, end, row);
}

void draw_object(const Object& object, const Pose& pose, const Moment& now, float y, Row& row) {
  const float reach = kShapeReach * pose.radius + now.pixel;
  // The torus is as high as the frame; a distance is the nearest of the copies.
  const float dy = now.height * wrapped((y - pose.y * now.height) / now.height);
  if (dy > reach || dy < -reach) return;
  const float centre = fraction(pose.x);
  for (int copy = -1; copy <= 1; ++copy) {
    const float x0 = 0.5F * now.pixel - centre - static_cast<float>(copy);
    const int begin =
        static_cast<int>(clamped((-reach - x0) / now.pixel, 0.0F, static_cast<float>(row.width)));
    const int end = static_cast<int>(
        clamped((reach - x0) / now.pixel + 1.0F, 0.0F, static_cast<float>(row.width)));
    if (begin < end) draw_span(object, pose, now, x0, dy, begin, end, row);
  }
}

void draw_occluder(const Occluder& bar, const Moment& now, float y, Row& row) {
  if (!bar.present) return;
  for (int i = 0; i < row.width; ++i) {
    const float x = (static_cast<float>(i) + 0.5F) * now.pixel - 0.5F;
    const float distance =
        x * bar.direction_x + (y - 0.5F * now.height) * bar.direction_y - bar.offset;
    const float outside = (distance < 0 ? -distance : distance) - bar.half_width;
    row.cover[static_cast<std::size_t>(i)] = clamped(0.5F - outside / now.pixel, 0.0F, 1.0F);
    row.texture[static_cast<std::size_t>(i)] = 0.0F;
  }
  paint(bar.tint, bar.tint, true, 0, row.width, row);
}

// 32 well-mixed bits for one pixel (the "lowbias32" constants of C. Wellons).
std::uint32_t hashed(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x *= 0x846ca68bU;
  return x ^ (x >> 16);
}

std::uint8_t level(float value) {
  return static_cast<std::uint8_t>(clamped(value, 0.0F, 1.0F) * 255.0F + 0.5F);
}

void finish_row(const Scene& scene, const Moment& now, float y, std::uint32_t place, const Row& row,
                std::uint8_t* out) {
  const Lighting& light = scene.light;
  const float base = light.gain + light.drift * now.tau + light.slope_y * (y - 0.5F);
  const float amplitude = scene.noise / 511.5F;
  for (int i = 0; i < row.width; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const float gain = base + light.slope_x * ((static_cast<float>(i) + 0.5F) * now.pixel - 0.5F);
    const std::uint32_t bits = hashed(place + static_cast<std::uint32_t>(i) + scene.noise_key);
    const auto noise = [&](int shift) {
      return amplitude * (static_cast<float>(static_cast<int>((bits >> shift) & 1023U)) - 511.5F);
    };
    out[3 * k] = level(row.r[k] * gain + noise(0));
    out[3 * k + 1] = level(row.g[k] * gain + noise(10));
    out[3 * k + 2] = level(row.b[k] * gain + noise(20));
  }
}

void draw_frame(const Scene& scene, const Moment& now, int frame, const ClipShape& shape, Row& row,
                std::uint8_t* out) {
  const Pose main = pose_of(scene.main, scene, now.tau);
  const Pose distractor = pose_of(scene.distractor, scene, now.tau);
  for (int line = 0; line < shape.height; ++line) {
    const float y = (static_cast<float>(line) + 0.5F) * now.pixel;
    draw_ground(scene, now, y, row);
    draw_object(scene.distractor, distractor, now, y, row);
    draw_object(scene.main, main, now, y, row);
    draw_occluder(scene.occluder, now, y, row);
    const auto place = static_cast<std::uint32_t>((frame * 8192 + line) * 8192);
    finish_row(scene, now, y, place, row, out + static_cast<std::size_t>(line) * row.n() * 3);
  }
}

}  // namespace

Clip render(const Scene& scene, const ClipShape& shape) {
  Clip clip(shape);
  Row row(shape.width);
  Moment now;
  now.pixel = 1.0F / static_cast<float>(shape.width);
  now.height = static_cast<float>(shape.height) * now.pixel;
  for (int t = 0; t < shape.frames; ++t) {
    if (scene.still && t > 0) {
      std::memcpy(clip.frame(t), clip.frame(0), clip.frame_bytes());
      continue;
    }
    // Odd over even: exactly antisymmetric about the middle of the clip.
    if (!scene.still)
      now.tau = static_cast<float>(2 * t + 1 - shape.frames) / static_cast<float>(2 * shape.frames);
    draw_frame(scene, now, t, shape, row, clip.frame(t));
  }
  return clip;
}

}  // namespace permafrost::synthetic
