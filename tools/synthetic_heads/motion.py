"""How a synthetic head moves: poses and expressions that change clearly from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fit import EXPRESSIONS

STEP = 3  # frames from one chosen pose to the next
MOUTHS: tuple[dict[str, tuple[float, float]], ...] = (
    {},
    {"jawOpen": (0.05, 0.2)},
    {"jawOpen": (0.2, 0.75), "mouthUpperUpLeft": (0.0, 0.4), "mouthUpperUpRight": (0.0, 0.4)},
    {"jawOpen": (0.1, 0.45), "mouthFunnel": (0.2, 0.8)},
    {"mouthPucker": (0.3, 0.9), "jawOpen": (0.0, 0.2)},
    {"mouthSmileLeft": (0.3, 0.9), "mouthSmileRight": (0.3, 0.9), "cheekSquintLeft": (0.0, 0.6), "cheekSquintRight": (0.0, 0.6)},
    {"mouthSmileLeft": (0.4, 0.9), "mouthSmileRight": (0.4, 0.9), "mouthUpperUpLeft": (0.2, 0.6), "mouthUpperUpRight": (0.2, 0.6),
     "mouthLowerDownLeft": (0.1, 0.4), "mouthLowerDownRight": (0.1, 0.4), "jawOpen": (0.03, 0.25)},
    {"mouthStretchLeft": (0.2, 0.8), "mouthStretchRight": (0.2, 0.8), "jawOpen": (0.05, 0.35),
     "mouthLowerDownLeft": (0.1, 0.6), "mouthLowerDownRight": (0.1, 0.6)},
    {"mouthFrownLeft": (0.2, 0.8), "mouthFrownRight": (0.2, 0.8), "mouthShrugLower": (0.0, 0.6)},
    {"mouthRollLower": (0.2, 0.8), "mouthRollUpper": (0.2, 0.7), "mouthPressLeft": (0.0, 0.5), "mouthPressRight": (0.0, 0.5)},
    {"mouthLeft": (0.2, 0.8)},
    {"mouthRight": (0.2, 0.8)},
    {"jawOpen": (0.35, 0.7), "tongueOut": (0.2, 0.5)},
    {"cheekPuff": (0.3, 0.9), "mouthPucker": (0.1, 0.4)},
    {"jawLeft": (0.2, 0.7), "jawOpen": (0.05, 0.3)},
    {"jawRight": (0.2, 0.7), "jawOpen": (0.05, 0.3)},
    {"noseSneerLeft": (0.2, 0.8), "noseSneerRight": (0.2, 0.8), "mouthUpperUpLeft": (0.1, 0.5), "mouthUpperUpRight": (0.1, 0.5)},
)  # fmt: skip
OFTEN = np.array([2, 3, 6, 4, 2, 3, 5, 3, 1, 1, 0.7, 0.7, 0.7, 0.7, 0.5, 0.5, 0.7])
BROWS: tuple[dict[str, tuple[float, float]], ...] = (
    {},
    {"browInnerUp": (0.2, 0.9)},
    {"browInnerUp": (0.2, 0.8), "browOuterUpLeft": (0.2, 0.9), "browOuterUpRight": (0.2, 0.9)},
    {"browDownLeft": (0.2, 0.9), "browDownRight": (0.2, 0.9)},
    {"browOuterUpLeft": (0.2, 0.9)},
    {"browOuterUpRight": (0.2, 0.9)},
)
PLACE = {name: number for number, name in enumerate(EXPRESSIONS)}


@dataclass(frozen=True)
class Motion:
    """T frames: expressions (T, E); head and body (T, 3) as yaw, pitch, roll in degrees; shift (T, 3) and gaze (T, 2)."""

    expressions: np.ndarray
    head: np.ndarray
    body: np.ndarray
    shift: np.ndarray
    gaze: np.ndarray


def random_motion(frames: int, rng: np.random.Generator) -> Motion:
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
    blended = {name: _between(values, times) for name, values in
               {"head": head, "body": body, "shift": shift, "gaze": gaze, "expressions": faces}.items()}  # fmt: skip
    expressions = blended["expressions"]
    lid = blended["gaze"][:, 1:]  # upper lids follow the eyes
    expressions[:, [PLACE["eyeBlinkLeft"], PLACE["eyeBlinkRight"]]] += np.clip(-lid / 60, 0, 0.25)
    expressions[:, [PLACE["eyeWideLeft"], PLACE["eyeWideRight"]]] += np.clip(lid / 40, 0, 0.35)
    blended["expressions"] = np.clip(expressions, 0, 1)
    return Motion(**blended)


def _expression(rng: np.random.Generator) -> np.ndarray:
    values = np.zeros(len(EXPRESSIONS))
    mouth = MOUTHS[rng.choice(len(MOUTHS), p=OFTEN / OFTEN.sum())]
    for part in (mouth, BROWS[rng.integers(len(BROWS))]):
        together = rng.random()
        for name, (low, high) in part.items():
            values[PLACE[name]] = low + (high - low) * np.clip(together + rng.normal(0, 0.12), 0, 1)
    lids = rng.random()
    if lids < 0.22:
        values[[PLACE["eyeBlinkLeft"], PLACE["eyeBlinkRight"]]] = 1.0
    elif lids < 0.40:
        values[[PLACE["eyeBlinkLeft"], PLACE["eyeBlinkRight"]]] = rng.uniform(0.2, 0.8)
    elif lids < 0.46:
        values[PLACE[str(rng.choice(["eyeBlinkLeft", "eyeBlinkRight"]))]] = 1.0
    elif lids < 0.58:
        values[[PLACE["eyeSquintLeft"], PLACE["eyeSquintRight"]]] = rng.uniform(0.3, 1.0)
    elif lids < 0.70:
        values[[PLACE["eyeWideLeft"], PLACE["eyeWideRight"]]] = rng.uniform(0.2, 0.8)
    return values


def _between(keys: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Values at times between those at 0, 1, 2 ..., slow at these."""
    whole = times.astype(int)
    part = (times - whole)[:, None]
    part = part * part * (3 - 2 * part)
    return keys[whole] * (1 - part) + keys[whole + 1] * part
