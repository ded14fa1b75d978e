"""A motion in time: smoothing it, other frame rates, other lengths."""

from __future__ import annotations

import math
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

COVERED_S = 1.5  # for which a face may be behind another one, counted between two looks that show it
WINDOW_S = 1.4  # at full strength; 0.2 looks at 7 frames at 25 a second
M = TypeVar("M", Keypoints, Motion)


SMOOTHING = 0.15  # takes the jitter out, and leaves the movements alone


def smooth(motion: M, strength: float, fps: float | None = None) -> M:
    """Take the jitter out of a motion without delaying or flattening it.

    Savitzky and Golay's filter: each frame goes where the parabola puts it that fits its neighbours best, which are
    those in a window of ``strength`` × 1.4 s, so that the frame rate does not matter; jacobians alike. 0 gives the
    motion back as it is, and so does a window of up to three frames. Near the ends the parabola is that of the first
    and the last whole window. ``fps`` is for keypoints only. Raises UsageError for a strength beyond 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise UsageError(f"The strength of smoothing lies between 0 (off) and 1; got {strength:g}.")
    if isinstance(motion, Motion):
        whole = held(motion)  # or what was found without a driver would reach into what follows
        return replace(motion, keypoints=smooth(whole.keypoints, strength, fps or motion.fps)) if strength else motion
    width = strength * WINDOW_S * _positive(fps)  # in frames
    if width <= 3:  # a parabola goes through three points
        return motion
    jacobian = None if motion.jacobian is None else _fitted(motion.jacobian, width)
    return Keypoints(_fitted(motion.value, width), jacobian)


def held(motion: Motion) -> Motion:
    """Let the first and the last frame in which the driver is seen stand for all before and after.

    A keypoint detector finds keypoints in a black picture, too, anywhere.
    """
    if motion.seen is None or not any(motion.seen):
        return motion
    first, last = motion.seen.index(True), len(motion) - 1 - motion.seen[::-1].index(True)
    if last - first == len(motion) - 1:
        return motion
    return replace(motion, keypoints=motion.keypoints.pick(torch.arange(len(motion)).clamp(first, last)))


def bridged(motion: Motion, covered: Sequence[bool] | None, longest_s: float = COVERED_S) -> Motion:
    """Let a face that was behind another one for a moment go straight from where it was to where it is again.

    What a keypoint detector finds there is somebody else's. ``covered``: of each frame; longer stretches stay.
    """
    if covered is None or not any(covered):
        return motion
    value, jacobian = motion.keypoints.value.clone(), motion.keypoints.jacobian
    jacobian = None if jacobian is None else jacobian.clone()
    marks = torch.tensor([False, *covered[: len(motion)], False]).int()
    edges = marks.diff().nonzero().flatten().tolist()
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        if not 0 < first < after < len(motion) or after - first > longest_s * motion.fps:
            continue
        share = (torch.arange(1, after - first + 1) / (after - first + 1)).to(value)
        for values in (value,) if jacobian is None else (value, jacobian):
            weight = share.reshape(-1, *[1] * (values.ndim - 1))
            values[first:after] = torch.lerp(values[first - 1], values[after], weight)
    return replace(motion, keypoints=Keypoints(value, jacobian))


def resample(keypoints: M, fps: float, to_fps: float) -> M:
    """The same keypoint sequence at another frame rate: each frame shows the nearest moment, the duration stays."""
    if _positive(fps) == _positive(to_fps):
        return keypoints
    length = max(1, round(len(keypoints) * to_fps / fps))
    nearest = (torch.arange(length, dtype=torch.float64) * (fps / to_fps) + 0.5).floor().long()
    picked = keypoints.pick(nearest.clamp(max=len(keypoints) - 1))
    return replace(picked, fps=to_fps) if isinstance(picked, Motion) else picked


def fit_length(keypoints: M, length: int, mode: Literal["hold", "loop"]) -> M:
    """Exactly ``length`` frames: cut, or continued by the last frame (hold) or from the first one again (loop)."""
    frames = torch.arange(length)
    return keypoints.pick(frames % len(keypoints) if mode == "loop" else frames.clamp(max=len(keypoints) - 1))


def align(motions: Sequence[Motion], fps: float, length: Length = "hold") -> list[Motion]:
    """Bring drivers of any frame rate and length to one rate and one length."""
    resampled = [resample(motion, motion.fps, fps) for motion in motions]
    lengths = [len(motion) for motion in resampled]
    count, mode = (min(lengths), "hold") if length == "shortest" else (max(lengths), length)
    return [fit_length(motion, count, mode) for motion in resampled]


def _fitted(values: Tensor, width: float) -> Tensor:
    """(T, ...) values as the parabolas have them that fit windows ``width`` frames wide.

    Near the ends the window holds whole frames alone: what has next to no weight there would be far off its parabola.
    """
    frames = values.detach().cpu().double().flatten(1)  # (T, N); not every device knows doubles
    whole, half = 2 * math.floor((width - 1) / 2) + 1, math.ceil((width - 1) / 2)
    fitted = _by_windows(frames, min(whole, len(frames)))
    if 2 * half + 1 > whole and len(frames) > 2 * half:
        fitted[half:-half] = _weighted(frames, _parabola(2 * half + 1, width)[half])
    return fitted.reshape(values.shape).to(values)


def _by_windows(frames: Tensor, count: int) -> Tensor:
    """(T, N) frames, each as the parabola through the ``count`` frames around it has it, or the first or last ones."""
    hat = _parabola(count, count).to(frames)
    if count == len(frames):
        return hat @ frames
    half = count // 2
    return torch.cat([hat[:half] @ frames[:count], _weighted(frames, hat[half]), hat[half + 1 :] @ frames[-count:]])


def _weighted(frames: Tensor, weights: Tensor) -> Tensor:
    """Sums over windows of (T, N) frames: (T - len(weights) + 1, N)."""
    return F.conv1d(frames.T[:, None], weights.to(frames)[None, None])[:, 0].T


def _parabola(count: int, width: float) -> Tensor:
    """The matrix that takes ``count`` values to those of the parabola fitted to them.

    The window is ``width`` frames wide; of the outermost frames it may hold a part alone, and they weigh as much.
    """
    offsets = torch.arange(count, dtype=torch.float64) - (count - 1) / 2
    shares = ((width + 1) / 2 - offsets.abs()).clamp(0, 1).sqrt()[:, None]
    powers = (offsets / max(count / 2, 1))[:, None] ** torch.arange(min(3, count))
    return powers @ torch.linalg.pinv(shares * powers) @ torch.diag(shares[:, 0])


def _positive(fps: float | None) -> float:
    if fps is None or not fps > 0:
        raise UsageError(f"A frame rate above 0 is needed to tell frames from seconds; got {fps}.")
    return fps
