"""What the numbers of a model may be: files from elsewhere must not ask for networks that no machine can build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any

from .config import LARGEST_PX, SMALLEST_PX, HourglassConfig, ModelConfig

MOST_PARAMETERS = 500_000_000  # 2 GB; the largest published model has 60 million


@dataclass(frozen=True)
class Limit:
    """The least and greatest value of an option."""

    least: float
    most: float
    whole: bool = True

    def __str__(self) -> str:
        return f"{'a whole number' if self.whole else 'a number'} from {self.least:g} to {self.most:g}"

    def admits(self, value: Any) -> bool:
        """Whether a value is of this kind and size; true and false are no numbers, and NaN is none."""
        kind = int if self.whole else (int, float)
        return isinstance(value, kind) and not isinstance(value, bool) and self.least <= value <= self.most


_WIDTH, _SHARE = Limit(1, 16384), Limit(1 / 64, 1, whole=False)
_SPREAD = Limit(1e-6, 100, whole=False)
_SIDE = Limit(SMALLEST_PX, LARGEST_PX)
LIMITS = {
    "num_kp": Limit(1, 1000),
    "num_channels": Limit(1, 64),
    "block_expansion": _WIDTH,
    "max_features": _WIDTH,
    "num_blocks": Limit(1, 10),
    "num_down_blocks": Limit(0, 10),
    "num_bottleneck_blocks": Limit(0, 200),
    "scale_factor": _SHARE,
    "temperature": _SPREAD,
    "kp_variance": _SPREAD,
    "pad": Limit(0, 6),
    "first": _WIDTH,
    "down": _WIDTH,
    "bottleneck": _WIDTH,
    "up": _WIDTH,
    "encoder": _WIDTH,
    "decoder": _WIDTH,
    "image_size": _SIDE,
    "motion_size": _SIDE,
    "scales": Limit(1 / 64, 1, whole=False),
}
"""By the name of an option, in configurations and in YAML; in lists, of every item."""
MOST_ITEMS = {"down": 10, "up": 10, "encoder": 10, "decoder": 10, "bottleneck": 200, "scales": 10}
LEAST_ITEMS = {"encoder": 1, "decoder": 1}


def complaint(name: str, value: Any) -> str | None:
    """What is wrong with an option's value: the rest of a sentence that its name begins. None where nothing is."""
    limit = LIMITS.get(name)
    if limit is None or value is None:
        return None
    items = value if isinstance(value, tuple | list) else (value,)
    most = MOST_ITEMS.get(name, len(items))
    if len(items) < LEAST_ITEMS.get(name, 0):
        return f"has to have at least {LEAST_ITEMS[name]} item, found {len(items)}."
    if len(items) > most:
        return f"has to have at most {most} items, found {len(items)}."
    wrong = next((item for item in items if not limit.admits(item)), None)
    return None if wrong is None else f"has to be {limit}, found {_described(wrong)}."


def check_config(config: ModelConfig) -> None:
    """Raise ValueError, in a sentence, for a configuration that no model has; nothing is built."""
    for name, kind, value in _options(config):
        wrong = complaint(name.rpartition(".")[2], value)
        if kind == "bool" and not isinstance(value, bool):
            wrong = f"has to be true or false, found {_described(value)}."
        if wrong is not None:
            raise ValueError(f"{name} {wrong}")
    _check_levels(config)
    count = count_parameters(config)
    if count > MOST_PARAMETERS:
        raise ValueError(
            f"its networks have to have at most {MOST_PARAMETERS // 10**6} million parameters, found about "
            f"{count // 10**6} million."
        )


def _check_levels(config: ModelConfig) -> None:
    """Raise ValueError for networks that do not come back to the size from which they went down."""
    generator, motion = config.generator, config.generator.dense_motion
    sides = [("keypoint_detector.hourglass", *_both(config.keypoint_detector.hourglass))]
    sides += [] if motion is None else [("generator.dense_motion.hourglass", *_both(motion.hourglass))]
    for name, down, up in [*sides, ("generator", generator.down, generator.up)]:
        if len(down) != len(up):
            raise ValueError(f"{name} has to go up as many levels as down, found {len(down)} down and {len(up)} up.")


def count_parameters(config: ModelConfig) -> int:
    """About how many numbers the networks' convolutions have, as full ones: mobile ones have fewer."""
    points, painter = config.keypoint_detector, config.generator
    per_point = 1 + (4 if points.estimate_jacobian else 0)
    count = _hourglass(points.hourglass, points.num_channels)
    count += 49 * (points.hourglass.decoder[-1] + points.num_channels) * points.num_kp * per_point
    if painter.dense_motion is not None:
        shown = (painter.num_kp + 1) * (painter.num_channels + 1)
        hourglass = painter.dense_motion.hourglass
        count += _hourglass(hourglass, shown) + 49 * (hourglass.decoder[-1] + shown) * (painter.num_kp + 2)
    widths = (painter.first, *painter.down)
    count += 49 * painter.num_channels * (painter.first + (painter.up or widths)[-1])
    count += 9 * sum(before * after for before, after in (*pairwise(widths), *pairwise((widths[-1], *painter.up))))
    return count + sum(18 * widths[-1] * inner for inner in painter.bottleneck)


def _hourglass(config: HourglassConfig, channels: int) -> int:
    """The same of one encoder-decoder: each level up also sees the level of its size on the way down."""
    down, up = (channels, *config.encoder), (config.encoder[-1], *config.decoder)
    skips = (0, *reversed(down[1:-1]))
    inputs = (width + skip for width, skip in zip(up, skips, strict=False))
    return 9 * (
        sum(a * b for a, b in pairwise(down)) + sum(a * b for a, b in zip(inputs, config.decoder, strict=False))
    )


def _both(config: HourglassConfig) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return config.encoder, config.decoder


def _options(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Full name, type as it is written, and value of every option."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from _options(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", field.type, value


def _described(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
