// SPDX-License-Identifier: Apache-2.0
#pragma once

// Silhouettes as signed distances (negative inside), in units of the object's radius.
namespace permafrost::synthetic {

enum class ShapeKind { disc, square, triangle, cross, ring, crescent, bowtie, star };
inline constexpr int kShapes = 8;

// Distances of `count` points x = x0 + i*dx, y = y0 + i*dy. Every shape lies within radius 1.25.
void shape_row(ShapeKind kind, float x0, float y0, float dx, float dy, int count, float* out);
inline constexpr float kShapeReach = 1.25F;

const char* name_of(ShapeKind kind);

}  // namespace permafrost::synthetic
