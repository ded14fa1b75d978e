#pragma once

#include <vector>

#include "keypoints.h"
#include "motion_file.h"

constexpr double FADE_IN_S = 0.3;  // suits a motion that does not begin in the source's pose

/** Where a face's keypoints go during a whole performance, as `fom_core.motion.transfer_sequence` has it:
 *  relative motion from the performer's pose at rest (else their medoid), scaled by the size of the faces and by
 * `gain`. */
std::vector<Keypoints> transferred(const Keypoints& source, const Motion& driving, float gain,
                                   double fade_in_s = FADE_IN_S);
