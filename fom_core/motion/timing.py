"""The course of a motion in time: calming it, other frame rates, other lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UsageError
from ..types import Keypoints, Motion

Length = Literal["hold", "loop", "shortest"]
"""Of several drivers: as long as the longest, where the others hold their last frame or start anew; or the shortest."""

WIDTH_S = 0.2  # standard deviation of the gaussian at full strength; a syllable takes about as long
M = TypeVar("M", Keypoints, Motion)


def smooth(motion: M, strength: float, fps: float | None = None) -> M:
    """Take the jitter out of a motion without delaying it.

    A gaussian over time, ``strength`` × 0.2 s wide, so that the frame rate does not matter; jacobians alike. 0 gives
    the motion back as it is. Near the ends the average is over the frames there are. ``fps`` is for keypoints only.
    """
    if not 0 <= strength <= 1:
        raise UsageError(f"The strength of smoothing lies between 0 (off) and 1; got {strength:g}.")
    if isinstance(motion, Motion):
        return replace(motion, keypoints=smooth(motion.keypoints, strength, fps or motion.fps))
    sigma = strength * WIDTH_S * _positive(fps)  # in frames
    if sigma == 0:
        return motion
    reach = min(int(4 * sigma) + 1, len(motion) - 1)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
    jacobian = None if motion.jacobian is None else _average(motion.jacobian, weights)
    return Keypoints(_average(motion.value, weights), jacobian)


def resample(keypoints: Keypoints, fps: float, to_fps: float) -> Keypoints:
    """The same course at another frame rate: each frame shows the nearest moment, the duration stays."""
    if _positive(fps) == _positive(to_fps):
        return keypoints
    length = max(1, round(len(keypoints) * to_fps / fps))
    nearest = (torch.arange(length, dtype=torch.float64) * (fps / to_fps) + 0.5).floor().long()
    return keypoints.pick(nearest.clamp(max=len(keypoints) - 1))


def fit_length(keypoints: Keypoints, length: int, mode: Literal["hold", "loop"]) -> Keypoints:
    """Exactly ``length`` frames: cut, or continued by the last frame (hold) or from the first one again (loop)."""
    if length <= len(keypoints):
        return keypoints[:length]
    frames = torch.arange(length)
    return keypoints.pick(frames % len(keypoints) if mode == "loop" else frames.clamp(max=len(keypoints) - 1))


def align(motions: Sequence[Motion], fps: float, length: Length = "hold") -> list[Motion]:
    """Bring drivers of any frame rate and length to one rate and one length."""
    courses = [resample(motion.keypoints, motion.fps, fps) for motion in motions]
    lengths = [len(course) for course in courses]
    count, mode = (min(lengths), "hold") if length == "shortest" else (max(lengths), length)
    return [
        replace(motion, keypoints=fit_length(course, count, mode), fps=fps)
        for motion, course in zip(motions, courses, strict=True)
    ]


def _average(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of (T, ...) over neighbouring frames, of those that exist."""
    frames = values.detach().cpu().double().flatten(1).T[:, None]  # (N, 1, T); not every device knows doubles
    kernel = weights.to(frames)[None, None]
    padding = len(weights) // 2
    share = F.conv1d(torch.ones_like(frames[:1]), kernel, padding=padding)
    mean = F.conv1d(frames, kernel, padding=padding) / share
    return mean[:, 0].T.reshape(values.shape).to(values)


def _positive(fps: float | None) -> float:
    if fps is None or not fps > 0:
        raise UsageError(f"A frame rate above 0 is needed to tell frames from seconds; got {fps}.")
    return fps
