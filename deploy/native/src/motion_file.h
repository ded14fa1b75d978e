#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "keypoints.h"

/** A performance as `fom motion` saves it. */
struct Motion {
  std::string model;  // whose keypoints these are; they mean nothing to another one
  double fps = 0;
  std::vector<Keypoints> frames;
  std::vector<bool> seen;            // for each frame, whether the performer's face is in it; empty where nobody looked
  std::optional<Keypoints> neutral;  // the pose at rest, where the file tells
};

/** Read a motion file (safetensors). Throws Failure for anything else, whatever its bytes say. */
Motion read_motion(const std::filesystem::path& path);
