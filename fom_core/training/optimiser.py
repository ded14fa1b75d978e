"""The authors' optimiser, in which the networks of motion may learn more slowly than the rest."""

from __future__ import annotations

import torch
from torch import nn

from ..networks.dense_motion import DenseMotionNetwork
from ..networks.keypoint_detector import KeypointDetector

MOTION = (KeypointDetector, DenseMotionNetwork)


def adam(module: nn.Module, lr: float, motion_share: float = 1.0, **way: bool) -> torch.optim.Adam:
    """Adam for all parameters of a module, in groups whose learning rate ``base`` a schedule changes.

    motion_share: the share of the learning rate that the networks of motion get.
    way:          how it computes: ``fused``, ``capturable``.
    """
    motion = {id(p) for part in module.modules() if isinstance(part, MOTION) for p in part.parameters()}
    groups = [
        {"params": [p for p in module.parameters() if (id(p) in motion) == chosen], "base": lr * share}
        for chosen, share in ((True, motion_share), (False, 1.0))
    ]
    return torch.optim.Adam([group for group in groups if group["params"]], betas=(0.5, 0.999), **way)
