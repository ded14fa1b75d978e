"""Several faces of one picture in one network batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..backends import Backend
from ..resources.memory import in_chunks
from ..types import Generated, Keypoints, SourceFeatures
from .workers import Workers


@dataclass(frozen=True)
class MovingFace:
    """A source and where its keypoints go in every frame."""

    source: SourceFeatures
    keypoints: Keypoints  # (T, K)

    def only(self, frames: Sequence[int]) -> MovingFace:
        """The same face in these frames."""
        return MovingFace(self.source, self.keypoints.pick(frames))

    def painted(self, model: Backend, part: slice) -> Generated:
        """These frames. On a processor a face that stands still, as behind a driver's end, is painted once."""
        keypoints = self.keypoints[part]
        # A graphics card would be asked for another number of frames, by which its rounding differs.
        moves = moving(keypoints) if model.device.type == "cpu" else None
        if moves is None or bool(moves.all()):
            return model.generate(self.source, keypoints)
        return model.generate(self.source, keypoints.pick(moves.nonzero()[:, 0]))[moves.cumsum(0) - 1]


def moving(keypoints: Keypoints) -> Tensor:
    """(T,) whether a frame is another than the one before it, in any bit; the first one is."""
    parts = [keypoints.value] if keypoints.jacobian is None else [keypoints.value, keypoints.jacobian]
    moves = torch.ones(len(keypoints), dtype=torch.bool)
    moves[1:] = torch.stack([(part[1:] != part[:-1]).flatten(1).any(dim=1) for part in parts]).any(dim=0)
    return moves


@dataclass
class Batch:
    """Faces that go through the generator together; fewer at a time where not even one frame of all fits."""

    faces: list[MovingFace]
    # By frames of a chunk and the faces in it; the last one is kept.
    _repeated: dict[tuple[int, int, int], SourceFeatures] = field(default_factory=dict)
    _most: int | None = None  # faces that fit; None: all of them, as far as is known

    def generate(self, model: Backend, part: slice) -> list[Generated]:
        """These frames of each face."""
        if part.stop - part.start > 1:
            return self._together(model, part, slice(0, len(self.faces)))

        def work(group: slice) -> list[Generated]:
            made = self._together(model, part, group)
            self._most = max(group.stop - group.start, self._most or 1)
            return made

        groups = in_chunks(work, len(self.faces), self._most or len(self.faces))
        return [generated for group in groups for generated in group]

    def _together(self, model: Backend, part: slice, group: slice) -> list[Generated]:
        faces = self.faces[group]
        if len(faces) == 1:
            return [faces[0].painted(model, part)]
        keypoints = [face.keypoints[part] for face in faces]
        frames = len(keypoints[0])
        key = frames, group.start, group.stop
        if key not in self._repeated:
            self._repeated = {}  # its memory first
            self._repeated = {key: SourceFeatures.cat([face.source for face in faces], frames)}
        together = model.generate(self._repeated[key], Keypoints.cat(keypoints))
        return [together[slice(start, start + frames)] for start in range(0, frames * len(faces), frames)]


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


def generated(model: Backend, batches: Sequence[Batch], part: slice, workers: Workers) -> list[Generated]:
    """These frames of all faces."""
    pieces = workers.pieces(part, among=len(batches))
    tasks = [(batch, piece) for batch in batches for piece in pieces]
    done = workers.map(lambda task: task[0].generate(model, task[1]), tasks)
    by_batch = [done[first : first + len(pieces)] for first in range(0, len(done), len(pieces))]
    return [Generated.cat(of_face) for of_batch in by_batch for of_face in zip(*of_batch, strict=True)]
