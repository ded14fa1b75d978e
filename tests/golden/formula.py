"""Weights and pictures of the golden cases, by formulas in whole numbers that any language can follow.

Number ``i`` (from 0) of the array NAME is ``mix(crc32(NAME) + i * 0x9E3779B9) / 2**32``, all modulo 2**32, where
``mix`` is: x ^= x >> 16; x *= 0x7FEB352D; x ^= x >> 15; x *= 0x846CA68B; x ^= x >> 16. Fractions are spread between two
bounds in float64, and rounded to float32.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

Arrays = dict[str, np.ndarray]
CELL = 8  # pixels between the corners of a ground
GAIN = 1.4  # of convolutions, whose ReLUs let half of it through
GAINS = {"kp": 0.5, "jacobian": 0.1, "mask": 3.0, "occlusion": 2.0, "final": 4.0}  # of the networks' heads
GAINS_OF_THREE = GAINS | {"final": 40.0}  # in mobile networks each head is three convolutions; of all together
POWER_ITERATIONS = 5


def fractions(name: str, count: int) -> np.ndarray:
    """``count`` numbers in [0, 1), float64."""
    x = (np.arange(count, dtype=np.uint64) * 0x9E3779B9 + zlib.crc32(name.encode())).astype(np.uint32)
    x ^= x >> 16
    x *= np.uint32(0x7FEB352D)
    x ^= x >> 15
    x *= np.uint32(0x846CA68B)
    x ^= x >> 16
    return x / 2.0**32


def spread(name: str, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """float32 between these bounds."""
    return (low + (high - low) * fractions(name, int(np.prod(shape)))).astype(np.float32).reshape(shape)


def weights(name: str, shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """The tensors of one network by their names in its state dict, PyTorch's or Paddle's; not its fixed filters."""
    made: Arrays = {}
    for key, shape in shapes.items():
        if not key.endswith("down.weight") and not key.endswith(("weight_u", "weight_v")):
            made[key] = tensor(f"{name}/{key}", key, tuple(shape))
    for key in shapes:
        if key.endswith("weight_u"):
            stem = key.removesuffix("_u")
            made[key], made[f"{stem}_v"] = singular_vectors(f"{name}/{key}", made[f"{stem}_orig"])
    return {key: made[key] for key in shapes if key in made}


def tensor(name: str, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """One tensor, whose kind its name and its number of axes tell."""
    last = key.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if last in ("running_var", "_variance"):
        return spread(name, shape, 0.5, 1.5)
    if last.startswith("weight") and len(shape) == 1:
        return spread(name, shape, 0.7, 1.3)
    if last.startswith("weight"):
        depthwise = 2 if shape[1] == 1 else 1  # so that what they smooth is not lost
        bound = depthwise * gain(key.split(".")) * (3 / float(np.prod(shape[1:]))) ** 0.5
        return spread(name, shape, -bound, bound)
    shift = np.zeros(shape, np.float32)
    if key in ("jacobian.bias", "jacobian.2.bias"):
        shift += np.resize(np.array([1, 0, 0, 1], np.float32), shape)
    return spread(name, shape, -0.1, 0.1) + shift


def gain(path: list[str]) -> float:
    """How much a convolution amplifies, by the parts of its name."""
    head = next((part for part in path if part in GAINS), None)
    if head is None:
        return GAIN
    return GAINS_OF_THREE[head] ** (1 / 3) if path[-2].isdigit() else GAINS[head]


def singular_vectors(name: str, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What spectral normalisation has found after a few power iterations: u (rows), v (columns)."""
    matrix = matrix.reshape(len(matrix), -1).astype(np.float64)
    u = fractions(name, len(matrix)) - 0.5
    v = u @ matrix
    for _ in range(POWER_ITERATIONS):
        v = u @ matrix
        v /= np.linalg.norm(v)
        u = matrix @ v
        u /= np.linalg.norm(u)
    return u.astype(np.float32), v.astype(np.float32)


def ground(name: str, height: int, width: int) -> np.ndarray:
    """Colours (height, width, 3) between random corners, in whole numbers from 0 to 255."""
    rows, columns = -(-height // CELL) + 1, -(-width // CELL) + 1
    corners = (fractions(name, rows * columns * 3) * 256).astype(np.int64).reshape(rows, columns, 3)
    y, x = np.mgrid[:height, :width]
    row, column, fy, fx = y // CELL, x // CELL, (y % CELL)[..., None], (x % CELL)[..., None]
    top = corners[row, column] * (CELL - fx) + corners[row, column + 1] * fx
    bottom = corners[row + 1, column] * (CELL - fx) + corners[row + 1, column + 1] * fx
    return (top * (CELL - fy) + bottom * fy) // CELL**2


def picture(name: str, height: int, width: int, dy: int = 0, dx: int = 0, radius: int = 14) -> np.ndarray:
    """A disc on a ground that moves half as far: (height, width, 3) uint8. Shifts of at most 16 pixels."""
    wide = ground(f"{name}/ground", height + 16, width + 16)
    frame = wide[8 + dy // 2 : 8 + dy // 2 + height, 8 + dx // 2 : 8 + dx // 2 + width]
    y, x = np.mgrid[:height, :width]
    y, x = y - height // 2 - dy, x - width // 2 - dx
    disc = ground(f"{name}/disc", 4 * radius, 4 * radius)
    inside = x * x + 2 * y * y // 3 < radius * radius
    frame[inside] = disc[(y[inside] + 2 * radius) % (4 * radius), (x[inside] + 2 * radius) % (4 * radius)]
    return frame.astype(np.uint8)


SHIFTS = ((0, 0, 14), (3, -2, 14), (-4, 6, 13), (8, 3, 16))  # dy, dx and radius of the driving frames


def frames(name: str, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A case's source (height, width, 3) and its driving frames (4, height, width, 3), uint8."""
    driving = [picture(f"{name}/driving", height, width, *shift) for shift in SHIFTS]
    return picture(f"{name}/source", height, width, -2, 4, 15), np.stack(driving)
