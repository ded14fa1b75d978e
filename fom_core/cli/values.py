"""Types of options that say how large, how good and how long a result is."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .common import MOST, not_negative, number, whole

CRF = 18


def from_zero(text: str) -> int:
    """Argument type: a whole number that is not below zero."""
    value = whole(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or above, got {value}")
    return value


def even_pixels(text: str) -> int:
    """Argument type: a side of at least 16 pixels, made even downwards."""
    value = whole(text)
    if value < 16:
        raise argparse.ArgumentTypeError(f"must be at least 16 pixels, got {value}")
    return value // 2 * 2


def crf(text: str) -> int:
    """Argument type: H.264's measure of quality."""
    value = whole(text)
    if not 0 <= value <= 51:
        raise argparse.ArgumentTypeError(f"must be from 0 (best) to 51, got {value}")
    return value


def moment(text: str) -> float:
    """Argument type: seconds, or h:m:s or m:s, such as 1:02.5."""
    parts = text.split(":")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = [-1.0]
    whole_parts = all(part.isdecimal() for part in parts[:-1]) and all(value < 60 for value in values[1:])
    if len(parts) > 3 or not whole_parts or not all(0 <= value < MOST for value in values):
        raise argparse.ArgumentTypeError(f"must be seconds, or hours, minutes and seconds as in 0:01:02.5, got {text}")
    return sum(value * 60**power for power, value in enumerate(reversed(values)))


def length_of_time(text: str) -> float:
    """Argument type: a :func:`moment` above zero."""
    value = moment(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def above_zero(text: str) -> float:
    """Argument type: a number above zero."""
    value = not_negative(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def from_to(low: float, high: float) -> Callable[[str], float]:
    """Argument type: a number from ``low`` to ``high``."""

    def parse(text: str) -> float:
        value = number(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be from {low:g} to {high:g}, got {text}")
        return value

    return parse
