"""A driver as it was read: its motion, which part of its frames was looked at, and small pictures of what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import cv2
import numpy as np

from ..fom_core.backends import Backend
from ..fom_core.driver import read_motion
from ..fom_core.faces.tracking import DrivingView
from ..fom_core.pipeline import look_at
from ..fom_core.types import Box, Motion, Progress
from .drivers import Driver
from .kept import bytes_of_keypoints

MOST_VIEW_BYTES = 16 << 20  # of one driver's small pictures: some minutes of it
VIEW_QUALITY = 90


@dataclass(frozen=True)
class Read:
    """What is kept of a driver.

    motion: its keypoints.
    box:    the part of its frames that was looked at; None is all of them.
    found:  all that is known of where its face is; None where nobody looked.
    told:   what was warned of meanwhile.
    views:  what the model saw of its first frames, as JPEG files; as many as there is room for.
    """

    motion: Motion
    box: Box | None = None
    found: DrivingView | None = None
    views: list[bytes] = field(default_factory=list)
    told: tuple[str, ...] = ()

    def bytes_of(self) -> int:
        """How much memory it takes."""
        return bytes_of_keypoints(self.motion.keypoints) + sum(map(len, self.views))

    def view(self, frame: int) -> np.ndarray | None:
        """What the model saw in a frame, (H, W, 3) uint8; None where that was not kept."""
        if frame >= len(self.views):
            return None
        picture = cv2.imdecode(np.frombuffer(self.views[frame], np.uint8), cv2.IMREAD_COLOR)
        return None if picture is None else picture[..., ::-1]


class Watched:
    """A driver's frames, of which small pictures are kept while they are read."""

    def __init__(self, driver: Driver, model: Backend, box: Box | None) -> None:
        self._driver, self._model, self._box = driver, model, box
        self.size, self.frame_count = driver.size, driver.frame_count
        self.views: list[bytes] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        self.views, room = [], MOST_VIEW_BYTES
        for frame in self._driver:
            if room > 0:
                view = look_at(self._model, frame, self._box)[..., ::-1]
                content = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, VIEW_QUALITY])[1].tobytes()
                self.views.append(content)
                room -= len(content)
            yield frame


def read_and_watch(
    model: Backend, driver: Driver, fps: float, *, box: Box | None, chunk_size: int, progress: Progress | None
) -> Read:
    """The driver's motion in this part of its frames, with small pictures of what was seen. Raises MediaError."""
    watched = Watched(driver, model, box)
    motion = read_motion(model, watched, fps, box=box, chunk_size=chunk_size, progress=progress)
    return Read(motion, box, views=watched.views)


def views_of(model: Backend, driver: Driver, read: Read, frames: Sequence[int]) -> list[np.ndarray | None]:
    """What the model saw of the driver in these frames, (H, W, 3) uint8; None for a motion without pictures.

    What was not kept is looked at again, in one pass.
    """
    views = {frame: read.view(frame) for frame in frames}
    missing = {frame for frame, view in views.items() if view is None}
    for number, found in enumerate(islice(driver.frames(), max(missing, default=-1) + 1)):
        if number in missing:
            views[number] = look_at(model, found, read.box)
    return [views[frame] for frame in frames]
