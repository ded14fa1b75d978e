"""How far a motion bends a face, beside what the limits of poses stand for."""

from __future__ import annotations

import logging

import torch

from ..errors import UsageError
from ..types import Motion
from .directions import PoseDirections, load_directions
from .rest import apart, rested
from .similarity import fit_similarity
from .timing import held

log = logging.getLogger(__name__)
MOST = 1.2  # times the farthest of a pose's limits; the widest motion that comes along, sing, reaches 0.98
MORE = 1.01  # times what a motion reaches by itself


def bend(motion: Motion) -> float:
    """The farthest that a keypoint goes besides the head as a whole, where the picture's side is 2."""
    motion = rested(motion)
    assert motion.neutral is not None
    rest, value = motion.neutral.value, held(motion).keypoints.value
    return float(apart(fit_similarity(rest, value).undo(value), rest).max())


def tell_reach(before: Motion, after: Motion) -> None:
    """One line where what was put together bends the face further than its model is known to hold."""
    try:
        most = MOST * _reach(load_directions(after.model))
    except UsageError:  # nobody measured it
        return
    found = bend(after)
    if found > max(most, MORE * bend(before)):
        log.warning(
            "All of the movement together bends the face %.1f times as far as is known to hold, and it may tear: take "
            "less of the pose, the mix or the amplitude.", found / most,
        )  # fmt: skip


def _reach(directions: PoseDirections) -> float:
    """The farthest bend of one control at its limit."""
    rest = directions.neutral.value
    ends = [(name, torch.tensor([end])) for name in directions.learnt for end in directions.limits.get(name, ())]
    values = [directions.keypoints({name: end}).value for name, end in ends]
    return max((float(apart(fit_similarity(rest, value).undo(value), rest).max()) for value in values), default=1.0)
