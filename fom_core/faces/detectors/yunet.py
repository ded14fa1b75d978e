"""YuNet through OpenCV's own FaceDetectorYN; the weights are a 0.3 MB ONNX file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ...errors import UnsupportedModel
from ...files.paths import printable, require_file
from ...resources.faults import pass_on
from ..detection import Detection, detect_at_sizes

LONG_SIDES = (1280, 320)  # it misses faces of more than about 300 px, so the picture is also shown small
OVERLAP = 0.3
_levels = threading.Lock()  # OpenCV's level of messages is one for all threads


class YuNetDetector:
    """Detector protocol on cv2.FaceDetectorYN, for any number of threads: each gets a network of its own."""

    name = "yunet"

    def __init__(self, weights: Path, threshold: float = 0.7):
        """Raises MediaError for a file that is not there, UnsupportedModel for another one."""
        path = require_file(weights, "The YuNet file")
        self._weights, self._threshold, self._own = str(path), threshold, threading.local()
        try:
            self._network()  # complains now rather than later
        except cv2.error as error:
            pass_on(error)
            raise UnsupportedModel(
                f"The YuNet file {printable(path)} does not open as one. Give the one that `fom weights download "
                "yunet` fetches, or leave it out."
            ) from error

    def detect(self, image: np.ndarray) -> list[Detection]:
        return detect_at_sizes(image[..., ::-1], LONG_SIDES, self._detect_once, OVERLAP)

    def _network(self) -> cv2.FaceDetectorYN:
        if not hasattr(self._own, "network"):
            with errors_only():
                self._own.network = cv2.FaceDetectorYN.create(self._weights, "", (320, 320), self._threshold, OVERLAP)
        return self._own.network

    def _detect_once(self, bgr: np.ndarray) -> list[Detection]:
        network = self._network()
        network.setInputSize((bgr.shape[1], bgr.shape[0]))
        rows = network.detect(bgr)[1]  # x, y, width, height, five landmarks, score
        return [] if rows is None else [_detection(row.tolist()) for row in rows]


@contextmanager
def errors_only() -> Iterator[None]:
    """OpenCV 5 warns of a setting that it makes itself, once for every network."""
    levels = getattr(cv2.utils, "logging", None)  # since 4.13; those before do not warn
    if levels is None:
        yield
        return
    with _levels:
        before = levels.getLogLevel()
        levels.setLogLevel(min(before, levels.LOG_LEVEL_ERROR))
        try:
            yield
        finally:
            levels.setLogLevel(before)


def _detection(row: list[float]) -> Detection:
    x, y, width, height = row[:4]
    landmarks = tuple((row[i], row[i + 1]) for i in range(4, 14, 2))
    return Detection((x, y, x + width, y + height), row[14], landmarks)
