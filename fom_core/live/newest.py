"""Frames that are dropped rather than late: a place that holds the newest one alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

ENDS_S = 2.0  # within which a capture stops, or is left to itself


@dataclass(frozen=True)
class Captured:
    """A frame (H, W, 3) uint8 RGB, and when it was there, by ``time.monotonic``."""

    frame: np.ndarray
    at_s: float


class Newest:
    """One frame, from the thread that captures to the one that animates. A new one takes the place of one not taken.

    dropped: how many were replaced.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: Captured | None = None
        self._ended = False
        self._error: BaseException | None = None
        self.dropped = 0

    def put(self, captured: Captured) -> None:
        with self._changed:
            self.dropped += self._waiting is not None
            self._waiting = captured
            self._changed.notify()

    def end(self, error: BaseException | None = None) -> None:
        """No frame comes any more: there are none left, or ``error`` is why."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    @property
    def ended(self) -> bool:
        """Whether the last frame was taken."""
        with self._changed:
            return self._ended and self._waiting is None

    def take(self, timeout_s: float) -> Captured | None:
        """The newest frame, as soon as there is one; None at the end, and where none came in time.

        Raises what ended the frames, once the last of them is taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._ended, timeout_s)
            captured, self._waiting = self._waiting, None
            if captured is None and self._error is not None:
                raise self._error
            return captured


class Capture:
    """Captures in a thread of its own, from entering to leaving.

    frames: gives frames as they come, until the event is set; runs in that thread, and is closed there.
    """

    def __init__(self, frames: Callable[[threading.Event], Generator[Captured, None, None]]) -> None:
        self.newest = Newest()
        self._frames = frames
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fom-capture", daemon=True)
        self.began_s: float | None = None

    def __enter__(self) -> Capture:
        self.began_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(ENDS_S)  # a camera that hangs would hold us for ever

    def _run(self) -> None:
        try:
            with closing(self._frames(self._stopped)) as frames:
                for captured in frames:
                    self.newest.put(captured)
                    if self._stopped.is_set():
                        break
        except BaseException as error:  # the caller's thread raises it
            self.newest.end(error)
        else:
            self.newest.end()
