"""A VIDEO as newer hosts have it: cropped or resized, which its stream source knows nothing of."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch

from fom_core.media import VideoReader, VideoWriter


def cropped(path: Any, rect: tuple[int, int, int, int], part: tuple[float, float] = (0.0, 0.0)) -> Any:
    """A video file of which (x, y, width, height) is shown, of the part (start, duration) in seconds."""
    x, y, width, height = rect
    return edited(path, lambda frame: frame[y : y + height, x : x + width], part)


def resized(path: Any, width: int, height: int) -> Any:
    return edited(path, lambda frame: cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA))


def edited(path: Any, edit: Any, part: tuple[float, float] = (0.0, 0.0)) -> Any:
    from comfy_api.latest import Input

    class Edited(Input.Video):
        """``saved`` counts how often it was written."""

        saved = 0

        def reader(self) -> VideoReader:
            return VideoReader(path, from_s=part[0], length_s=part[1])

        def frames(self) -> np.ndarray:
            return np.stack([edit(frame) for frame in self.reader()])

        def has_pending_frame_edits(self) -> bool:
            return True

        def get_stream_source(self) -> str:
            return str(path)

        def get_active_trim_window(self) -> tuple[float, float]:
            return part

        def get_dimensions(self) -> tuple[int, int]:
            return self.frames().shape[2], self.frames().shape[1]

        def get_frame_count(self) -> int:
            return len(self.frames())

        def get_frame_rate(self) -> Fraction:
            return Fraction(self.reader().rate)

        def get_components(self) -> SimpleNamespace:
            images = torch.from_numpy(self.frames()).float() / 255
            return SimpleNamespace(images=images, frame_rate=self.get_frame_rate(), audio=None, alpha=None)

        def save_to(self, target: Any, crf: float | None = None, **_: Any) -> None:
            width, height = self.get_dimensions()
            assert width % 2 == height % 2 == 0, "libx264 refuses odd sizes"
            self.saved += 1
            with VideoWriter(target, self.reader().rate, audio_from=self.reader(), crf=int(crf or 23)) as writer:
                writer.write(self.frames())

        def as_trimmed(self, start_time: Any = None, duration: Any = None, strict_duration: bool = False) -> Any:
            return edited(path, edit, (part[0] + (start_time or 0), duration or 0))

    return Edited()
