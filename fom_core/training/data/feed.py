"""Where the batches of a training come from: each process makes its share of one batch that all draw alike.

So two processes learn from the same pairs as one process with the doubled batch, and a training may go on with
another number of processes as long as that product stays.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import torch

from ...parallel.distributed import rank, world_size
from ..settings import STILL_LOSSES, Stage
from .augment import Augment, Pairs
from .face_shape import FaceShape
from .frame_cache import FrameCache
from .sampler import PairSampler
from .stream import ClipData, StreamFeed


class Feed(Protocol):
    """Draws batches, and can say where it is."""

    def draw(self) -> tuple[Pairs, str]:
        """This process's share of the next batch, and what it is made of, for messages."""
        ...

    def state(self) -> dict[str, Any]:
        """Tensors and plain values from which :meth:`restore` goes on exactly."""
        ...

    def restore(self, state: dict[str, Any]) -> None: ...

    def close(self) -> None:
        """End the processes that read, if there are any. It may be drawn from again."""
        ...


class CacheFeed:
    """Pairs drawn from decoded clips, and changed as the stage says, on the device where they are needed."""

    def __init__(self, cache: FrameCache, stage: Stage, seed: int, device: torch.device | str = "cpu") -> None:
        names = ("still_share", "candidates", "mouth_share", "pose_share", "video_still_share")
        options = {name: getattr(stage, name) for name in names}
        changes = stage.augment
        options |= {"lends": bool(changes.turn), "mattes": bool(changes.layered or changes.behind)}
        options["others"] = bool(changes.behind or changes.occlude)
        self.sampler = PairSampler(cache, seed, device=device, **options)
        shape = None if cache.mesh is None else FaceShape.of_meshes(cache.mesh)
        maps = any(getattr(stage.weights, name) for name in STILL_LOSSES)
        self.augment = Augment(stage.model.image_size[0], stage.augment, seed, shape=shape, maps=maps)
        self.batch = stage.batch_size * world_size()
        self.part = slice(stage.batch_size * rank(), stage.batch_size * (rank() + 1))

    def draw(self) -> tuple[Pairs, str]:
        raw = self.sampler.draw(self.batch, self.part)
        return self.augment(raw, self.batch, self.part), f"frames of {', '.join(dict.fromkeys(raw.names))}"

    def state(self) -> dict[str, Any]:
        sampler = json.dumps(self.sampler.random.bit_generator.state)  # integers of 128 bits
        return {"sampler": sampler, "augment": self.augment.random.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.sampler.random.bit_generator.state = json.loads(state["sampler"])
        self.augment.random.set_state(state["augment"])

    def close(self) -> None:
        pass


def open_feed(data: FrameCache | ClipData, stage: Stage, seed: int, device: torch.device | str = "cpu") -> Feed:
    """This process's batches for a stage; frames of a cache have its size already, and are changed on ``device``."""
    if isinstance(data, FrameCache):
        return CacheFeed(data, stage, seed, device)
    return StreamFeed(data, stage, seed, rank=rank(), processes=world_size())


def items(data: FrameCache | ClipData, stage: Stage) -> int:
    """How many people or clips an epoch walks over."""
    return len(data.clips) if isinstance(data, FrameCache) else len(data.pairs(stage, 0))
