"""Looking again: at a part of a picture, or at all of it turned."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from ..types import Box, FaceRegion
from .boxes import iou
from .detection import Detection, Detector, scaled_size
from .landmarks import without_points
from .regions import crop_face, crop_matrix, turn

LOOK_PX = 320  # side of the part that is looked at again
WIDER = 1.5  # of the face: what lies around tells it from other things
SAME = 0.4  # least overlap of the boxes when the same face is found again
VIEW_PX = 384  # longer side of the whole picture, turned
GREY = (127, 127, 127)


def second_look(
    picture: np.ndarray, detector: Detector, box: Box, roll_deg: float = 0.0, *, overlap: float = SAME
) -> Detection | None:
    """The same face as seen in the part around its box, turned upright; None where it is no face when seen like that.

    picture: (H, W, 3) uint8 RGB. box: before it is turned about its middle by ``roll_deg``. The face has what landmarks
    the detector itself knows.
    """
    x0, y0, x1, y1 = box
    middle_x, middle_y, reach = (x0 + x1) / 2, (y0 + y1) / 2, WIDER * max(x1 - x0, y1 - y0, 2.0) / 2
    if not (0 <= middle_x < picture.shape[1] and 0 <= middle_y < picture.shape[0]):
        return None
    crop = (middle_x - reach, middle_y - reach, middle_x + reach, middle_y + reach)
    region = FaceRegion(box, crop, score=1.0, id=0, frame_size=picture.shape[:2], roll_deg=roll_deg)
    found = without_points(detector).detect(crop_face(picture, region, (LOOK_PX, LOOK_PX)))
    half = np.array([x1 - x0, y1 - y0]) / (2 * reach) * LOOK_PX / 2
    wanted = np.concatenate([LOOK_PX / 2 - half, LOOK_PX / 2 + half])
    overlaps = iou(wanted, np.array([detection.box_px for detection in found]).reshape(-1, 4))
    same = [detection for detection, common in zip(found, overlaps, strict=True) if common >= overlap]
    if not same:
        return None
    best = max(same, key=lambda detection: detection.score)
    return seen_from(best, crop_matrix(region, (LOOK_PX, LOOK_PX)), roll_deg)


def looks_at_turned(picture: np.ndarray, detector: Detector, rolls_deg: tuple[float, ...]) -> Iterator[Detection]:
    """Heads that are upright when a small copy of the picture is turned back by one of these angles."""
    height, width = picture.shape[:2]
    scale = min(1.0, VIEW_PX / max(height, width))
    small = cv2.resize(picture, scaled_size(picture, scale), interpolation=cv2.INTER_AREA) if scale < 1 else picture
    half = np.array([0.5, 0.5])
    for roll in rolls_deg:
        view, matrix = _turned_view(small, roll)
        matrix[:, 2] = (matrix[:, 2] + half) * [width / small.shape[1], height / small.shape[0]] - half
        matrix[:, :2] *= np.array([[width / small.shape[1]], [height / small.shape[0]]])
        yield from (seen_from(detection, matrix, roll) for detection in detector.detect(view))


def seen_from(detection: Detection, matrix: np.ndarray, roll_deg: float) -> Detection:
    """A face of a view in the picture that the view shows, by the (2, 3) map from pixels of the view to the picture's.

    The scale is the same both ways; ``roll_deg`` is that of the map.
    """
    x0, y0, x1, y1 = detection.box_px
    middle = matrix @ [(x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2, 1.0] + 0.5
    half = np.array([x1 - x0, y1 - y0]) / 2 * float(np.hypot(matrix[0, 0], matrix[1, 0]))
    (left, top), (right, bottom) = (middle - half).tolist(), (middle + half).tolist()
    landmarks = detection.landmarks_px
    if landmarks is not None:
        points = np.column_stack([np.array(landmarks), np.ones(len(landmarks))]) @ matrix.T
        landmarks = tuple((float(x), float(y)) for x, y in points)
    return Detection((left, top, right, bottom), detection.score, landmarks, roll_deg)


def _turned_view(picture: np.ndarray, roll_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """The whole picture in a frame of its own, turned so that heads of this roll are upright; and the way back."""
    height, width = picture.shape[:2]
    rotation = turn(roll_deg, (0.0, 0.0))[:, :2]
    across, down = np.abs(rotation) @ [width, height]
    shrink = max(1.0, max(across, down) / VIEW_PX)
    size = max(1, round(across / shrink)), max(1, round(down / shrink))
    matrix = np.column_stack([rotation * shrink, np.zeros(2)])
    matrix[:, 2] = [(width - 1) / 2, (height - 1) / 2] - matrix[:, :2] @ [(size[0] - 1) / 2, (size[1] - 1) / 2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=GREY), matrix
