"""How fast to learn at which moment, and how slowly the averaged weights follow."""

from __future__ import annotations

import math

from .settings import Stage


def learning_rate_factor(stage: Stage, step: int, progress: float) -> float:
    """What the learning rates are multiplied with before step ``step``; ``progress`` is the done share of the stage.

    A rise over the first steps, a drop to a tenth behind each milestone, and a cosine down to zero at the end.
    """
    warm_up = min(1.0, (step + 1) / (stage.warm_up + 1))
    drops = sum(step >= milestone for milestone in stage.step_milestones)
    decayed = max(0.0, 1 - (1 - progress) / stage.decay_share) if stage.decay_share else 0.0
    return warm_up * 0.1**drops * (0.5 + 0.5 * math.cos(math.pi * decayed))


def average_decay(stage: Stage, step: int) -> float:
    """Share of the averaged weights that stays in step ``step``: little at first, when weights still change a lot."""
    return min(stage.ema, (1 + step) / (10 + step))
