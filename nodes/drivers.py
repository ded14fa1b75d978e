"""What moves a face: whatever comes in on a driver's socket, read frame by frame."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import torch
from comfy_api.latest import Input
from torch import Tensor

from ..fom_core.errors import MediaError
from ..fom_core.faces.regions import to_rgb
from ..fom_core.media import VideoReader, read_sound
from ..fom_core.types import Motion
from . import host
from .kept import digest, identity_of
from .videos import Opened, opened_video


@dataclass
class Driver:
    """What moves a face, from a socket that takes an IMAGE batch, a VIDEO or a FOM_MOTION. Use it in a ``with``.

    motion: the keypoints, where they came ready-made; then there are no frames.
    images: the IMAGE batch.
    video:  the VIDEO.
    """

    motion: Motion | None = None
    images: Tensor | None = None
    video: Opened | None = None

    @property
    def reader(self) -> VideoReader | None:
        """Of the video's stream; a VideoWriter can copy its sound."""
        return None if self.video is None else self.video.sound

    @cached_property
    def key(self) -> Hashable | None:
        """Tells its frames from all others'; None for a motion, which has none."""
        if self.images is not None:
            return digest(self.images)
        return None if self.video is None else self.video.key

    @property
    def identity(self) -> Hashable | None:
        """The same at no cost: an IMAGE batch is told by being itself, whatever its content."""
        return self.key if self.images is None else identity_of(self.images)

    @property
    def rate(self) -> Fraction | float | None:
        """Frames a second, exact where a video tells them; None for an IMAGE batch, which has no rate of its own."""
        if self.motion is not None:
            return self.motion.fps
        return None if self.video is None else self.video.shown.rate

    @property
    def frame_count(self) -> int:
        """How many frames :meth:`frames` gives; near enough for a progress bar where a file is damaged."""
        if self.images is not None:
            return len(self.images)
        return 0 if self.video is None else self.video.shown.frame_count

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames; zeros for a motion."""
        if self.images is not None:
            return self.images.shape[1], self.images.shape[2]
        return (0, 0) if self.video is None else self.video.shown.size

    def frames(self) -> Iterator[np.ndarray]:
        """The frames (H, W, 3) uint8 from the beginning, one at a time."""
        if self.images is None:
            return iter(() if self.video is None else self.video.shown)
        return (to_rgb(host.to_uint8(image)) for image in self.images)

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames()

    def audio(self, length_s: float) -> dict[str, Any] | None:
        """AUDIO of the driver, cut to the result's length; None for one without sound."""
        sound = None if self.reader is None else read_sound(self.reader, length_s)
        if sound is None:
            return None
        return {"waveform": torch.from_numpy(sound[0])[None], "sample_rate": sound[1]}

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *reason: object) -> None:
        if self.video is not None:
            self.video.close()


def open_driver(value: Any, what: str = "The driver") -> Driver:
    """Open whatever a driver's socket carries. Raises MediaError."""
    if isinstance(value, Motion):
        return Driver(motion=value)
    if isinstance(value, Tensor):
        host.check_images(value, what)
        return Driver(images=value)
    if not isinstance(value, Input.Video):
        raise MediaError(f"{what} must be an IMAGE batch, a VIDEO or a FOM_MOTION, found {type(value).__name__}.")
    return Driver(video=opened_video(value))


def sound_of(drivers: Sequence[Driver], length_s: float) -> dict[str, Any] | None:
    """AUDIO of the first driver that has any, so long."""
    return next((sound for driver in drivers if (sound := driver.audio(length_s)) is not None), None)
