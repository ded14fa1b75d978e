"""The points of a face by facexlib's AWing network (Wang et al., ICCV 2019): 98, or 68 of them.

The network is facexlib's, how points are read off its heatmaps is not: its own function fails with NumPy 1.24 and
later, and takes the neighbours of all peaks from the wrong row as soon as one lies in the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch

from ..errors import UsageError
from ..types import Box, FaceRegion, FaceSet
from ..weights.catalogue import catalogue
from ..weights.store import require_on_disk
from .detection import Detection, Detector
from .facexlib_networks import facexlib_class, fill_network
from .points import COUNTS, standing_box, to_68
from .regions import crop_face, crop_matrix, pixel_box, to_rgb

AWING = "awing_fan"
SIDE_PX = 256  # of what the network looks at
QUARTER = 0.25  # of a cell by which a peak leans to its higher neighbour


class PointFinder(Protocol):
    """Finds the 98 points of a face in a view of it."""

    def __call__(self, view: np.ndarray) -> np.ndarray:
        """A face's box (h, w, 3) uint8 RGB → points (98, 2) in pixels of the view, from its top-left corner."""
        ...


class AwingPoints:
    """98 points by the weights that facexlib publishes. Raises UnsupportedModel for others, MissingPackage."""

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        self._network = facexlib_class("alignment.awing_arch", "FAN", "Facial points")(
            num_modules=4, num_landmarks=98, device=device
        )
        fill_network(self._network, weights, "AWing FAN", AWING)
        self._network.to(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, view: np.ndarray) -> np.ndarray:
        height, width = view.shape[:2]
        small = cv2.resize(view, (SIDE_PX, SIDE_PX))  # as facexlib resizes it
        batch = torch.from_numpy(small).permute(2, 0, 1)[None].float().to(self._device) / 255
        heatmaps = self._network(batch)[0][-1][0, :-1]  # of the last stage; its last map is the face's outline
        rows, columns = heatmaps.shape[1:]
        return peaks(heatmaps.cpu().numpy()) * [width / columns, height / rows]


def peaks(heatmaps: np.ndarray) -> np.ndarray:
    """The highest place of each heatmap (N, h, w) as (N, 2), x and y in cells from the top-left corner.

    The middle of the highest cell, a quarter of a cell nearer to the higher neighbour; on the border, which lacks one,
    the middle.
    """
    count, height, width = heatmaps.shape
    row, column = np.divmod(heatmaps.reshape(count, -1).argmax(axis=1), width)

    def at(down: int, right: int) -> np.ndarray:
        return heatmaps[np.arange(count), (row + down).clip(0, height - 1), (column + right).clip(0, width - 1)]

    across = np.sign(at(0, 1) - at(0, -1)) * ((column > 0) & (column < width - 1))
    along = np.sign(at(1, 0) - at(-1, 0)) * ((row > 0) & (row < height - 1))
    return np.stack([column, row], axis=1) + QUARTER * np.stack([across, along], axis=1) + 0.5


def load_points(
    weights: Path | None = None, *, device: str = "cpu", folders: Sequence[Path] | None = None
) -> PointFinder:
    """Open the network that finds 98 points of a face.

    weights: the file, where it is not the catalogue's ``awing_fan`` in the usual folder or in ``folders``.
    Raises UnsupportedModel with the command that downloads missing weights, DownloadError for a file that is not the
    catalogue's, MissingPackage without facexlib.
    """
    return AwingPoints(weights or require_on_disk(catalogue()[AWING], folders), device)


def points_of(finder: PointFinder, picture: np.ndarray, box: Box, roll_deg: float = 0.0) -> np.ndarray:
    """The points (98, 2) of the face in a box of a picture (H, W, 3) uint8 RGB, in its pixels from the corner.

    box: the one before it is turned about its middle by ``roll_deg``.
    """
    region = FaceRegion(box, box, score=1.0, id=0, frame_size=picture.shape[:2], roll_deg=roll_deg)
    x0, y0, x1, y1 = pixel_box(region.crop_px)
    size = y1 - y0, x1 - x0
    centres = finder(crop_face(picture, region, size)) - 0.5
    return np.column_stack([centres, np.ones(len(centres))]) @ crop_matrix(region, size).T + 0.5


def with_face_points(picture: np.ndarray, faces: FaceSet, finder: PointFinder, count: int) -> FaceSet:
    """The faces of a picture (H, W, C) uint8 with 98 or 68 points in place of what was known of their landmarks."""
    seen = to_rgb(picture)

    def pointed(face: FaceRegion) -> FaceRegion:
        found = points_of(finder, seen, standing_box(face), face.roll_deg)
        return replace(face, landmarks_px=_as_many(found, count))

    return replace(faces, faces=tuple(map(pointed, faces)))


def _as_many(points: np.ndarray, count: int) -> tuple[tuple[float, float], ...]:
    kept = to_68(points) if count == 68 else points
    return tuple((float(x), float(y)) for x, y in kept)


@dataclass(frozen=True)
class LandmarkDetector:
    """A detector whose faces carry 98 or 68 points in place of what it knows of eyes and mouth; boxes stay its own.

    The points take longer than the faces. Who looks at candidates looks by :func:`without_points`, and asks for those
    of the faces that are left.
    Raises UsageError for another count.
    """

    detector: Detector
    finder: PointFinder
    count: int = 98

    def __post_init__(self) -> None:
        if self.count not in COUNTS:
            raise UsageError(f"A face has {' or '.join(map(str, COUNTS))} landmarks; got {self.count}.")

    @property
    def name(self) -> str:
        return self.detector.name

    def detect(self, image: np.ndarray) -> list[Detection]:
        return [self.pointed(image, face) for face in self.detector.detect(image)]

    def pointed(self, image: np.ndarray, face: Detection) -> Detection:
        """A face that was found in the picture (H, W, 3) uint8 RGB, with its points."""
        points = points_of(self.finder, image, face.box_px, face.roll_deg)
        return replace(face, landmarks_px=_as_many(points, self.count))


def without_points(detector: Detector) -> Detector:
    """What finds the faces, and knows of no further points."""
    return detector.detector if isinstance(detector, LandmarkDetector) else detector
