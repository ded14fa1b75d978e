"""Faces as other nodes pass them: ComfyUI's BOUNDING_BOX and FACE_LANDMARKS, and what is marked otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ..fom_core.errors import MediaError, UsageError
from ..fom_core.faces.regions import CropRule, regions_from_boxes
from ..fom_core.faces.selection import face_area
from ..fom_core.types import FaceRegion, FaceSet
from .marked import Marks, marked_boxes

LARGEST_BOX = 4  # in sides of the picture; the crop around a larger one would fill the memory


def middle_square(height: int, width: int) -> tuple[int, int, int, int]:
    """The largest square in the middle of a picture."""
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def as_bounding_box(face: FaceRegion) -> dict[str, Any]:
    """A face's box as ComfyUI's nodes pass boxes."""
    x0, y0, x1, y1 = face.box_px
    return {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "label": "face", "score": face.score}


def given_boxes(image: Tensor, bboxes: Any, face_landmarks: Any, marked_faces: Any, bbox_format: str) -> Marks | None:
    """The boxes of each picture that came from other nodes; None where the detector is to find them."""
    names = {"bboxes": bboxes, "face_landmarks": face_landmarks, "marked_faces": marked_faces}
    connected = [name for name, value in names.items() if value is not None]
    if len(connected) > 1:
        raise UsageError(f"Faces come from one of {', '.join(connected)}, not from several. Disconnect the others.")
    if bboxes is not None:
        return boxes_per_picture(bboxes, len(image))
    if face_landmarks is not None:
        return boxes_of_landmarks(face_landmarks, len(image))
    if marked_faces is not None:
        return marked_boxes(marked_faces, len(image), (image.shape[1], image.shape[2]), bbox_format)
    return None


def boxes_per_picture(bboxes: Any, count: int) -> list[list[dict[str, float]]]:
    """The three shapes in which nodes pass boxes, one box, a list of boxes, or a list per picture, as the last one."""
    if isinstance(bboxes, dict):
        bboxes = [[bboxes]]
    elif isinstance(bboxes, list) and bboxes and isinstance(bboxes[0], dict):
        bboxes = [bboxes]
    if not isinstance(bboxes, list) or not all(isinstance(each, list) for each in bboxes):
        raise UsageError("bboxes must be a box, a list of boxes, or a list of boxes for each picture.")
    if len(bboxes) == 1:
        bboxes = bboxes * count
    if bboxes and len(bboxes) != count:
        raise UsageError(
            f"There are boxes for {len(bboxes)} pictures, but {count} pictures. Connect what belongs together."
        )
    return bboxes or [[] for _ in range(count)]


def boxes_of_landmarks(landmarks: Any, count: int) -> list[list[dict[str, float]]]:
    """Boxes of FACE_LANDMARKS, scored."""

    def box(face: Any) -> dict[str, float]:
        x0, y0, x1, y1 = map(float, face["bbox_xyxy"])
        return {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "score": float(face.get("score", 1.0))}

    try:
        boxes = [[box(face) for face in frame] for frame in landmarks["frames"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError("face_landmarks must come from a MediaPipe Face Landmarker node of ComfyUI.") from error
    return boxes_per_picture(boxes, count)


def faces_from_boxes(
    boxes: list[dict[str, float]], picture: np.ndarray, min_size: int, max_faces: int, crop: CropRule, margin: float
) -> FaceSet:
    """Faces of one picture from boxes of another node; boxes that miss the picture are refused."""
    height, width = picture.shape[:2]
    rows, scores = [], []
    for box in boxes:
        try:
            x, y, w, h = (float(box[key]) for key in ("x", "y", "width", "height"))
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"A box has x, y, width and height in pixels; found {box!r}.") from error
        if not np.isfinite([x, y, w, h]).all() or min(w, h) < 0 or max(w, h) > LARGEST_BOX * max(height, width):
            raise UsageError(
                f"A box has a size in pixels that suits the picture of {width}x{height}; found {w:g}x{h:g} at {x:g}, "
                f"{y:g}. Mend the node it comes from."
            )
        if max(w, h) < min_size:
            continue
        if x >= width or y >= height or x + w <= 0 or y + h <= 0:
            raise MediaError(
                f"The box at {x:g}, {y:g} lies outside the picture of {width}x{height} pixels. Connect the boxes that "
                "were found in this picture, or draw them on it."
            )
        rows.append((x, y, x + w, y + h))
        scores.append(float(box.get("score", 1.0)))
    faces = regions_from_boxes(rows, (height, width), crop, margin=margin, scores=scores)
    if max_faces and len(faces) > max_faces:
        faces = FaceSet(tuple(sorted(faces, key=face_area, reverse=True)[:max_faces]), faces.frame_size)
    return faces
