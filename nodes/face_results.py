"""What Animate Face gives of each face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ..fom_core.backends import Backend
from ..fom_core.geometry import resize_map
from ..fom_core.motion import MovedArea
from ..fom_core.types import Generated
from . import host


class Result:
    """What becomes of one face, filled chunk by chunk: IMAGE (T, h, w, C), MASK (T, H, W), and the area that moves."""

    def __init__(self, model: Backend, length: int, height: int, width: int, channels: int) -> None:
        self.frames = host.new_images(length, height, width, channels)
        self.occlusion = host.new_masks(length, *model.config.image_size)
        self.area = MovedArea()

    def add(self, start: int, generated: Generated, shown: np.ndarray | Tensor) -> None:
        """Take the frames from number ``start`` on; ``shown`` is what is handed out of them."""
        part = slice(start, start + len(generated.prediction))
        host.fill(self.frames[part], shown)
        self.area.add(generated)
        motion = generated.dense_motion
        if motion is not None and motion.occlusion_map is not None:
            size = self.occlusion.shape[1], self.occlusion.shape[2]
            self.occlusion[part] = host.to_masks(resize_map(motion.occlusion_map, size)[:, 0])

    def fill(self, known: Sequence[int]) -> None:
        """Let frames that were not added be like the last one before that was, or like the first one."""
        there = set(known)
        last = known[0] if known else None
        for number in range(len(self.frames)):
            if number in there:
                last = number
            elif last is not None:
                self.frames[number] = self.frames[last]
            else:
                self.frames[number] = 0
