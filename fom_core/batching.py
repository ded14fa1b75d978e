"""Several faces of one picture in one network batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from .backends import Backend
from .crew import Crew
from .types import Generated, Keypoints, SourceFeatures


@dataclass(frozen=True)
class MovingFace:
    """A source and where its keypoints go in every frame."""

    source: SourceFeatures
    keypoints: Keypoints  # (T, K)

    def only(self, frames: Sequence[int]) -> MovingFace:
        """The same face in these frames."""
        return MovingFace(self.source, self.keypoints.pick(frames))


@dataclass
class Batch:
    """Faces that go through the generator together."""

    faces: list[MovingFace]
    _repeated: dict[int, SourceFeatures] = field(default_factory=dict)  # by frames of a chunk; the last one is kept

    def generate(self, model: Backend, part: slice) -> list[Generated]:
        """These frames of each face."""
        if len(self.faces) == 1:
            return [model.generate(self.faces[0].source, self.faces[0].keypoints[part])]
        keypoints = [face.keypoints[part] for face in self.faces]
        frames = len(keypoints[0])
        if frames not in self._repeated:
            self._repeated = {frames: SourceFeatures.cat([face.source for face in self.faces], frames)}
        together = model.generate(self._repeated[frames], Keypoints.cat(keypoints))
        return [together[slice(start, start + frames)] for start in range(0, frames * len(self.faces), frames)]


def in_batches(faces: list[MovingFace], device: torch.device) -> list[Batch]:
    """Which faces go through the generator together: on a GPU all of one size, on the CPU each by itself.

    There it is no slower alone, and needs less memory.
    """
    if device.type == "cpu":
        return [Batch([face]) for face in faces]
    batches: list[Batch] = []
    for face in faces:
        if batches and batches[-1].faces[0].source.image.shape == face.source.image.shape:
            batches[-1].faces.append(face)
        else:
            batches.append(Batch([face]))
    return batches


def generated(model: Backend, batches: Sequence[Batch], part: slice, crew: Crew) -> list[Generated]:
    """These frames of all faces."""
    pieces = crew.pieces(part, among=len(batches))
    tasks = [(batch, piece) for batch in batches for piece in pieces]
    done = crew.map(lambda task: task[0].generate(model, task[1]), tasks)
    by_batch = [done[first : first + len(pieces)] for first in range(0, len(done), len(pieces))]
    return [Generated.cat(of_face) for of_batch in by_batch for of_face in zip(*of_batch, strict=True)]
