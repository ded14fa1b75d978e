"""One animation by several processes, GPUs or machines that torchrun started.

Each paints its share of the chunks, with the same frames in a chunk as one process would have, so that the result is
the same to the last bit. What they change of the picture travels to the first process, which writes. Without torchrun
there is one process, and everything here does what the pipeline does.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from . import pipeline
from .backends import Backend
from .errors import FomError, MediaError
from .faces.regions import with_alpha_or_rgb
from .overlap import applied, behind
from .types import Box, FaceSet, Keypoints, Motion, MotionTransfer

PATIENCE = timedelta(hours=1)  # that a process may take for what the others wait for
FAILED = "fom: failed"


class OtherProcessFailed(FomError):
    """Another process of this run ended before its work was done; it says why."""


@dataclass(frozen=True)
class Team:
    """Who takes part: the number of this process, and how many there are."""

    rank: int
    size: int

    @property
    def first(self) -> bool:
        return self.rank == 0

    def owner(self, chunk: int) -> int:
        """Which process paints a chunk."""
        return chunk % self.size

    def share(self, length: int, chunk_size: int) -> list[int]:
        """The frames that this process paints, in whole chunks."""
        return [frame for frame in range(length) if self.owner(frame // chunk_size) == self.rank]


def team() -> Team:
    """The processes that work together; one where :func:`joined` did not find others."""
    return Team(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Team(0, 1)


def rank() -> int:
    """Number of this process as the launcher gave it, 0 without one; only the first one speaks."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Work together with the processes of the launcher, if there is one; gives the device of this process.

    ``auto`` and ``cuda`` become the GPU of the process's number on its machine. When one process fails, the others
    raise OtherProcessFailed from whatever they wait for, and :func:`speaks_of_failure` is true in one of them.
    """
    if "RANK" not in os.environ or dist.is_initialized():
        yield device
        return
    if device in ("auto", "cuda") and torch.cuda.is_available():
        device = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    store, own, size = next(iter(rendezvous("env://", timeout=PATIENCE)))
    _store.append(store)
    dist.init_process_group("gloo", store=store, rank=own, world_size=size, timeout=PATIENCE)
    yield device
    with _from_others():
        dist.barrier()
    dist.destroy_process_group()
    _store.clear()


_store: list[Any] = []  # of the running group: where a failure is noted


def speaks_of_failure(error: BaseException) -> bool:
    """Whether this process is the one that tells why all of them end: the first that failed by itself."""
    if not _store:
        return True
    if isinstance(error, OtherProcessFailed) and rank() != 0:
        return False
    try:
        return _store[0].compare_set(FAILED, "", str(rank())).decode() == str(rank())
    except RuntimeError:  # the launcher is gone, and its store with it
        return rank() == 0


def read_motion(
    model: Backend,
    frames: Iterable[np.ndarray],
    fps: float,
    *,
    box: Box | None = None,
    chunk_size: int = 8,
    progress: pipeline.Progress | None = None,
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
    with _from_others():
        dist.all_gather_object(parts, found)
    keypoints = _in_order(us, [part for part in parts if part is not None], count, chunk_size)
    return Motion(keypoints.to(model.device), fps, model.name, model.config.learnt_size)


def animate_picture(
    model: Backend,
    picture: np.ndarray,
    faces: FaceSet,
    motions: Sequence[Motion],
    transfer: MotionTransfer | None = None,
    *,
    chunk_size: int = 8,
    frames: Sequence[int] | None = None,
    progress: pipeline.Progress | None = None,
    **finishing: Any,
) -> Iterator[np.ndarray]:
    """:func:`fom_core.animate_picture`, whose frames the first process gets; the others get none."""
    us = team()
    if us.size == 1:
        yield from pipeline.animate_picture(
            model, picture, faces, motions, transfer,
            chunk_size=chunk_size, frames=frames, progress=progress, **finishing,
        )  # fmt: skip
        return
    sources, finisher = pipeline.prepared(model, picture, faces, **finishing)
    frames, hull = range(len(motions[0])) if frames is None else frames, finisher.hull
    length, share = len(frames), [frames[index] for index in us.share(len(frames), chunk_size)]
    own = pipeline.finished(model, sources, finisher, motions, transfer, chunk_size=chunk_size, frames=share)
    with closing(own):
        parts = applied(lambda finish: finish()[:, hull[1] : hull[3], hull[0] : hull[2]], own)
        if us.first:
            for part in _gathered(us, parts, length, chunk_size, progress):
                whole = np.repeat(with_alpha_or_rgb(picture)[None], len(part), axis=0)
                whole[:, hull[1] : hull[3], hull[0] : hull[2]] = part
                yield whole
        else:
            with behind(_send) as send:
                for part in parts:
                    send(part)


def _in_order(us: Team, parts: list[Keypoints], count: int, chunk_size: int) -> Keypoints:
    """Keypoints that every process found in its share, in the order of the frames."""
    numbers = [frame for each in range(us.size) for frame in Team(each, us.size).share(count, chunk_size)]
    order = np.argsort(np.array(numbers, np.int64), kind="stable")
    return Keypoints.cat(parts).pick(torch.from_numpy(order))


def _gathered(
    us: Team, own: Iterator[np.ndarray], length: int, chunk_size: int, progress: pipeline.Progress | None
) -> Iterator[np.ndarray]:
    """All processes' frames in their order.

    Where memory ran short a chunk comes in pieces, and a piece may reach into its process's next chunk.
    """
    done = 0
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
        if progress:
            progress(done, length)


def _send(frames: np.ndarray) -> None:
    with _from_others():
        dist.send(torch.tensor(frames.shape), 0)
        dist.send(torch.from_numpy(np.ascontiguousarray(frames)), 0)


def _receive(owner: int) -> np.ndarray:
    with _from_others():
        shape = torch.empty(4, dtype=torch.long)
        dist.recv(shape, owner)
        frames = torch.empty(*shape.tolist(), dtype=torch.uint8)
        dist.recv(frames, owner)
        return frames.numpy()


@contextmanager
def _from_others() -> Iterator[None]:
    """Raise OtherProcessFailed when a process that is waited for is gone."""
    try:
        yield
    except RuntimeError as error:
        raise OtherProcessFailed(
            "Another process of this run ended before its work was done. Look at its messages, and at the memory."
        ) from error
