"""Where live frames come from: a camera, or a video file at its own rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import cv2

from ..errors import MediaError
from ..media import VideoReader
from ..media.noise import hushed
from .newest import Captured


class Camera:
    """A camera of this machine, by its number.

    Close it. Raises MediaError where it does not open; its frames raise it where it is lost.
    """

    def __init__(self, number: int) -> None:
        self.name = f"the camera {number}"
        self._number, self._begun = number, False
        with hushed():
            self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise MediaError(
                f"The camera {number} does not open. Plug it in, close other programs that use it, or name another one "
                "by --camera; --input plays a video in its place."
            )
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # what waits in the driver is late

    @property
    def fps(self) -> float:
        """Frames a second as far as it says; else what is usual."""
        told = float(self._capture.get(cv2.CAP_PROP_FPS))
        return told if 1 <= told <= 240 else 30.0

    def frames(self, stopped: threading.Event) -> Generator[Captured, None, None]:
        """Frames as they come. Closes the camera at its end."""
        self._begun = True
        try:
            while not stopped.is_set():
                there, frame = self._capture.read()
                if not there:
                    raise MediaError(f"The camera {self._number} is lost: it gives no further frame. Plug it in again.")
                yield Captured(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), time.monotonic())
        finally:
            self._capture.release()

    def close(self) -> None:
        """Let the camera go, unless its frames have begun: they do so at their end, in their own thread."""
        if not self._begun:
            self._capture.release()


class Playing:
    """A video that plays at its own rate, as if it happened now.

    A frame counts from the moment when it is due, whenever it is decoded.

    loop: begin anew at the end, over and over.
    """

    def __init__(self, reader: VideoReader, *, loop: bool = False) -> None:
        self.name = str(reader.path)
        self.fps = reader.fps
        self._reader, self._loop = reader, loop

    def frames(self, stopped: threading.Event) -> Generator[Captured, None, None]:
        began_s, number = time.monotonic(), 0
        while not stopped.is_set():
            for frame in self._reader:
                due_s = began_s + number / self.fps
                if stopped.wait(max(0.0, due_s - time.monotonic())):
                    return
                yield Captured(frame, due_s)
                number += 1
            if not self._loop:
                return
