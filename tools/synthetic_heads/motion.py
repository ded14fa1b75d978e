"""How a synthetic head moves: poses and expressions that change clearly from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .asset import EXPRESSIONS

STEP = 3  # frames from one chosen pose to the next
Ranges = dict[str, tuple[float, float]]


def _both(low: float, high: float, *names: str) -> Ranges:
    """The same range for the left and the right."""
    return {name + side: (low, high) for name in names for side in ("Left", "Right")}


MOUTHS: tuple[Ranges, ...] = (
    {},
    {"jawOpen": (0.05, 0.2)},
    {"jawOpen": (0.2, 0.75), **_both(0.0, 0.4, "mouthUpperUp")},
    {"jawOpen": (0.1, 0.45), "mouthFunnel": (0.2, 0.8)},
    {"mouthPucker": (0.3, 0.9), "jawOpen": (0.0, 0.2)},
    {**_both(0.3, 0.9, "mouthSmile"), **_both(0.0, 0.6, "cheekSquint")},
    {
        **_both(0.4, 0.9, "mouthSmile"),
        **_both(0.2, 0.6, "mouthUpperUp"),
        **_both(0.1, 0.4, "mouthLowerDown"),
        "jawOpen": (0.03, 0.25),
    },
    {**_both(0.2, 0.8, "mouthStretch"), "jawOpen": (0.05, 0.35), **_both(0.1, 0.6, "mouthLowerDown")},
    {**_both(0.2, 0.8, "mouthFrown"), "mouthShrugLower": (0.0, 0.6)},
    {"mouthRollLower": (0.2, 0.8), "mouthRollUpper": (0.2, 0.7), **_both(0.0, 0.5, "mouthPress")},
    {"mouthLeft": (0.2, 0.8)},
    {"mouthRight": (0.2, 0.8)},
    {"jawOpen": (0.35, 0.7), "tongueOut": (0.2, 0.5)},
    {"cheekPuff": (0.3, 0.9), "mouthPucker": (0.1, 0.4)},
    {"jawLeft": (0.2, 0.7), "jawOpen": (0.05, 0.3)},
    {"jawRight": (0.2, 0.7), "jawOpen": (0.05, 0.3)},
    {**_both(0.2, 0.8, "noseSneer"), **_both(0.1, 0.5, "mouthUpperUp")},
)
OFTEN = np.array([2, 3, 6, 4, 2, 3, 5, 3, 1, 1, 0.7, 0.7, 0.7, 0.7, 0.5, 0.5, 0.7])
BROWS: tuple[Ranges, ...] = (
    {},
    {"browInnerUp": (0.2, 0.9)},
    {"browInnerUp": (0.2, 0.8), **_both(0.2, 0.9, "browOuterUp")},
    _both(0.2, 0.9, "browDown"),
    {"browOuterUpLeft": (0.2, 0.9)},
    {"browOuterUpRight": (0.2, 0.9)},
)
PLACE = {name: number for number, name in enumerate(EXPRESSIONS)}
BLINKS, SQUINTS, WIDENED = (
    [PLACE[f"eye{kind}{side}"] for side in ("Left", "Right")] for kind in ("Blink", "Squint", "Wide")
)


@dataclass(frozen=True)
class Pose:
    """Expressions (E,); yaw, pitch (up) and roll of head and body in degrees (3,); a shift (3,); and the eyes' (2,)."""

    expressions: np.ndarray
    head: np.ndarray
    body: np.ndarray
    shift: np.ndarray
    gaze: np.ndarray


def random_motion(frames: int, rng: np.random.Generator) -> list[Pose]:
    """Poses that cover the ranges, the first ones nearly straight ahead and calm."""
    keys = frames // STEP + 3
    yaw = rng.permutation(np.linspace(-1, 1, keys)) * rng.uniform(22, 42) + rng.normal(0, 3, keys)
    pitch = rng.permutation(np.linspace(-1, 1, keys)) * rng.uniform(8, 22) + rng.normal(0, 2, keys)
    roll = rng.normal(0, rng.uniform(3, 9), keys)
    head = np.stack([yaw, pitch * np.cos(np.radians(yaw)), roll], axis=1)
    head[0] *= 0.25
    shift = rng.normal(0, 1, (keys, 3)) * [0.13, 0.10, 0.35]
    gaze = np.stack([rng.uniform(-24, 24, keys), rng.uniform(-14, 14, keys)], axis=1)
    gaze[rng.random(keys) < 0.4] *= 0.15
    body = head * rng.uniform(0.05, 0.25) + rng.normal(0, 2, (keys, 3))
    faces = np.stack([_expression(rng) for _ in range(keys)])
    faces[0] *= 0.3
    times = (np.arange(frames) + rng.uniform(0, 1)) / STEP
    head, body, shift, gaze, faces = (_between(values, times) for values in (head, body, shift, gaze, faces))
    upper = gaze[:, 1:]  # lids follow the eyes
    faces[:, BLINKS] += np.clip(-upper / 60, 0, 0.25)
    faces[:, WIDENED] += np.clip(upper / 40, 0, 0.35)
    return [Pose(*each) for each in zip(faces.clip(0, 1), head, body, shift, gaze, strict=True)]


def _expression(rng: np.random.Generator) -> np.ndarray:
    """Mouth, brows and lids (E,), each by itself."""
    values = np.zeros(len(EXPRESSIONS))
    mouth = MOUTHS[rng.choice(len(MOUTHS), p=OFTEN / OFTEN.sum())]
    for part in (mouth, BROWS[rng.integers(len(BROWS))]):
        together = rng.random()
        for name, (low, high) in part.items():
            values[PLACE[name]] = low + (high - low) * np.clip(together + rng.normal(0, 0.12), 0, 1)
    lids = rng.random()
    if lids < 0.22:
        values[BLINKS] = 1.0
    elif lids < 0.40:
        values[BLINKS] = rng.uniform(0.2, 0.8)
    elif lids < 0.46:
        values[BLINKS[rng.integers(2)]] = 1.0
    elif lids < 0.58:
        values[SQUINTS] = rng.uniform(0.3, 1.0)
    elif lids < 0.70:
        values[WIDENED] = rng.uniform(0.2, 0.8)
    return values


def _between(keys: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Values at times between those at 0, 1, 2 ..., slow at these."""
    whole = times.astype(int)
    part = (times - whole)[:, None]
    part = part * part * (3 - 2 * part)
    return keys[whole] * (1 - part) + keys[whole + 1] * part
