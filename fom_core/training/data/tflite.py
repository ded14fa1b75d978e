"""Networks of MediaPipe that only measure while a model learns: TensorFlow Lite's files, computed by OpenCV."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from ...errors import UnsupportedModel
from ...files.paths import printable, require_file, sha256_of
from ...resources.faults import pass_on

KIND = b"TFL3"  # in bytes 4 to 8 of such files


class TFLiteNetwork:
    """A network that looks at squares of one size, for any number of threads: each gets its own copy."""

    def __init__(self, weights: Path, what: str, name: str, side: int, count: int) -> None:
        """``side`` of the squares in pixels, and the ``count`` of numbers that it gives.

        Errors call the file ``what``, and want MediaPipe's of that ``name``. Raises MediaError for one that is not
        there, UnsupportedModel for another one.
        """
        self._weights, self._own = require_file(weights, what), threading.local()
        self._what, self._name, self._side = what, name, side
        try:
            with self._weights.open("rb") as file:
                right = file.read(8)[4:] == KIND  # what else there is, is not for OpenCV to read
            right = right and self(np.zeros((side, side, 3), np.uint8)).size == count
        except (cv2.error, AttributeError, ValueError) as error:
            pass_on(error)
            raise self._refusal() from error
        if not right:
            raise self._refusal()

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """What it gives for (side, side, 3) uint8."""
        network = self._network()
        network.setInput(cv2.dnn.blobFromImage(picture, 1 / 255, (self._side, self._side)))
        return network.forward()

    @cached_property
    def digest(self) -> str:
        """Of the file: what has been found with another one is found anew."""
        return sha256_of(self._weights)

    def _network(self) -> cv2.dnn.Net:
        if not hasattr(self._own, "network"):
            self._own.network = cv2.dnn.readNetFromTFLite(str(self._weights))
        return self._own.network

    def _refusal(self) -> UnsupportedModel:
        return UnsupportedModel(
            f"{self._what} {printable(self._weights)} does not open as MediaPipe's in OpenCV {cv2.__version__}. Give "
            f"{self._name} out of a wheel of mediapipe 0.10.14."
        )
