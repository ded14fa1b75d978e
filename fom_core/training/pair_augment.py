"""Random changes of a pair of frames as the authors' configurations name them; both frames always change alike."""

from __future__ import annotations

from dataclasses import dataclass, field


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
