"""From a face's box to the rectangle that the model sees, and cutting that rectangle out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import cv2
import numpy as np

from ..errors import UsageError
from ..pictures import require_picture, resize_picture
from ..types import Box, FaceRegion, FaceSet
from .boxes import area, keep_best
from .detection import Detection, around

CropRule = Literal["square", "paddlegan", "box"]
MARGIN = 0.75  # the crop's side is 1.75 face sides, as in the crops that the embedded model was trained on
LIFT = 0.08  # the crop's centre is this share of a face side above the box's, to leave room for the hair
PADDLEGAN_WIDTH = 0.8  # of the height
OVERLAP = 0.5
ROOM_PX = 3  # bicubic reading needs a little of what lies around


def regions_from_boxes(
    boxes: Sequence[Sequence[float]] | np.ndarray,
    frame_size: tuple[int, int],
    crop: CropRule = "square",
    *,
    margin: float = MARGIN,
    scores: Sequence[float] | None = None,
    landmarks: Sequence[tuple[tuple[float, float], ...] | None] | None = None,
) -> FaceSet:
    """Give every face box (N, 4) of a frame of (height, width) its crop rectangle, one face per person.

    square:    of side (1 + ``margin``) times the longer side of the box; may reach past the border. Of boxes that
               overlap by more than half only the best-scored stays (without scores the largest); left to right.
    paddlegan: twice the box's longer side in height and 1.6 times in width, cut at the border, in whole pixels; of
               crops that overlap by more than half the first stays; the order is kept.
    box:       the box itself, for boxes drawn by hand; otherwise like square.
    Raises UsageError for another rule.
    """
    if crop not in get_args(CropRule):
        raise UsageError(f"The crop rule is one of {', '.join(get_args(CropRule))}, not {crop!r}.")
    array = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    if crop == "paddlegan":
        crops = [paddlegan_crop(box, frame_size) for box in array]
        kept = keep_best(np.array(crops).reshape(-1, 4), -np.arange(len(array)), OVERLAP)
    else:
        crops = [as_box(box) if crop == "box" else square_crop(box, margin) for box in array]
        quality = area(array) if scores is None else np.asarray(scores, dtype=np.float64)
        kept = sorted(keep_best(array, quality, OVERLAP), key=lambda index: array[index, 0] + array[index, 2])
    faces = tuple(
        FaceRegion(
            box_px=as_box(array[index]),
            crop_px=crops[index],
            score=1.0 if scores is None else float(scores[index]),
            id=order,
            frame_size=frame_size,
            landmarks_px=None if landmarks is None else landmarks[index],
        )
        for order, index in enumerate(kept)
    )
    return FaceSet(faces, frame_size)


def regions_from_detections(
    detections: Sequence[Detection], frame_size: tuple[int, int], crop: CropRule = "square", margin: float = MARGIN
) -> FaceSet:
    """The faces of a picture as a detector found them, left to right under either rule."""
    best_first = sorted(detections, key=lambda detection: -detection.score)
    boxes = [around(detection) for detection in best_first]
    found = regions_from_boxes(
        boxes,
        frame_size,
        crop,
        margin=margin,
        scores=[detection.score for detection in best_first],
        landmarks=[detection.landmarks_px for detection in best_first],
    )
    rolled = {box: face for box, face in zip(boxes, best_first, strict=True) if face.roll_deg}
    turned = [
        replace(face, crop_px=rolled_crop(rolled[face.box_px], crop, margin), roll_deg=rolled[face.box_px].roll_deg)
        if face.box_px in rolled
        else face
        for face in found
    ]
    ordered = sorted(turned, key=lambda face: face.box_px[0] + face.box_px[2])
    return FaceSet(tuple(replace(face, id=index) for index, face in enumerate(ordered)), frame_size)


def rolled_crop(face: Detection, crop: CropRule, margin: float) -> Box:
    """The crop of a rolled head before it is turned: as of an upright one, its middle moved along the roll.

    A crop that is not upright cannot be cut at the picture's border.
    """
    if crop == "box":
        return face.box_px
    x0, y0, x1, y1 = face.box_px
    if crop == "square":
        left, top, right, bottom = square_crop(face.box_px, margin)
    else:
        middle, reach = (round((x0 + x1) / 2), round((y0 + y1) / 2)), round(max(x1 - x0, y1 - y0))
        sideways = round(PADDLEGAN_WIDTH * reach)
        left, top, right, bottom = middle[0] - sideways, middle[1] - reach, middle[0] + sideways, middle[1] + reach
    turned = turn(face.roll_deg, ((x0 + x1) / 2, (y0 + y1) / 2))
    shift = turned @ [(left + right) / 2, (top + bottom) / 2, 1.0] - [(left + right) / 2, (top + bottom) / 2]
    across, down = (float(round(value)) for value in shift)
    return (left + across, top + down, right + across, bottom + down)


def whole_picture(frame_size: tuple[int, int]) -> FaceSet:
    """A picture of (height, width) as one region, for models that are not for faces."""
    height, width = frame_size
    return FaceSet.from_crops([(0, 0, width, height)], (height, width))


def square_crop(box: Sequence[float] | np.ndarray, margin: float = MARGIN) -> Box:
    """The square around a face box with head and shoulders, in whole pixels."""
    x0, y0, x1, y1 = (float(value) for value in box)
    face_side = max(x1 - x0, y1 - y0)
    side = max(2, round((1 + margin) * face_side))
    left = round((x0 + x1 - side) / 2)
    top = round((y0 + y1 - side) / 2 - LIFT * face_side)
    return (float(left), float(top), float(left + side), float(top + side))


def paddlegan_crop(box: Sequence[float] | np.ndarray, frame_size: tuple[int, int]) -> Box:
    """PaddleGAN's margin: as far from the middle as the box is long, and 0.8 of that sideways."""
    x0, y0, x1, y1 = (int(value) for value in box)
    reach = max(x1 - x0, y1 - y0)
    sideways = int(PADDLEGAN_WIDTH * reach)
    middle_x, middle_y = x0 + int((x1 - x0) / 2), y0 + int((y1 - y0) / 2)
    left, right = max(0, middle_x - sideways), min(frame_size[1], middle_x + sideways)
    top, bottom = max(0, middle_y - reach), min(frame_size[0], middle_y + reach)
    return (float(left), float(top), float(right), float(bottom))


def as_box(values: np.ndarray) -> Box:
    """Four numbers x0, y0, x1, y1 in pixels as plain floats."""
    x0, y0, x1, y1 = (float(value) for value in values)
    return (x0, y0, x1, y1)


def pixel_box(box: Box) -> tuple[int, int, int, int]:
    """A rectangle in whole pixels, at least one wide and high; cropping and pasting agree on it."""
    x0, y0, x1, y1 = (round(value) for value in box)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def crop_matrix(region: FaceRegion, size: tuple[int, int]) -> np.ndarray:
    """From pixels of a face's crop brought to ``size`` (height, width) to pixels of the picture: (2, 3) float64.

    Pixel centres are whole numbers, and sizes change as OpenCV resizes pictures. Without a roll it scales and shifts.
    """
    x0, y0, x1, y1 = pixel_box(region.crop_px)
    across, down = (x1 - x0) / size[1], (y1 - y0) / size[0]
    resized = np.array([[across, 0.0, (across - 1) / 2 + x0], [0.0, down, (down - 1) / 2 + y0]])
    if not region.roll_deg:
        return resized
    turned = turn(region.roll_deg, ((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2))
    return turned @ np.vstack([resized, [0.0, 0.0, 1.0]])


def turn(degrees: float, middle: tuple[float, float]) -> np.ndarray:
    """The (2, 3) map that turns a picture clockwise about a point; exact for quarter turns."""
    quarter, rest = divmod(degrees, 90)
    cos, sin = (1.0, 0.0) if not rest else (np.cos(np.radians(rest)), np.sin(np.radians(rest)))
    for _ in range(int(quarter) % 4):
        cos, sin = -sin, cos
    x, y = middle
    return np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y]])


def as_face_set(faces: FaceSet | FaceRegion | Sequence[FaceRegion], frame_size: tuple[int, int]) -> FaceSet:
    """One face or several as those of a picture of (height, width). Raises UsageError for anything else."""
    if isinstance(faces, FaceSet):
        return faces
    several = (faces,) if isinstance(faces, FaceRegion) else tuple(faces) if isinstance(faces, list | tuple) else None
    if several is None or not all(isinstance(face, FaceRegion) for face in several):
        raise UsageError(
            "Expected the faces of a picture, as fom_core.detect_faces gives them; found "
            f"{type(faces).__name__}. Boxes become faces by fom_core.regions_from_boxes."
        )
    return FaceSet(several, frame_size)


def crop_face(picture: np.ndarray, region: FaceRegion | Box, size: tuple[int, int] | int) -> np.ndarray:
    """Cut a face's crop out of a picture, reflected past the border, and bring it to (height, width): uint8 RGB.

    A rolled head comes out upright. One number is the side of a square.
    """
    require_picture(picture)
    size = (size, size) if isinstance(size, int) else size
    if isinstance(region, FaceRegion) and region.roll_deg:
        return np.ascontiguousarray(resize_picture(_upright(picture, region), size))
    x0, y0, x1, y1 = pixel_box(region.crop_px if isinstance(region, FaceRegion) else region)
    height, width = _check_meets(picture, (x0, y0, x1, y1))
    colour = to_rgb(picture[max(y0, 0) : y1, max(x0, 0) : x1])
    past = max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width)  # top, bottom, left, right
    if any(past):
        colour = cv2.copyMakeBorder(colour, *past, cv2.BORDER_REFLECT)
    return np.ascontiguousarray(resize_picture(colour, size))


def turned_box(region: FaceRegion) -> tuple[int, int, int, int]:
    """The smallest upright rectangle in whole pixels around a face's crop, turned where the head is rolled."""
    x0, y0, x1, y1 = pixel_box(region.crop_px)
    if not region.roll_deg:
        return x0, y0, x1, y1
    matrix = crop_matrix(region, (y1 - y0, x1 - x0))
    corners = np.array([(x, y, 1) for x in (-0.5, x1 - x0 - 0.5) for y in (-0.5, y1 - y0 - 0.5)]) @ matrix.T + 0.5
    low, high = np.floor(corners.min(axis=0) + 1e-6), np.ceil(corners.max(axis=0) - 1e-6)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _upright(picture: np.ndarray, region: FaceRegion) -> np.ndarray:
    """A rolled head's crop at its own resolution, turned upright."""
    x0, y0, x1, y1 = pixel_box(region.crop_px)
    left, top, right, bottom = turned_box(region)
    _check_meets(picture, (left, top, right, bottom))
    left, top = max(left - ROOM_PX, 0), max(top - ROOM_PX, 0)
    part = to_rgb(picture[top : bottom + ROOM_PX, left : right + ROOM_PX])
    matrix = crop_matrix(region, (y1 - y0, x1 - x0)) - [[0, 0, left], [0, 0, top]]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = x1 - x0, y1 - y0
    return cv2.warpAffine(np.ascontiguousarray(part), matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)


def _check_meets(picture: np.ndarray, rect: tuple[int, int, int, int]) -> tuple[int, int]:
    """(height, width) of the picture. Raises UsageError for a rectangle that shares no pixel with it."""
    height, width = picture.shape[:2]
    if rect[0] >= width or rect[1] >= height or rect[2] <= 0 or rect[3] <= 0:
        raise UsageError(f"The face crop {rect} lies outside the picture of {width}x{height} pixels.")
    return height, width


def with_alpha_or_rgb(picture: np.ndarray) -> np.ndarray:
    """A picture as its frames are: RGBA as it is, all others as RGB."""
    return picture if picture.ndim == 3 and picture.shape[2] == 4 else to_rgb(picture)


def to_rgb(picture: np.ndarray) -> np.ndarray:
    """The colours of a grey, RGB or RGBA picture: (H, W, 3)."""
    if picture.ndim == 2:
        picture = picture[..., None]
    return np.repeat(picture[..., :1], 3, axis=2) if picture.shape[2] < 3 else picture[..., :3]
