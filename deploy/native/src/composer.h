#pragma once

#include "canvas.h"
#include "picture.h"

/** Makes whole pictures of a face in motion, as `fom_core.compose` does: the picture's own pixels moved, the network's
 *  where it has none to show. Pixels outside the canvas are the picture's, bit for bit. */
class Composer {
 public:
  /** `crop` is where the face lies in the picture. */
  Composer(const Picture& picture, const Box& crop, const Canvas& canvas);

  /** The picture with this `flow` (see Follower) of its face, which the network paints like this. */
  Picture compose(const std::vector<float>& flow, const Picture& painted) const;

 private:
  void lay(Picture& frame, const std::vector<float>& flow, const Picture& painted) const;

  const Picture& picture_;
  Box crop_;
  const Canvas& canvas_;
};
