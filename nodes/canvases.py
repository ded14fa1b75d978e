"""What Animate Face hands out of each face: a canvas of the composed picture, or what the model paints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..fom_core.backends import Backend
from ..fom_core.compose import Composer, canvas_box, open_composer
from ..fom_core.compose.sparing import Sparing
from ..fom_core.faces.regions import crop_face
from ..fom_core.pictures import resize_picture, to_pictures
from ..fom_core.types import FaceSet, Generated, SourceFeatures
from . import host
from .kept import Kept, encoded
from .sockets import PictureFaces

PREVIEW_FACES, PREVIEW_PX = 8, 256


@dataclass(frozen=True)
class Shown:
    """Frames of each face, (T, h, w, C) uint8 cut out of composed ones, or (T, C, h, w) in [0, 1] as painted."""

    frames: list[np.ndarray | Tensor]
    crops: Callable[[], list[np.ndarray]]  # the newest frame of each face

    def side_by_side(self) -> np.ndarray:
        """The newest frame of the first faces as one picture."""
        return np.hstack([resize_picture(crop, (PREVIEW_PX, PREVIEW_PX)) for crop in self.crops()[:PREVIEW_FACES]])


class HandingOut:
    """Makes the frames of all faces; those of one picture are composed together.

    compose: whether to, if the model can be composed.
    kept:    where encoded faces are found again.
    """

    def __init__(self, model: Backend, faces: PictureFaces, compose: bool, kept: Kept) -> None:
        self.sources: list[SourceFeatures] = []
        self._members: list[FaceSet] = []
        self._composers: list[Composer] = []
        self._sparing = Sparing(self._begin, joined)
        for picture, members in pictures_with_faces(faces):
            sources = encoded(kept, model, picture, members)
            self.sources += sources
            composer = open_composer(model, picture, members, sources) if compose else None
            if composer is not None:
                self._composers.append(composer)
                self._members.append(members)
        self._painted_size = model.config.image_size
        self._channels = 4 if faces.pictures.shape[-1] == 4 else 3

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """Height, width and channels of the frames of each face."""
        if not self._composers:
            return [(*self._painted_size, 3)] * len(self.sources)
        boxes = [canvas_box(face) for members in self._members for face in members]
        return [(bottom - top, right - left, self._channels) for left, top, right, bottom in boxes]

    def pieces(self, chunk: Sequence[Generated]) -> Iterator[tuple[Sequence[Generated], Callable[[], Shown]]]:
        """Start on the frames of a chunk, in parts where memory is short: each with a call that gives them.

        The call may come from any thread.
        """
        for piece in self._sparing.pieces(chunk):
            yield piece, self._sparing.begin(piece)

    def _begin(self, chunk: Sequence[Generated]) -> Callable[[], Shown]:
        if not self._composers:
            return lambda: Shown([generated.prediction for generated in chunk], lambda: [*map(newest, chunk)])
        calls, first = [], 0
        for composer, members in zip(self._composers, self._members, strict=True):
            calls.append(composer.begin(chunk[first : first + len(members)]))
            first += len(members)
        return lambda: self._cut([call() for call in calls])

    def _cut(self, whole: list[np.ndarray]) -> Shown:
        """Each face's canvas out of the frames (T, H, W, C) of each picture."""
        pairs = [(frames, face) for frames, members in zip(whole, self._members, strict=True) for face in members]
        boxes = [(frames, canvas_box(face)) for frames, face in pairs]
        return Shown(
            [frames[:, top:bottom, left:right] for frames, (left, top, right, bottom) in boxes],
            lambda: [crop_face(frames[-1], face, (PREVIEW_PX, PREVIEW_PX)) for frames, face in pairs],
        )


def joined(parts: Sequence[Shown]) -> Shown:
    """Consecutive frames as one."""
    faces = zip(*(part.frames for part in parts), strict=True)
    return Shown([together(frames) for frames in faces], parts[-1].crops)


def together(parts: Sequence[np.ndarray | Tensor]) -> np.ndarray | Tensor:
    """Frames of one kind, one after the other."""
    tensors = [part for part in parts if isinstance(part, Tensor)]
    return torch.cat(tensors) if tensors else np.concatenate([np.asarray(part) for part in parts])


def pictures_with_faces(faces: PictureFaces) -> list[tuple[np.ndarray, FaceSet]]:
    """The pictures that have faces, (H, W, C) uint8 as on the command line, and the faces of each."""
    used = [index for index, members in enumerate(faces.sets) if len(members)]
    pictures = host.to_pictures(faces.pictures[used], "The picture of the faces")
    return list(zip(pictures, [faces.sets[index] for index in used], strict=True))


def crops_of(faces: PictureFaces, model: Backend) -> list[np.ndarray]:
    """The part around each face at the model's size."""
    return [
        crop_face(host.to_pictures(image[None], "The picture of the faces")[0], face, model.config.image_size)
        for image, members in faces.shown()
        for face in members
    ]


def newest(generated: Generated) -> np.ndarray:
    """The last frame that was painted, (H, W, 3) uint8."""
    return to_pictures(generated.prediction[-1:])[0]
