"""Pictures that are the frames of one video, and the faces in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from ..fom_core.faces.detection import Detector
from ..fom_core.faces.following import follow_faces
from ..fom_core.faces.regions import CropRule
from ..fom_core.faces.tracks import FaceTrack, FaceTracks, picked_tracks, select_tracks
from ..fom_core.pipeline import FPS
from . import host
from .boxes import middle_square

PICTURES, VIDEO = "pictures", "frames of one video"


def frames_of(images: Tensor) -> Iterator[np.ndarray]:
    """The frames (H, W, C) uint8 of an IMAGE batch, one at a time."""
    return (host.to_uint8(image) for image in images)


class Frames:
    """An IMAGE batch as a video, which can be read as often as needed."""

    def __init__(self, images: Tensor) -> None:
        self._images = images

    def __iter__(self) -> Iterator[np.ndarray]:
        return frames_of(self._images)


def follow(
    images: Tensor, finder: Detector, threshold: float, min_size: int, max_faces: int, crop: CropRule, margin: float
) -> FaceTracks:
    """The faces of a video, the largest ``max_faces`` of them unless that is 0."""
    found = follow_faces(
        frames_of(images), finder, fps=FPS, crop=crop, margin=margin, min_size_px=min_size,
        threshold=threshold or None, progress=host.Progress(len(images)),
    )  # fmt: skip
    if max_faces and len(found) > max_faces:
        largest = select_tracks(found, f"1-{max_faces}", order="largest first")
        kept = {id(track.boxes) for track in largest}
        found = picked_tracks(found, [track for track in found if id(track.boxes) in kept])
    return found


def middle_track(height: int, width: int, count: int) -> FaceTracks:
    """The largest square in the middle of all frames, as if it were a face."""
    boxes = np.tile(np.array(middle_square(height, width), np.float32), (count, 1))
    track = FaceTrack(0, boxes, np.ones(count, np.float32), 1.0)
    return FaceTracks((track,), (height, width), count, crop="box")
