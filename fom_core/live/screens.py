"""What shows live frames on this machine: a window, a virtual camera, a file."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np

from ..errors import MediaError, MissingPackage, UsageError
from ..media import VideoReader, VideoWriter
from ..media.noise import hushed
from ..pictures import resize_frame
from .run import Command, Controls

TITLE = "fom live"
KEYS: dict[int, Command] = {
    ord("n"): "next", ord("p"): "previous", ord("c"): "calibrate", ord(" "): "calibrate", ord("q"): "stop", 27: "stop",
}  # fmt: skip
WAITING = 8  # frames between painting and encoding


class Window:
    """A window of OpenCV, with the state in a corner: keys n, p, c, q, and i, which hides the state.

    Raises UsageError where this OpenCV or this session has no windows.
    """

    def __init__(self, controls: Controls) -> None:
        self._controls, self._told = controls, True
        try:
            if not _has_screen():
                raise UsageError("There is no screen here to open a window on.")
            with hushed():
                cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise UsageError(
                "This OpenCV was built without windows. Install opencv-python in place of opencv-python-headless, or "
                "watch by --serve PORT."
            ) from error
        except UsageError as error:
            raise UsageError(f"{error} Watch by --serve PORT, or record by --output FILE.") from None
        self._size: tuple[int, ...] = ()
        self._open = True
        controls.poll(self._poll)

    def show(self, frame: np.ndarray, captured_s: float, state: str) -> None:
        picture = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if self._told:
            _write(picture, state)
        with hushed():  # Qt tells of fonts
            if frame.shape != self._size:
                self._size = frame.shape
                cv2.resizeWindow(TITLE, frame.shape[1], frame.shape[0])
            cv2.imshow(TITLE, picture)
        self._poll()

    def _poll(self) -> None:
        """See what was pressed, also while no frame comes; the system gets to paint the window by that, too."""
        if not self._open:
            return
        with hushed():
            key = cv2.pollKey() & 0xFF
        if key == ord("i"):
            self._told = not self._told
        if key in KEYS:
            self._controls.press(KEYS[key])
        elif self._size and not _is_open():  # closed by its own button; before the first frame it need not be there
            self._controls.press("stop")

    def close(self) -> None:
        self._open = False
        with suppress(cv2.error):  # it is closed
            cv2.destroyAllWindows()


class VirtualCamera:
    """A camera that other programs can choose, by the package pyvirtualcam.

    size: height, width. device: of the system; None for the first that is free.
    Raises MissingPackage, and MediaError where the system has no virtual camera.
    """

    def __init__(self, size: tuple[int, int], fps: float, device: str | None = None) -> None:
        try:
            package: Any = import_module("pyvirtualcam")
        except ImportError as error:
            raise MissingPackage(
                "A virtual camera needs the package pyvirtualcam. Run: pip install pyvirtualcam (or the extra camera)."
            ) from error
        height, width = size
        try:
            self._camera = package.Camera(width=width, height=height, fps=fps, device=device)
        except RuntimeError as error:
            raise MediaError(
                f"No virtual camera opens ({' '.join(str(error).split())}). It takes v4l2loopback on Linux, OBS "
                "elsewhere."
            ) from error
        self.device = str(self._camera.device)
        self._size = size

    def show(self, frame: np.ndarray, captured_s: float, state: str) -> None:
        self._camera.send(fitted(frame, self._size))

    def close(self) -> None:
        self._camera.close()


class LiveRecording:
    """A file of what was shown, at a constant rate, each frame at its moment; it is completed when it is closed.

    Encoding goes on in a thread of its own. Where that does not keep up, frames are left out, and the last one stays.

    size:       height, width of the file; pictures of other sizes are fitted in.
    audio_from: the video that drives, whose sound begins with its first frame.
    began_s:    the moment of its first frame, by ``time.monotonic``; None for that of the first one shown.
    """

    def __init__(
        self,
        path: Path,
        fps: float | Fraction,
        size: tuple[int, int],
        *,
        audio_from: VideoReader | None = None,
    ) -> None:
        self._writer = VideoWriter(path, fps, audio_from=audio_from)
        self.began_s: float | None = None
        self._size = size
        # A signal that raises within a Queue may lose what wakes the thread; a simple one is put into as a whole.
        self._coming: SimpleQueue[tuple[np.ndarray, float] | None] = SimpleQueue()
        self._error: Exception | None = None
        self._last: np.ndarray | None = None
        self._thread = threading.Thread(target=self._write, name="fom-recording", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        return self._writer.path

    @property
    def frame_count(self) -> int:
        """Frames in the file so far."""
        return self._writer.frame_count

    def show(self, frame: np.ndarray, captured_s: float, state: str) -> None:
        if self._error is not None:
            raise self._error
        if self._coming.qsize() < WAITING:
            self._coming.put((frame, captured_s))

    def close(self) -> None:
        """Complete the file; without a frame there is none. Raises what writing met."""
        self._coming.put(None)
        self._thread.join()
        if self._error is not None or not self.frame_count:
            self._writer.discard()
        else:
            self._writer.close()
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        while (item := self._coming.get()) is not None:
            if self._error is None:
                try:
                    self._add(*item)
                except Exception as error:  # the caller's thread raises it
                    self._error = error

    def _add(self, frame: np.ndarray, captured_s: float) -> None:
        began_s = self.began_s = captured_s if self.began_s is None else self.began_s
        frame = fitted(frame, self._size)
        place = round((captured_s - began_s) * self._writer.fps)
        before = frame if self._last is None else self._last
        while self._writer.frame_count < place:
            self._writer.write(before)
        if self._writer.frame_count == place:
            self._writer.write(frame)
        self._last = frame


def fitted(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A frame (H, W, 3) as large as fits into (height, width), in the middle of black."""
    if frame.shape[:2] == size:
        return frame
    scale = min(size[0] / frame.shape[0], size[1] / frame.shape[1])
    height, width = (max(1, min(round(scale * side), most)) for side, most in zip(frame.shape[:2], size, strict=True))
    whole = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    whole[top : top + height, left : left + width] = resize_frame(frame, (height, width))
    return whole


def _is_open() -> bool:
    """Whether the window is there; once the last one is closed, Qt's OpenCV knows of none."""
    try:
        return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:
        return False


def _has_screen() -> bool:
    """Whether a window can open; Qt ends the whole process where there is no display."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _write(picture: np.ndarray, text: str) -> None:
    """A line in the upper left corner, light on a dark rim, in place."""
    scale = max(0.4, min(picture.shape[:2]) / 900)
    place = (round(12 * scale), round(30 * scale))
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, round(width * scale)), cv2.LINE_AA
        )
