#pragma once

#include <cstddef>
#include <vector>

/** Where the motion is anchored in one picture, and how space stretches there. */
struct Keypoints {
  std::vector<float> value;     // (K, 2) points x, y in [-1, 1]
  std::vector<float> jacobian;  // (K, 2, 2) local derivatives, row by row; empty for models that only move

  std::size_t points() const { return value.size() / 2; }
};
