"""Random changes of a pair of frames as the authors' configurations name them; both frames always change alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from ...pictures import LUMA, resize_picture


@dataclass(frozen=True)
class Flips:
    """Each is done to half of the pairs."""

    horizontal_flip: bool = False
    time_flip: bool = False  # source and driving change places


@dataclass(frozen=True)
class Rotation:
    """Around the middle, by an angle between the two."""

    degrees: tuple[float, float]


@dataclass(frozen=True)
class Resize:
    """By a factor between the two."""

    ratio: tuple[float, float]


@dataclass(frozen=True)
class Crop:
    """At a random place, of (height, width); smaller pictures grow by repeating their border."""

    size: tuple[int, int]


@dataclass(frozen=True)
class Jitter:
    """Brightness, contrast and saturation by a factor between 1 - x and 1 + x, hue by up to x turns; in any order."""

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0


@dataclass(frozen=True)
class PairAugmentation:
    """What is done, in this order; absent changes are left out. The names are the authors'."""

    flip_param: Flips = field(default_factory=Flips)
    rotation_param: Rotation | None = None
    resize_param: Resize | None = None
    crop_param: Crop | None = None
    jitter_param: Jitter = field(default_factory=Jitter)


def augment_pair(
    pair: np.ndarray, config: PairAugmentation, size: tuple[int, int], random: np.random.Generator
) -> np.ndarray:
    """Change a pair (2, H, W, 3) uint8, source and driving alike, and bring it to (height, width)."""
    if config.flip_param.time_flip and random.random() < 0.5:
        pair = pair[::-1]
    if config.flip_param.horizontal_flip and random.random() < 0.5:
        pair = np.stack([cv2.flip(frame, 1) for frame in pair])  # a view would be ten times slower to copy
    if config.rotation_param is not None:
        pair = _rotated(pair, random.uniform(*config.rotation_param.degrees))
    if config.resize_param is not None:
        factor = random.uniform(*config.resize_param.ratio)
        pair = _resized(pair, (round(pair.shape[1] * factor), round(pair.shape[2] * factor)))
    if config.crop_param is not None:
        pair = _cropped(pair, config.crop_param.size, random)
    return jittered(_resized(pair, size), config.jitter_param, random)


def _rotated(pair: np.ndarray, angle_deg: float) -> np.ndarray:
    height, width = pair.shape[1:3]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    frames = [cv2.warpAffine(np.ascontiguousarray(frame), matrix, (width, height)) for frame in pair]
    return np.stack(frames)


def _resized(pair: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return pair if pair.shape[1:3] == size else np.stack([resize_picture(frame, size) for frame in pair])


def _cropped(pair: np.ndarray, size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    lacking = [max(0, wanted - found) for wanted, found in zip(size, pair.shape[1:3], strict=True)]
    if any(lacking):
        around = [(missing // 2, missing - missing // 2) for missing in lacking]
        pair = np.pad(pair, np.array([(0, 0), *around, (0, 0)]), mode="edge")
    top = int(random.integers(pair.shape[1] - size[0] + 1))
    left = int(random.integers(pair.shape[2] - size[1] + 1))
    return pair[:, top : top + size[0], left : left + size[1]]


def jittered(pair: np.ndarray, config: Jitter, random: np.random.Generator) -> np.ndarray:
    """The colours of (2, H, W, 3) uint8 changed by the same factors, in random order, clipped after each change."""
    changes: list[Callable[[np.ndarray], np.ndarray]] = []
    for strength, change in ((config.brightness, _brightness), (config.contrast, _contrast)):
        if strength:
            changes.append(change(random.uniform(max(0.0, 1 - strength), 1 + strength)))
    if config.saturation:
        changes.append(_saturation(random.uniform(max(0.0, 1 - config.saturation), 1 + config.saturation)))
    if config.hue:
        changes.append(_hue(random.uniform(-config.hue, config.hue)))
    frames = np.ascontiguousarray(pair)
    for index in random.permutation(len(changes)):
        frames = np.stack([changes[index](frame) for frame in frames])
    return frames


def _brightness(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda frame: cv2.convertScaleAbs(frame, alpha=factor)


def _contrast(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    """Around the mean brightness of the frame itself."""

    def change(frame: np.ndarray) -> np.ndarray:
        middle = round(float(np.dot(cv2.mean(frame)[:3], np.array(LUMA, np.float32))))
        values = middle + factor * (np.arange(256, dtype=np.float32) - middle)
        return cv2.LUT(frame, np.clip(values + 0.5, 0, 255).astype(np.uint8))

    return change


def _saturation(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    mix = factor * np.eye(3, dtype=np.float32) + (1 - factor) * np.tile(np.array(LUMA, np.float32), (3, 1))
    return lambda frame: cv2.transform(frame, mix)


def _hue(turns: float) -> Callable[[np.ndarray], np.ndarray]:
    turned = ((np.arange(256) + round(turns * 256)) % 256).astype(np.uint8)

    def change(frame: np.ndarray) -> np.ndarray:
        colours = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV_FULL)
        colours[..., 0] = cv2.LUT(np.ascontiguousarray(colours[..., 0]), turned)
        return cv2.cvtColor(colours, cv2.COLOR_HSV2RGB_FULL)

    return change
