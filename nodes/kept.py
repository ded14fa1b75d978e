"""What was read of drivers and pictures, kept for the next run: a changed gain reads neither of them again.

It is found by content, belongs to one model and goes with it. Never more than a fixed number of bytes is held.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..fom_core.backends import Backend
from ..fom_core.faces.regions import crop_face
from ..fom_core.pipeline import encode_face
from ..fom_core.types import FaceRegion, SourceFeatures

Value = TypeVar("Value")
MOST_BYTES = 96 << 20  # of all that is kept of one model: dozens of drivers, or faces at 256 pixels


class Kept:
    """Values by what they were made from; beyond ``most_bytes`` those go that were not used for longest."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(size for _, size in self._values.values())

    def get(self, key: Hashable | None, make: Callable[[], Value], size_of: Callable[[Value], int]) -> Value:
        """The value of a key, made where there is none. None is a key that nothing is kept under."""
        if key is not None and key in self._values:
            self._values.move_to_end(key)
            return self._values[key][0]
        value = make()
        if key is not None:
            self._values[key] = value, size_of(value)
            while self.size > self._most_bytes:
                self._values.popitem(last=False)
        return value

    def clear(self, kind: type | tuple[type, ...] = object) -> None:
        """Give up all values, or those of a kind."""
        for key in [key for key, (value, _) in self._values.items() if isinstance(value, kind)]:
            del self._values[key]


def encoded(kept: Kept, model: Backend, picture: np.ndarray, faces: Iterable[FaceRegion]) -> list[SourceFeatures]:
    """Faces of a picture (H, W, C) uint8 as the model needs them; each look of a face is encoded once."""
    return [encoded_crop(kept, model, crop_face(picture, face, model.config.image_size)) for face in faces]


def encoded_crop(kept: Kept, model: Backend, crop: np.ndarray) -> SourceFeatures:
    key = ("source", crop.shape, hashlib.sha256(np.ascontiguousarray(crop).data).digest())
    return kept.get(key, lambda: encode_face(model, crop), bytes_of_source)


def bytes_of_source(source: SourceFeatures) -> int:
    points = [source.keypoints.value, source.keypoints.jacobian]
    tensors = [source.image, source.small, source.features, *(part for part in points if part is not None)]
    return sum(tensor.nbytes for tensor in tensors)


def digest(images: Tensor) -> bytes:
    """Tells an IMAGE batch (B, H, W, C) from every other one."""
    found = hashlib.sha256(repr((tuple(images.shape), images.dtype)).encode())
    for image in images:  # one at a time: a batch may be gigabytes, and on a device
        found.update(image.cpu().contiguous().view(torch.uint8).numpy().data)
    return found.digest()
