#pragma once

#include <array>
#include <vector>

#include "picture.h"

/** The geometry of one face's movement, the same in all frames; `fom_core.compose.canvas` for a face that is alone.
 *
 *  Places are in half sides of the face's crop, (u, v) from its middle: the crop is [-1, 1]². Distances from the middle
 *  are (|u|⁴ + |v|⁴)^¼, so that lines of equal distance are rounded squares. */
struct Canvas {
  Box rect;       // the pixels of the picture on which the face may move anything
  int left, top;  // the grid's first pixel: the grid is a cell larger than `rect` all around
  int cell;       // the side of a cell in pixels
  int columns, rows;
  std::vector<float> places;             // (rows, columns, 2) where the cells' middles lie
  std::vector<float> room;               // (rows, columns) how far a colour may come, in half sides: 0 on the rim
  std::vector<float> painted;            // (rows, columns) greatest share of the network's pixels
  std::vector<float> before_x, after_x;  // by column, how far colours may come from the left and right, in pixels
  std::vector<float> before_y, after_y;  // by row, from above and below
  std::array<double, 2> half;            // pixels in half a side of the crop, across and down

  std::size_t cells() const { return room.size(); }
};

/** The canvas of a face's crop in a picture of this size. */
Canvas canvas_of(const Box& crop, int width, int height);

/** Smoothly from 0 at `low` to 1 at `high`. */
double smooth_step(double value, double low, double high);
