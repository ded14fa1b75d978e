"""Choosing a detector, and from a picture to its faces."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ..errors import UsageError
from ..pictures import require_picture
from ..types import FaceSet
from ..weights.catalogue import catalogue, preferred
from ..weights.store import path_on_disk, require_on_disk
from .detection import Detection, Detector
from .detectors.embedded import EmbeddedDetector
from .detectors.retinaface import RetinaFaceDetector
from .detectors.s3fd import S3FDDetector
from .detectors.yunet import YuNetDetector
from .facexlib_networks import has_facexlib
from .landmarks import LandmarkDetector, load_points, with_face_points, without_points
from .regions import MARGIN, CropRule, regions_from_detections, to_rgb
from .turned import TurningDetector

log = logging.getLogger(__name__)
ALIASES = {"sfd": "s3fd"}  # PaddleGAN's name
MIN_SIZE_PX = 12


def _retinaface(name: str) -> Callable[..., Detector]:
    return lambda weights, **options: RetinaFaceDetector(name, weights, **options)


def _yunet(weights: Path, *, device: str, **options: float) -> Detector:
    return YuNetDetector(weights, **options)  # OpenCV runs it on the CPU, whatever the device


_LOADERS: dict[str, Callable[..., Detector]] = {
    "embedded": EmbeddedDetector,
    "retinaface": _retinaface("retinaface"),
    "retinaface-mobile": _retinaface("retinaface-mobile"),
    "s3fd": S3FDDetector,
    "yunet": _yunet,
}
DETECTORS = tuple(_LOADERS)


def load_detector(
    name: str = "auto",
    *,
    weights: Path | None = None,
    threshold: float | None = None,
    device: str = "cpu",
    folders: Sequence[Path] | None = None,
    landmarks: int | None = None,
) -> Detector:
    """Open a face detector by name: embedded, retinaface, retinaface-mobile, s3fd (sfd), yunet, or auto.

    auto:      the best whose weights and packages are on this machine, else the embedded one.
    weights:   the file, where it is not the one of the catalogue (whose checksum is verified); not with auto.
    threshold: least score of a face; None is the detector's own.
    folders:   where to look for weights, in place of the usual folder.
    landmarks: 98 or 68: also find so many points of each face, by the weights ``awing_fan`` and facexlib.

    Raises UnsupportedModel with the command that downloads missing weights, DownloadError for a file that is not the
    catalogue's, MissingPackage, or UsageError.
    """
    if name == "auto" and weights is None:
        name = best_detector(folders)
    name = ALIASES.get(name, name)
    if name not in _LOADERS:
        raise UsageError(f"The face detector is one of auto, {', '.join(DETECTORS)} (sfd means s3fd), not {name!r}.")
    if weights is None and name in catalogue():  # of one without weights there is no entry
        weights = require_on_disk(catalogue()[name], folders)
    options = {} if threshold is None else {"threshold": threshold}
    detector = _LOADERS[name](weights, device=device, **options)
    if landmarks is None:
        return detector
    return LandmarkDetector(detector, load_points(device=device, folders=folders), landmarks)


def best_detector(folders: Sequence[Path] | None = None) -> str:
    """Name of the best detector that can run here without a download."""
    for entry in preferred("face-detector"):
        lacks_package = entry.name.startswith("retinaface") and not has_facexlib()
        if path_on_disk(entry, folders) and not lacks_package:
            return entry.name
    return "embedded"


def detect_faces(
    image: np.ndarray,
    detector: str | Detector = "auto",
    *,
    threshold: float | None = None,
    min_size_px: float = MIN_SIZE_PX,
    max_faces: int | None = None,
    crop: CropRule = "square",
    margin: float = MARGIN,
    turned: bool = True,
) -> FaceSet:
    """Find the faces of a picture (H, W, 3) uint8 RGB, left to right, ids from 0.

    threshold:   least score of a face; None is the detector's own.
    min_size_px: smaller faces (longer side of the box) are left out.
    max_faces:   keep this many, the largest.
    crop:        rule for the part that is handed to the model, with ``margin``; see :func:`regions_from_boxes`.
    turned:      also find heads on their side and upside down; see :class:`~.turned.TurningDetector`.
    Raises UsageError for what is no such picture, and what :func:`load_detector` raises.
    """
    require_picture(image)
    if image.dtype != np.uint8:
        raise UsageError(f"Expected a picture (H, W, 3) of uint8, found {image.shape} of {image.dtype}.")
    if isinstance(detector, str):
        detector = load_detector(detector, threshold=threshold)
    plain = without_points(detector)
    finder = TurningDetector(plain) if turned else plain
    found = [
        detection
        for detection in finder.detect(np.ascontiguousarray(to_rgb(image)))
        if face_side(detection) >= min_size_px and (threshold is None or detection.score >= threshold)
    ]
    if max_faces is not None:
        found = sorted(found, key=face_side, reverse=True)[:max_faces]
    log.debug("%s found %d face(s)", detector.name, len(found))
    height, width = image.shape[:2]
    faces = regions_from_detections(found, (height, width), crop, margin)
    if isinstance(detector, LandmarkDetector):
        return with_face_points(image, faces, detector.finder, detector.count)
    return faces


def sides_below(
    pictures: Iterable[np.ndarray], detector: Detector, min_size_px: float, threshold: float | None = None
) -> list[float]:
    """Longer sides in pixels of the faces that :func:`detect_faces` leaves out as too small, the largest first."""
    return sorted(
        (
            side
            for picture in pictures
            for found in TurningDetector(detector).detect(np.ascontiguousarray(to_rgb(picture)))
            if (side := face_side(found)) < min_size_px and (threshold is None or found.score >= threshold)
        ),
        reverse=True,
    )


def face_side(detection: Detection) -> float:
    """The longer side of a detection's box in pixels."""
    x0, y0, x1, y1 = detection.box_px
    return max(x1 - x0, y1 - y0)
