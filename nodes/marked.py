"""Faces that other nodes marked: MASK, Impact Pack's SEGS, KJNodes' BBOX, and points."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from ..fom_core.errors import UsageError
from ..fom_core.faces.regions import crop_face, pixel_box
from ..fom_core.faces.selection import picked
from ..fom_core.types import Box, FaceRegion, FaceSet

log = logging.getLogger(__name__)
FORMATS = AUTO, XYWH, XYXY = ("auto", "xywh", "xyxy")
Marks = list[list[dict[str, Any]]]
"""Of each picture, its boxes as ComfyUI's BOUNDING_BOX has them, with the ``mask`` (H, W) uint8 where there is one."""


def marked_boxes(value: Any, count: int, size: tuple[int, int], box_format: str = AUTO) -> Marks:
    """What is marked in ``count`` pictures of ``size`` (height, width). Raises UsageError for what does not fit.

    value: a MASK (N, H, W); SEGS, ((height, width), segments); or BBOX, four numbers, a list of them, or one a picture.
    """
    if isinstance(value, Tensor) and value.ndim in (2, 3) and value.shape[-1] != 4:
        return boxes_of_masks(value, count, size)
    if is_segs(value):
        return [boxes_of_segments(value, size)] * count
    return boxes_of_numbers(value, count, size, box_format)


def boxes_of_masks(masks: Tensor, count: int, size: tuple[int, int]) -> Marks:
    """One mask for a picture marks a face with every spot that stands alone; of several, each marks one face."""
    several = (masks if masks.ndim == 3 else masks[None]).float().cpu().numpy()
    if several.any():
        tell_of_stretching((several.shape[1], several.shape[2]), size)
    pictures = [fitting(mask, size) for mask in several]
    if len(pictures) == 1:
        return [list(spots(pictures[0]))] * count
    if count == 1:
        return [[boxed(mask) for mask in pictures if mask.any()]]
    if len(pictures) != count:
        raise UsageError(
            f"There are {len(pictures)} masks for {count} pictures. Connect one mask for all, one a picture, or, with "
            "a single picture, one a face."
        )
    return [list(spots(mask)) for mask in pictures]


def boxes_of_segments(segs: Any, size: tuple[int, int]) -> list[dict[str, Any]]:
    """One face a segment, scored with its confidence."""
    (height, width), segments = segs
    tell_of_stretching((height, width), size)
    across, down = size[1] / width, size[0] / height
    found = []
    for segment in segments:
        x0, y0, x1, y1 = (float(edge) for edge in segment.bbox)
        box = {"x": x0 * across, "y": y0 * down, "width": (x1 - x0) * across, "height": (y1 - y0) * down}
        confidence = np.ravel(1.0 if segment.confidence is None else segment.confidence)
        mask = None if segment.cropped_mask is None else fitting(whole_mask(segment, height, width), size)
        found.append(box | {"score": float(confidence[0]), "mask": mask})
    return found


def whole_mask(segment: Any, height: int, width: int) -> np.ndarray:
    """A segment's mask in its picture: (height, width)."""
    whole = np.zeros((height, width), np.float32)
    x0, y0, x1, y1 = (int(edge) for edge in segment.crop_region)
    part = segment.cropped_mask
    part = np.asarray(part.cpu() if isinstance(part, Tensor) else part, np.float32)
    while part.ndim > 2:  # of several frames
        part = part.max(axis=0)
    whole[y0:y1, x0:x1] = part[: y1 - y0, : x1 - x0]
    return whole


def boxes_of_numbers(value: Any, count: int, size: tuple[int, int], box_format: str) -> Marks:
    """BBOX as it comes: a box, a list of boxes, or a list for each picture."""
    nested = value.tolist() if isinstance(value, (Tensor, np.ndarray)) else value
    if is_box(nested):
        nested = [nested]
    if not isinstance(nested, (list, tuple)) or not nested:
        raise UsageError("marked_faces must be a MASK, SEGS, or BBOX: boxes of four numbers.")
    lists = [nested] if all(map(is_box, nested)) else list(nested)
    if not all(isinstance(each, (list, tuple)) and all(map(is_box, each)) for each in lists):
        raise UsageError("A BBOX has four numbers: x, y, width and height, or the corners' x, y, x, y.")
    if len(lists) not in (1, count):
        raise UsageError(
            f"There are boxes for {len(lists)} pictures, but {count} pictures. Connect what belongs together."
        )
    rows = [[[float(number) for number in box] for box in boxes] for boxes in lists]
    corners = box_format == XYXY or (box_format == AUTO and are_corners([box for boxes in rows for box in boxes], size))
    found = [[as_dict(box, corners) for box in boxes] for boxes in rows]
    return found * count if len(found) == 1 else found


def is_segs(value: Any) -> bool:
    """Whether it is ((height, width), segments)."""
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not isinstance(value[1], (tuple, list)):
        return False
    size, segments = value
    return isinstance(size, (tuple, list)) and len(size) == 2 and all(hasattr(each, "bbox") for each in segments)


def is_box(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 4 and all(isinstance(number, Real) for number in value)


def are_corners(boxes: Sequence[Sequence[float]], size: tuple[int, int]) -> bool:
    """Whether boxes can only be corners: as x, y, width and height one of them would pass the picture's border."""
    height, width = size
    return all(x1 > x0 and y1 > y0 for x0, y0, x1, y1 in boxes) and any(
        x + w > width or y + h > height for x, y, w, h in boxes
    )


def as_dict(box: Sequence[float], corners: bool) -> dict[str, Any]:
    x, y, w, h = box
    return {"x": x, "y": y, "width": w - x if corners else w, "height": h - y if corners else h}


def tell_of_stretching(marked: tuple[int, int], size: tuple[int, int]) -> None:
    """Log where what is marked was drawn on another shape (height, width) than the picture's, a rounded pixel aside."""
    (height, width), (high, wide) = marked, size
    if abs(height * wide / high - width) > 1 and abs(width * high / wide - height) > 1:
        log.warning(
            "marked_faces was drawn on %dx%d pixels and the picture has %dx%d, another shape: it is stretched, and may "
            "miss the faces. Draw it on this picture, or crop both alike.", width, height, wide, high,
        )  # fmt: skip


def fitting(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) in [0, 1] → (height, width) uint8, 255 where it is more than half."""
    return cv2.resize((mask > 0.5).astype(np.uint8) * 255, size[::-1], interpolation=cv2.INTER_NEAREST)


def spots(mask: np.ndarray) -> Iterator[dict[str, Any]]:
    """What stands alone in a mask, each with a mask of its own."""
    count, labels = cv2.connectedComponents(mask)
    for label in range(1, count):
        yield boxed((labels == label).astype(np.uint8) * 255)


def boxed(mask: np.ndarray) -> dict[str, Any]:
    x, y, width, height = cv2.boundingRect(mask)
    return {"x": x, "y": y, "width": width, "height": height, "mask": mask}


def masks_by_box(boxes: Sequence[dict[str, Any]]) -> dict[Box, np.ndarray]:
    """The masks of a picture's boxes, by corners, as faces have them."""
    return {
        (float(box["x"]), float(box["y"]), float(box["x"] + box["width"]), float(box["y"] + box["height"])): box["mask"]
        for box in boxes
        if box.get("mask") is not None
    }


def mask_of(face: FaceRegion, mask: np.ndarray | None) -> np.ndarray:
    """What is marked of a face's crop, or its box: (h, w) float32 of the crop's size."""
    if mask is None:
        mask = np.zeros(face.frame_size, np.uint8)
        x0, y0, x1, y1 = pixel_box(face.box_px)
        cv2.rectangle(mask, (x0, y0), (x1 - 1, y1 - 1), 255, -1)
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    return crop_face(mask[..., None], face, (y1 - y0, x1 - x0))[..., 0].astype(np.float32) / 255


def points_of(text: str) -> list[tuple[float, float]]:
    """Points as SAM and KJNodes' Points Editor pass them: JSON, [{"x": …, "y": …}, …]. Raises UsageError."""
    try:
        found = json.loads(text) if text.strip() else []
        pairs = [(each["x"], each["y"]) if isinstance(each, dict) else (each[0], each[1]) for each in found]
        return [(float(x), float(y)) for x, y in pairs]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise UsageError(
            f'points are pixels in JSON, such as [{{"x": 120, "y": 80}}]; found {text[:60]!r}. Connect the coordinates '
            "of a points editor."
        ) from error


def pointed_at(found: Sequence[FaceSet], points: Sequence[tuple[float, float]]) -> list[FaceSet]:
    """The faces that points lie on or close to. Raises UsageError for a point that is near none."""
    kept = [sorted({index for point in points if (index := at(point, faces)) is not None}) for faces in found]
    for x, y in points:
        if all(at((x, y), faces) is None for faces in found):
            raise UsageError(
                f"There is no face at the point {x:g}, {y:g}. Put it on a face that the preview shows without points."
            )
    return [picked(faces, indices) for faces, indices in zip(found, kept, strict=True)]


def at(point: tuple[float, float], faces: FaceSet) -> int | None:
    """The face whose middle is nearest to a point, in sides of its box, if that is within one side."""
    distances = []
    for face in faces:
        x0, y0, x1, y1 = face.box_px
        across, down = point[0] - (x0 + x1) / 2, point[1] - (y0 + y1) / 2
        distances.append(max(abs(across), abs(down)) / max(x1 - x0, y1 - y0))
    nearest = int(np.argmin(distances)) if distances else None
    return nearest if nearest is not None and distances[nearest] <= 1 else None
