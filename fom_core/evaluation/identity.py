"""Whether an animated face is still the same person: how near faces are to a network that recognises people.

The network is SFace of OpenCV's model zoo, or another that takes what SFace takes: aligned faces of 112x112 pixels, RGB
in 0 to 255.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from ..errors import UnsupportedModel
from ..faces.detection import Detector
from ..faces.detectors.yunet import errors_only
from ..files.paths import printable, require_file
from ..resources.faults import pass_on
from .face_points import detector_points

FaceEmbedding = Callable[[np.ndarray], "np.ndarray | None"]
"""A picture (H, W, 3) uint8 → a vector (D,) of unit length for its largest face, or None where none is found."""

SIZE = 112  # pixels of the aligned face


class FaceRecogniser:
    """A :data:`FaceEmbedding` by cv2.FaceRecognizerSF, which aligns faces by the five points of a detector.

    Raises MediaError for a file that is not there, UnsupportedModel for another one.
    """

    def __init__(self, weights: Path, detector: Detector) -> None:
        path = require_file(weights, "The face recogniser's file")
        try:
            with errors_only():
                self._network = cv2.FaceRecognizerSF.create(str(path), "")
            self._network.feature(np.zeros((SIZE, SIZE, 3), np.uint8))  # complains now rather than later
        except cv2.error as error:
            pass_on(error)
            raise UnsupportedModel(
                f"{printable(path)} is no ONNX file that makes a vector of a face of {SIZE}x{SIZE} pixels. Give SFace, "
                "which `fom weights download sface` fetches."
            ) from error
        self._points = detector_points(detector)

    def __call__(self, picture: np.ndarray) -> np.ndarray | None:
        points = self._points(picture)
        if points is None:
            return None
        row = np.concatenate([np.zeros(4), points.reshape(-1), [1.0]]).astype(np.float32)[None]  # as YuNet tells faces
        face = self._network.alignCrop(np.ascontiguousarray(picture[..., ::-1]), row)
        vector = self._network.feature(face).reshape(-1).astype(np.float64)
        return vector / max(float(np.linalg.norm(vector)), 1e-12)


def likeness(embed: FaceEmbedding, source: np.ndarray | None, pictures: Iterable[np.ndarray]) -> list[float]:
    """Cosine of the angle between a source's vector and that of each picture, from -1 to 1; NaN where one has none."""
    found = (None if source is None else embed(picture) for picture in pictures)
    return [float("nan") if each is None or source is None else float(each @ source) for each in found]
