"""Where a face lies in a clip, so that a restorer sees it as it saw faces in training.

One place for the whole clip: following the landmarks from frame to frame would let their jitter into the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import NoFaceFound
from ..faces.detect import detect_faces
from ..faces.detection import Detector
from ..faces.points import five_of, standing_box
from ..faces.regions import crop_matrix, turn
from ..faces.selection import most_prominent
from ..types import FaceRegion

FACE_SIZE = 512  # pixels of the square that restorers see
LOOKS = 8  # frames that are searched for a face, before giving up

# Eyes, nose and mouth corners (x, y) in the aligned FFHQ pictures of 512 pixels, which all these restorers learnt from.
TEMPLATE = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
# The same points as shares of a face's box: medians of YuNet's on 79 upright faces. For detectors without landmarks.
IN_BOX = np.array([[0.27, 0.395], [0.74, 0.395], [0.515, 0.59], [0.295, 0.73], [0.71, 0.73]])


@dataclass(frozen=True)
class Alignment:
    """The way from a frame to the restorer's square: rotation, scale and shift.

    matrix: (2, 3), pixel (x, y) of the frame → pixel of the square; pixel centres are whole numbers.
    """

    matrix: np.ndarray

    @property
    def scale(self) -> float:
        """Pixels of the square for one pixel of the frame."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))


def align_to_template(landmarks_px: np.ndarray) -> Alignment:
    """Bring five points (5, 2) as near to the template as they go; an outlier, say of a turned head, is left aside.

    Raises NoFaceFound for points that fall into one.
    """
    matrix = cv2.estimateAffinePartial2D(landmarks_px, TEMPLATE, method=cv2.LMEDS)[0]  # as the GFPGAN package does it
    if matrix is None or not np.isfinite(matrix).all():
        raise NoFaceFound("Eyes, nose and mouth of the face fall into one point. Choose another picture or detector.")
    return Alignment(matrix)


def align_face(face: FaceRegion, crop_size: tuple[int, int] | None = None) -> Alignment:
    """The alignment in the picture that the face was found in, or in its crop brought to (height, width).

    Without landmarks they are estimated from the box, as of a head that is turned in the picture plane alone.
    """
    found = five_of(face.landmarks_px)
    points = estimated_landmarks(face) if found is None else found
    if crop_size is None:
        return align_to_template(points)
    to_picture = np.vstack([crop_matrix(face, crop_size), [0.0, 0.0, 1.0]])
    return align_to_template(np.column_stack([points, np.ones(len(points))]) @ np.linalg.inv(to_picture)[:2].T)


def estimated_landmarks(face: FaceRegion) -> np.ndarray:
    """Where eyes, nose and mouth corners probably lie in the picture: (5, 2)."""
    x0, y0, x1, y1 = standing_box(face)
    points = [x0, y0] + IN_BOX * [x1 - x0, y1 - y0]
    if not face.roll_deg:
        return points
    return np.column_stack([points, np.ones(len(points))]) @ turn(face.roll_deg, ((x0 + x1) / 2, (y0 + y1) / 2)).T


def find_alignment(frame: Callable[[int], np.ndarray], count: int, detector: Detector) -> Alignment:
    """The alignment of a clip's most prominent face, from the first frame; where that shows none, from a later one.

    frame: gives frame (H, W, 3) uint8 by its index. Raises NoFaceFound when none of the frames looked at shows a face.
    """
    for index in _spread(count):
        picture = frame(index)
        faces = detect_faces(picture, detector)
        if len(faces):
            return align_face(most_prominent(faces, picture, detector))
    raise NoFaceFound(
        f"No face to restore was found by the detector {detector.name} in any of {len(_spread(count))} frames "
        "looked at. Use pictures with a visible face, or another detector."
    )


def _spread(count: int) -> Sequence[int]:
    """Frames to look at: the first, then others all over the clip."""
    return sorted({int(index) for index in np.linspace(0, count - 1, min(count, LOOKS))})
