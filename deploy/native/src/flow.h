#pragma once

#include <vector>

#include "canvas.h"

/** What a network tells of a moment beside the pixels. */
struct FlowMaps {
  std::vector<float> deformation;  // (height, width, 2) where colours come from, corner pixels at exactly -1 and 1
  std::vector<float> occlusion;    // (height, width) how much of the source is seen
  int width = 0, height = 0;
};

/** Follows a face's flow on its canvas, as `fom_core.compose.flow` does. */
class Follower {
 public:
  /** `still` is what the network tells of the source in its own pose, and so what "all seen" looks like; `unit` the
   * half sides of the crop by which a flow of 1 moves. */
  Follower(const Canvas& canvas, FlowMaps still, float unit);

  /** What becomes of the canvas: (rows, columns, 3), x and y in pixels and a share of the network's pixels.
   *
   *  The colour at p comes from p + (x, y); the network's pixels are laid over the source's own. */
  std::vector<float> follow(const FlowMaps& now) const;

 private:
  float hidden(const FlowMaps& now, float u, float v, float x, float y, float kept) const;

  const Canvas& canvas_;
  FlowMaps still_;
  float unit_;
};
