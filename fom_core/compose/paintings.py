"""What was painted of a clip, kept so that another look lays it in without painting it again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence

import torch
from torch import Tensor

from ..pictures import to_levels
from ..types import DenseMotion, Generated


class Paintings:
    """The first frames of one clip, as many as there is room for; another clip takes their place.

    Pictures are kept as bytes. They come back as the floats of those, which become the same bytes again, but in other
    respects are not what was painted: whoever reckons with floats, or cuts fractions off, has to paint anew.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._clip: Hashable = None
        self._chunks: list[list[Generated]] = []
        self._room = self.size = 0

    def open(self, clip: Hashable, room: int) -> Paintings:
        """Be those of a clip, in at most ``room`` bytes; what was kept of another one goes."""
        if clip != self._clip or self.size > room:
            self.clear()
        self._clip, self._room = clip, room
        return self

    def completed(
        self, length: int, paint: Callable[[range], Iterator[list[Generated]]]
    ) -> Generator[list[Generated], None, None]:
        """All frames of the clip in chunks, what each face became: those that are not there are painted, and kept."""
        yield from self.frames()
        for chunk in paint(range(self.length, length)):
            self.keep(chunk)
            yield chunk

    @property
    def length(self) -> int:
        """Frames that are there."""
        return sum(len(chunk[0].prediction) for chunk in self._chunks)

    def frames(self) -> Iterator[list[Generated]]:
        """Those frames as they came, chunk by chunk what each face became."""
        for chunk in self._chunks:
            yield [Generated(each.prediction.float().div_(255), each.dense_motion) for each in chunk]

    def keep(self, chunk: Sequence[Generated]) -> None:
        """Keep the frames that follow. Of those beyond the room none, and none that come after."""
        kept = [_as_bytes(each) for each in chunk]
        size = sum(map(_bytes_of, kept))
        if not kept or self.size + size > self._room:
            self._room = 0
            return
        self._chunks.append(kept)
        self.size += size


def _as_bytes(generated: Generated) -> Generated:
    motion = generated.dense_motion
    if motion is not None:
        hidden = motion.occlusion_map
        # The shares of keypoints are many, and no look asks for them.
        motion = DenseMotion(
            motion.deformation.clone(), None if hidden is None else hidden.clone(), motion.mask[:, :0].clone()
        )
    return Generated(to_levels(generated.prediction).to(torch.uint8), motion)


def _bytes_of(generated: Generated) -> int:
    motion = generated.dense_motion
    tensors: list[Tensor | None] = [generated.prediction]
    tensors += [] if motion is None else [motion.deformation, motion.occlusion_map]
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)
