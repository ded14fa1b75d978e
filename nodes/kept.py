"""What was read of drivers and pictures, kept for the next run: a changed gain reads neither of them again.

It is found by content, belongs to one model and goes with it. Never more than a fixed number of bytes is held, of
drivers and of faces each: large faces never cost a driver, which takes far longer to read.
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
MOST_DRIVERS = 32 << 20  # bytes of all that is kept of one model's drivers: two of the longest, dozens of short ones
MOST_SOURCES = 64 << 20  # and of faces: many at 256 pixels, one at 1024, where the smallest model takes 60 MiB


class Shelf:
    """Values by what they were made from; beyond ``most_bytes`` those go that were not used for longest.

    A value that is larger by itself is not kept, and drives no other out.
    """

    def __init__(self, most_bytes: int) -> None:
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
        if key is not None and (size := size_of(value)) <= self._most_bytes:
            self._values[key] = value, size
            while self.size > self._most_bytes:
                self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        self._values.clear()


class Kept:
    """What is kept of one model: drivers, and encoded faces."""

    def __init__(self) -> None:
        self.drivers, self.sources = Shelf(MOST_DRIVERS), Shelf(MOST_SOURCES)

    @property
    def size(self) -> int:
        """In bytes."""
        return self.drivers.size + self.sources.size

    def clear(self) -> None:
        self.drivers.clear()
        self.sources.clear()


def encoded(kept: Kept, model: Backend, picture: np.ndarray, faces: Iterable[FaceRegion]) -> list[SourceFeatures]:
    """Faces of a picture (H, W, C) uint8 as the model needs them; each look of a face is encoded once."""
    return [encoded_crop(kept, model, crop_face(picture, face, model.config.image_size)) for face in faces]


def encoded_crop(kept: Kept, model: Backend, crop: np.ndarray) -> SourceFeatures:
    key = (crop.shape, hashlib.sha256(np.ascontiguousarray(crop).data).digest())
    return kept.sources.get(key, lambda: encode_face(model, crop), bytes_of_source)


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
