"""Painting the faces of a source video, and making whole frames of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..backends import Backend
from ..compose.composition import Composition
from ..compose.finish import composable, finisher_at, needs_stills
from ..faces.regions import with_alpha_or_rgb
from ..faces.tracks import FaceTrack, FaceTracks
from ..parallel.workers import Workers
from ..resources.memory import in_chunks
from ..types import Generated, Keypoints
from .frames import Item, SeenFrame, images_of, items_of

STILL_EVERY = 16  # frames after which it is looked anew at what the model hides of a face in its own pose


@dataclass(frozen=True)
class MovingTrack:
    """A face of a video in motion: keypoints as they are, and where they go, (T, K) each."""

    track: FaceTrack
    own: Keypoints
    moved: Keypoints


@dataclass(frozen=True)
class PaintedFrame:
    """A frame with what each of its faces became, and what the model made of it in its own pose, if that is needed."""

    seen: SeenFrame
    generated: list[Generated]
    stills: list[Generated]


class VideoPainter:
    """Paints the faces of consecutive chunks of a video, and makes whole frames of them.

    Of a video of which some frames are wanted, it has to be given all those of :meth:`with_stills`.
    """

    def __init__(
        self,
        model: Backend,
        tracks: FaceTracks,
        faces: Sequence[MovingTrack],
        composition: Composition,
        chunk_size: int,
    ) -> None:
        self._model, self._tracks, self._faces, self._composition = model, tracks, faces, composition
        self._size = chunk_size * max(1, len(tracks))
        self._still_every = 0 if not needs_stills(composition) else 1 if composition.colour_match else STILL_EVERY
        self._starts = [{run.start for run in face.track.runs()} for face in faces]
        self._stills: dict[int, tuple[int, Generated]] = {}  # by id of the face: since which frame
        self._told = False

    def with_stills(self, numbers: Sequence[int]) -> list[int]:
        """These numbers of frames, and those at which it is looked at what the model hides of the faces in them."""
        needed = set(numbers)
        if self._still_every > 1:
            for number in numbers:
                for face in self._tracks.at(number):
                    begins = max(start for start in self._starts[face.id] if start <= number)
                    needed.add(max(begins, number - number % self._still_every))
        return sorted(needed)

    def paint(self, chunk: Sequence[SeenFrame], workers: Workers) -> list[PaintedFrame]:
        """The next frames; several faces go through the networks together, in pieces where memory is short."""
        items = items_of(chunk)
        anew = self._looks(chunk)

        def generate(part: slice) -> list[tuple[Generated, Generated | None]]:
            pieces = workers.map(lambda piece: self._generate(items[piece], anew), workers.pieces(part))
            return [made for piece in pieces for made in piece]

        made = [each for part in in_chunks(generate, len(items), self._size) for each in part] if items else []
        results, at = [], 0
        for seen in chunk:
            here = made[at : at + len(seen.faces)]
            at += len(seen.faces)
            results.append(PaintedFrame(seen, [moved for moved, _ in here], self._held(seen, here)))
        return results

    @torch.inference_mode()
    def whole(self, frames: Sequence[PaintedFrame]) -> np.ndarray:
        """The frames (t, H, W, C) with their faces in place; in any thread."""
        return np.stack([self._finished(frame) for frame in frames])

    def _finished(self, painted: PaintedFrame) -> np.ndarray:
        frame, faces = painted.seen.frame, painted.seen.faces
        if not len(faces):
            return with_alpha_or_rgb(frame)
        finisher = finisher_at(frame, faces, painted.stills, self._composition, self._model.config.flow_unit)
        return finisher.begin(painted.generated)()[0]

    def _looks(self, chunk: Sequence[SeenFrame]) -> set[tuple[int, int]]:
        """Numbers of frames and faces for which it is looked anew at what the model makes of them at rest.

        By the numbers alone, so that chunks of any size, and some frames of all, give the same ones.
        """
        anew: set[tuple[int, int]] = set()
        if not self._still_every:
            return anew
        for seen in chunk:
            for face in seen.faces:
                if seen.number in self._starts[face.id] or seen.number % self._still_every == 0:
                    anew.add((seen.number, face.id))
        return anew

    def _held(self, seen: SeenFrame, made: Sequence[tuple[Generated, Generated | None]]) -> list[Generated]:
        """Of each face of a frame the newest look at it at rest."""
        if not self._still_every:
            return []
        for face, (_, still) in zip(seen.faces, made, strict=True):
            if still is not None:
                self._stills[face.id] = seen.number, still
        stills = [self._stills[face.id][1] for face in seen.faces]
        if stills and not self._told:
            self._told = True
            self._composition = composable(self._model, stills, self._composition)
        return stills

    def _generate(self, items: Sequence[Item], anew: set[tuple[int, int]]) -> list[tuple[Generated, Generated | None]]:
        """What becomes of some faces, each in one frame, and what the model makes of those that are looked at anew."""
        model, moving = self._model, [(self._faces[seen.faces[face].id], seen.number) for seen, face in items]
        own, moved = (
            Keypoints.cat([getattr(face, which)[number : number + 1] for face, number in moving]).to(model.device)
            for which in ("own", "moved")
        )
        source = model.encode_source(images_of(model, items), own)
        generated = model.generate(source, moved)
        stills: dict[int, Generated] = {}
        again = [index for index, (seen, face) in enumerate(items) if (seen.number, seen.faces[face].id) in anew]
        if again:
            at_rest = model.generate(source.pick(again), own.pick(again))
            stills = {index: at_rest[slice(place, place + 1)] for place, index in enumerate(again)}
        return [(generated[slice(index, index + 1)], stills.get(index)) for index in range(len(items))]
