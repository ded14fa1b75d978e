"""What tells models of one name apart: where each finds its keypoints in pictures that a formula gives.

All forms of one model (half precision, int8, exported, at another size) find them at nearly the same places; a few
steps of training move them further.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..motion.elsewhere import carried
from ..networks.config import ModelConfig
from ..types import Keypoints, Motion
from .protocol import Backend

log = logging.getLogger(__name__)
PICTURES = 2
APART = 0.2  # of two models: forms of one were seen up to 0.12 apart (ONNX, int8), five steps of training from 0.27
ROUNDING = 1e-3  # the least distance that counts, where all keypoints lie in one place
HEAD = ((0.5, 0.05), (0.45, 0.09))  # middle and breadth of a bright spot, across and down
_known: WeakKeyDictionary[Backend, tuple[float, ...]] = WeakKeyDictionary()


def fingerprint(model: Backend) -> tuple[float, ...]:
    """Where the model finds keypoints in its check pictures: x and y of each, picture after picture.

    Takes a picture's time on the first call; networks in training are asked anew each time.
    """
    if isinstance(model, nn.Module):
        return _found(model)
    if model not in _known:
        _known[model] = _found(model)
    return _known[model]


def fingerprint_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """How far two fingerprints are apart, over the extent of the keypoints; infinite for other numbers, or none."""
    if not one or len(one) != len(other) or len(one) % (2 * PICTURES):
        return math.inf
    here, there = (torch.tensor(each, dtype=torch.float64).view(PICTURES, -1, 2) for each in (one, other))
    extent = max(float((points - points.mean(dim=1, keepdim=True)).square().mean().sqrt()) for points in (here, there))
    return float((here - there).square().mean().sqrt()) / max(extent, ROUNDING / APART)


def check_motion(model: Backend, motion: Motion, *, warn: bool = True) -> None:
    """Raise UsageError for a motion of another model; a warning where it only bears this one's name.

    A model whose file was renamed is known by its fingerprint. Motions without one are taken at their word. What the
    keypoints themselves tell comes first: networks run only where those agree.
    """
    named, points = motion.model == model.name, model.config.keypoint_detector
    whose = f"another model that is called '{model.name}' as well" if named else f"the model '{motion.model}'"
    theirs, ours = _kind(*_shape(motion.keypoints)), _kind(points.num_kp, points.estimate_jacobian)
    if theirs != ours:
        raise UsageError(
            f"This motion was read with {whose} ({theirs}), which means nothing to '{model.name}' ({ours}). Use that "
            "model, or read the driving video again with this one."
        )
    if named and (motion.fingerprint is None or not warn):
        return
    if motion.fingerprint is not None and fingerprint_distance(motion.fingerprint, fingerprint(model)) <= APART:
        return
    if not named:
        raise UsageError(
            f"This motion was read with {whose}, whose {theirs} lie elsewhere than those of '{model.name}' and mean "
            "nothing to it. Use that model, or read the driving video again with this one."
        )
    log.warning(
        "This motion was read with another model that is called '%s' as well, or with an earlier state of it, "
        "whose keypoints lie elsewhere: faces will bend in wrong places. Use that model, or read the driving video "
        "again with this one (fom motion).", model.name,
    )  # fmt: skip


def check_keypoints(model: Backend, keypoints: Keypoints) -> None:
    """Raise UsageError for other numbers of keypoints than the model has."""
    found, wanted = _shape(keypoints)[0], model.config.keypoint_detector.num_kp
    if found != wanted:
        raise UsageError(
            f"The driver has {found} keypoints, and '{model.name}' has {wanted}. Take those of this model."
        )


def fitting_motion(model: Backend, motion: Motion, *, warn: bool = True) -> Motion:
    """The motion for this model: its own, or carried to its keypoints. Raises UsageError where it cannot be.

    warn: off where the same motion was looked at before.
    """
    try:
        check_motion(model, motion, warn=warn)
    except UsageError:
        found = carried(motion, model.name)
        if found is motion:
            raise
        return found
    return motion


def _shape(keypoints: Keypoints) -> tuple[int, bool]:
    """How many they are, and whether they have jacobians."""
    return keypoints.value.shape[1], keypoints.jacobian is not None


def _kind(points: int, jacobians: bool) -> str:
    return f"{points} keypoints {'with' if jacobians else 'without'} jacobians"


@torch.no_grad()
def _found(model: Backend) -> tuple[float, ...]:
    points = [
        model.detect_keypoints(picture[None].to(model.device)).value[0].float().cpu()
        for picture in fingerprint_pictures(model.config)
    ]
    return tuple(round(number, 4) for number in torch.cat(points).flatten().tolist())


def fingerprint_pictures(config: ModelConfig) -> Tensor:
    """Waves and a bright spot, the same at any size: (2, C, H, W) in [0, 1]."""
    height, width = config.image_size
    y = ((torch.arange(height, dtype=torch.float64) + 0.5) / height)[:, None]
    x = ((torch.arange(width, dtype=torch.float64) + 0.5) / width)[None]
    (x0, broad), (y0, high) = HEAD
    spot = torch.exp(-((x - x0) ** 2 / broad + (y - y0) ** 2 / high))
    pictures = []
    for number in range(PICTURES):
        for channel in range(config.num_channels):
            across = torch.sin(2 * math.pi * ((2 + number) * x + (1 + channel) * y + 0.13 * channel))
            down = torch.cos(2 * math.pi * (1.5 * (1 + channel) * x - (3 - number) * y + 0.31 * number))
            shade = (0.9, 0.7, 0.6)[channel % 3]
            pictures.append(0.25 + 0.11 * (across + down) + 0.5 * shade * spot)
    return torch.stack(pictures).view(PICTURES, -1, height, width).clamp(0, 1).float()
