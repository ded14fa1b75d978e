"""One animation by several processes, GPUs or machines that torchrun started.

Each paints its share of the chunks, with the same frames in a chunk as one process would have, so that the result is
the same to the last bit. What they change of the picture travels to the first process, which writes. Without torchrun
there is one process, and everything here does what the pipeline does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from . import pipeline
from .backends import Backend
from .backends.fingerprint import fingerprint
from .compose import Composition
from .errors import MediaError
from .faces.regions import with_alpha_or_rgb
from .parallel.distributed import Team, team
from .parallel.meeting import waiting_for_others
from .parallel.overlap import map_in_background, run_in_background
from .pipeline import Scene
from .types import CHUNK_SIZE, Box, Keypoints, Motion, Progress, RunOptions


def read_motion_in_team(
    model: Backend,
    frames: Iterable[np.ndarray],
    fps: float,
    *,
    box: Box | None = None,
    chunk_size: int = CHUNK_SIZE,
    progress: Progress | None = None,
) -> Motion:
    """:func:`fom_core.read_motion`; every process looks at its share of the chunks and gets the whole motion."""
    us = team()
    if us.size == 1:
        return pipeline.read_motion(model, frames, fps, box=box, chunk_size=chunk_size, progress=progress)
    count = 0

    def own() -> Generator[np.ndarray, None, None]:
        nonlocal count
        for count, frame in enumerate(frames, 1):
            if us.owner((count - 1) // chunk_size) == us.rank:
                yield frame

    found = None
    try:
        found = pipeline.track_keypoints(model, own(), box=box, chunk_size=chunk_size, progress=progress).to("cpu")
    except MediaError:
        if not count or us.share(count, chunk_size):  # else the video is too short to have a share for everybody
            raise
    parts: list[Any] = [None] * us.size
    with waiting_for_others():
        dist.all_gather_object(parts, found)
    keypoints = _in_order(us, [part for part in parts if part is not None], count, chunk_size)
    known = fingerprint(model)
    return Motion(keypoints.to(model.device), fps, model.name, model.config.learnt_size, fingerprint=known)


def animate_picture_in_team(
    model: Backend, scene: Scene, composition: Composition, run: RunOptions
) -> Iterator[np.ndarray]:
    """:func:`fom_core.animate_picture`, whose frames the first process gets; the others get none.

    The scene's drivers are a list of motions, whose length is known.
    """
    us = team()
    if us.size == 1:
        yield from pipeline.compose_picture(model, scene, composition, run)
        return
    sources, finisher = pipeline.prepared(model, scene, composition)
    numbers, hull = range(len(scene.motions[0])) if run.frames is None else run.frames, finisher.hull
    length, share = len(numbers), [numbers[index] for index in us.share(len(numbers), run.chunk_size)]
    own = pipeline.finished(model, sources, finisher, scene, RunOptions(run.chunk_size, frames=share))
    with closing(own):
        parts = map_in_background(lambda finish: finish()[:, hull[1] : hull[3], hull[0] : hull[2]], own)
        if us.first:
            for part in _gathered(us, parts, length, run):
                whole = np.repeat(with_alpha_or_rgb(scene.picture)[None], len(part), axis=0)
                whole[:, hull[1] : hull[3], hull[0] : hull[2]] = part
                yield whole
        else:
            with run_in_background(_send) as send:
                for part in parts:
                    send(part)


def _in_order(us: Team, parts: list[Keypoints], count: int, chunk_size: int) -> Keypoints:
    """Keypoints that every process found in its share, in the order of the frames."""
    numbers = [frame for each in range(us.size) for frame in Team(each, us.size).share(count, chunk_size)]
    order = np.argsort(np.array(numbers, np.int64), kind="stable")
    return Keypoints.cat(parts).pick(torch.from_numpy(order))


def _gathered(us: Team, own: Iterator[np.ndarray], length: int, run: RunOptions) -> Iterator[np.ndarray]:
    """All processes' frames in their order.

    Where memory ran short a chunk comes in pieces, and a piece may reach into its process's next chunk.
    """
    done, chunk_size = 0, run.chunk_size
    early: dict[int, np.ndarray] = {}  # by process: frames of its next chunk
    while done < length:
        owner, room = us.owner(done // chunk_size), min(chunk_size - done % chunk_size, length - done)
        piece = early.pop(owner, None)
        if piece is None:
            piece = next(own) if owner == us.rank else _receive(owner)
        if len(piece) > room:
            early[owner], piece = piece[room:], piece[:room]
        done += len(piece)
        yield piece
        if run.progress:
            run.progress(done, length)


def _send(frames: np.ndarray) -> None:
    with waiting_for_others():
        dist.send(torch.tensor(frames.shape), 0)
        dist.send(torch.from_numpy(np.ascontiguousarray(frames)), 0)


def _receive(owner: int) -> np.ndarray:
    with waiting_for_others():
        shape = torch.empty(4, dtype=torch.long)
        dist.recv(shape, owner)
        frames = torch.empty(*shape.tolist(), dtype=torch.uint8)
        dist.recv(frames, owner)
        return frames.numpy()
