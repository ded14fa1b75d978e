"""Smoothing keypoints as they come: the One Euro filter (Casiez, Roussel and Vogel, CHI 2012).

A low-pass whose cutoff rises with speed: what stands still does not tremble, and what moves does not lag.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import UsageError
from ..types import Keypoints

CALMEST_HZ = 0.5  # cutoff at rest, at full strength; half the strength, twice as high
SPEED_HZ = 20.0  # by how much it rises for each unit (half a view) a second
DERIVATIVE_HZ = 1.0  # of the speed itself, as the authors have it


class OneEuro:
    """Takes the jitter out of keypoints of one driver, one frame at a time; knows nothing of what comes.

    strength: 0 gives keypoints back as they are; 1 is calmest at rest.
    Raises UsageError for another strength.
    """

    def __init__(self, strength: float) -> None:
        if not 0 <= strength <= 1:
            raise UsageError(f"The strength of smoothing lies between 0 (off) and 1; got {strength:g}.")
        self._strength = strength
        self._last: tuple[float, Keypoints, Keypoints] | None = None  # when, as they came, smoothed
        self._speed = torch.zeros(0)

    def reset(self) -> None:
        """Forget what was before: the next keypoints stay as they are."""
        self._last = None

    def __call__(self, keypoints: Keypoints, at_s: float) -> Keypoints:
        """(1, K) keypoints of the moment ``at_s`` on any clock that goes forward; jacobians go with their points."""
        if not self._strength:
            return keypoints
        if self._last is None:
            self._speed = torch.zeros_like(keypoints.value)
            self._last = at_s, keypoints, keypoints
            return keypoints
        before_s, came, smoothed = self._last
        step_s = at_s - before_s
        if step_s <= 0:
            return smoothed
        speed = (keypoints.value - came.value) / step_s
        self._speed = torch.lerp(self._speed, speed, _share(torch.tensor(DERIVATIVE_HZ), step_s).to(speed))
        cutoff = CALMEST_HZ / self._strength + SPEED_HZ * self._speed.norm(dim=-1, keepdim=True)  # (1, K, 1)
        share = _share(cutoff, step_s)
        jacobian = keypoints.jacobian
        if jacobian is not None and smoothed.jacobian is not None:
            jacobian = torch.lerp(smoothed.jacobian, jacobian, share[..., None])
        result = Keypoints(torch.lerp(smoothed.value, keypoints.value, share), jacobian)
        self._last = at_s, keypoints, result
        return result


def _share(cutoff_hz: Tensor, step_s: float) -> Tensor:
    """Of the new value in an exponential average with this cutoff."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s))
