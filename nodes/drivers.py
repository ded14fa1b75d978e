"""What moves a face: whatever comes in on a driver's socket, read frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
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


@dataclass
class Driver:
    """What moves a face, from a socket that takes an IMAGE batch, a VIDEO or a FOM_MOTION. Use it in a ``with``.

    motion: the keypoints, where they came ready-made; then there are no frames.
    images: the IMAGE batch.
    reader: the video; a VideoWriter can copy its sound.
    """

    motion: Motion | None = None
    images: Tensor | None = None
    reader: VideoReader | None = None
    _copy: Path | None = None

    @property
    def rate(self) -> Fraction | float | None:
        """Frames a second, exact where a video tells them; None for an IMAGE batch, which has no rate of its own."""
        if self.motion is not None:
            return self.motion.fps
        return None if self.reader is None else self.reader.rate

    @property
    def frame_count(self) -> int:
        """How many frames :meth:`frames` gives; near enough for a progress bar where a file is damaged."""
        if self.images is not None:
            return len(self.images)
        return 0 if self.reader is None else self.reader.frame_count

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames; zeros for a motion."""
        if self.images is not None:
            return self.images.shape[1], self.images.shape[2]
        return (0, 0) if self.reader is None else self.reader.size

    def frames(self) -> Iterator[np.ndarray]:
        """The frames (H, W, 3) uint8 from the beginning, one at a time."""
        if self.images is None:
            return iter(self.reader or ())
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
        if self.reader is not None:
            self.reader.__exit__(*reason)
        if self._copy is not None:
            self._copy.unlink(missing_ok=True)


def open_driver(value: Any, what: str = "The driver") -> Driver:
    """Open whatever a driver's socket carries. Raises MediaError."""
    if isinstance(value, Motion):
        return Driver(motion=value)
    if isinstance(value, Tensor):
        host.check_images(value, what)
        return Driver(images=value)
    if not isinstance(value, Input.Video):
        raise MediaError(f"{what} must be an IMAGE batch, a VIDEO or a FOM_MOTION, found {type(value).__name__}.")
    source, copy = value.get_stream_source(), None
    from_s, length_s = value.get_active_trim_window()
    try:
        if not isinstance(source, str):
            copy = host.temporary_file(".mp4")
            copy.write_bytes(source.getbuffer())
        return Driver(reader=VideoReader(copy or source, from_s=from_s, length_s=length_s), _copy=copy)
    except BaseException:
        if copy is not None:
            copy.unlink(missing_ok=True)
        raise


def sound_of(drivers: Sequence[Driver], length_s: float) -> dict[str, Any] | None:
    """AUDIO of the first driver that has any, so long."""
    return next((sound for driver in drivers if (sound := driver.audio(length_s)) is not None), None)
