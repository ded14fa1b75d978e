"""Frames of a source video with their faces, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from torch import Tensor

from ..backends import Backend
from ..faces.regions import crop_face
from ..faces.tracks import FaceTracks
from ..pictures import to_batch
from ..types import FaceSet


@dataclass(frozen=True)
class SeenFrame:
    """A frame of the source, the faces that are to be moved in it, and their crops at the model's size on demand."""

    number: int
    frame: np.ndarray
    faces: FaceSet

    def crop(self, face: int, size: tuple[int, int]) -> np.ndarray:
        """What the model sees of a face."""
        return crop_face(self.frame, self.faces[face], size)


Item = tuple[SeenFrame, int]
"""One face of a frame, by its place in the frame."""


def in_frames(
    video: Iterable[np.ndarray], tracks: FaceTracks, numbers: Sequence[int], size: int
) -> Iterator[list[SeenFrame]]:
    """The frames of these numbers, which rise, some at a time."""
    wanted = iter(numbers)
    frames = enumerate(iter(video))

    def seen() -> Iterator[SeenFrame]:
        for number in wanted:
            frame = next((frame for index, frame in frames if index == number), None)
            if frame is None:  # the file became shorter
                return
            yield SeenFrame(number, frame, tracks.at(number))

    coming = seen()
    while chunk := list(islice(coming, size)):
        yield chunk


def items_of(chunk: Sequence[SeenFrame]) -> list[Item]:
    """All faces of some frames."""
    return [(seen, face) for seen in chunk for face in range(len(seen.faces))]


def images_of(model: Backend, items: Sequence[Item]) -> Tensor:
    """Crops of faces as one network batch."""
    crops = np.stack([seen.crop(face, model.config.image_size) for seen, face in items])
    return to_batch(crops, channels=model.config.num_channels, device=model.device)
