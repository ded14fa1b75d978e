#pragma once

#include <vector>

/** A displacement of a crop's pixels: (height, width, 2) in half sides. */
struct Displacement {
  std::vector<float> values;
  int width, height;
};

/** The same displacement without folds: it takes averages of its surroundings where it makes areas of the face small,
 *  det(I + ∇d) → 0, and where it turns those of anything inside out. */
Displacement unfolded(Displacement displacement);

/** How far the parts of a face move otherwise than one flat thing would: rms distance from the best affine map, in half
 *  sides; 0 where the displacement shows hardly anything of the face. */
double unlike_a_plane(const Displacement& displacement);

/** …cb|abc…yz|yx…: past the border the way back, the border's own value once. */
int mirrored(int at, int length);
