"""Eyes, nose and mouth corners of training frames.

They never enter a network: they tell the loss where mouth and eyes are, the sampler which mouths differ, and
optionally where the first keypoints should settle.
"""

from __future__ import annotations

import numpy as np

from ...faces.detection import Detector

NO_FACE = np.full((5, 2), np.nan, dtype=np.float32)

MIRRORED = (1, 0, 2, 4, 3)
"""Order of the five points after a left-right flip: eyes swap, nose stays, mouth corners swap."""


def find_landmarks(picture: np.ndarray, detector: Detector) -> np.ndarray:
    """Right eye, left eye, nose, right and left mouth corner of the largest face of an (H, W, 3) uint8 picture.

    Returns (5, 2) points (x, y) in [-1, 1], or NaN where there is no face or the detector knows no landmarks.
    """
    found = [face for face in detector.detect(picture) if face.landmarks_px is not None]
    if not found:
        return NO_FACE
    largest = max(found, key=lambda face: (face.box_px[2] - face.box_px[0]) * (face.box_px[3] - face.box_px[1]))
    height, width = picture.shape[:2]
    points = np.array(largest.landmarks_px, dtype=np.float32)
    return 2 * points / np.array([width - 1, height - 1], dtype=np.float32) - 1
