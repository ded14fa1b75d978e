"""ICC profiles made from numbers: for pictures that name primaries and a curve instead of carrying a profile.

Numbers of primaries and curves are those of ITU-T H.273, which PNG (cICP), AVIF, HEIF (nclx) and videos use.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

Primaries = tuple[float, float, float, float, float, float, float, float]  # x, y of white, red, green, blue

D65 = (0.3127, 0.3290)
BT709: Primaries = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_RGB: Primaries = (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
ADOBE_GAMMA = 563 / 256
PRIMARIES: dict[int, Primaries] = {
    1: BT709,
    2: BT709,  # unspecified
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
PQ, HLG = 16, 18
HDR_NAMES = {PQ: "PQ", HLG: "HLG"}

_D50 = np.array([0.9642, 1.0, 0.8249])  # white of profiles
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_STEPS = 4096  # of a curve
_SDR_WHITE_NITS = 203  # ITU-R BT.2408: what is brighter is a highlight


def _srgb(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _pq(v: np.ndarray) -> np.ndarray:
    root = v ** (1 / 78.84375)
    light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return light ** (1 / 0.1593017578125) * 10_000 / _SDR_WHITE_NITS


def _hlg(v: np.ndarray) -> np.ndarray:
    def scene(signal: np.ndarray) -> np.ndarray:
        return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)

    return (scene(v) / scene(np.array(0.75))) ** 1.2  # 0.75 is white, 1.2 what a screen adds


# BT.709's and its kin mean what is shown, as in videos, so they are read as sRGB's.
CURVES: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    **dict.fromkeys((1, 2, 6, 13, 14, 15), _srgb),
    4: lambda v: v**2.2,
    5: lambda v: v**2.8,
    8: lambda v: v,
    PQ: _pq,
    HLG: _hlg,
}


def coded_profile(primaries: int, curve: int) -> bytes | None:
    """The profile that two numbers of H.273 stand for; None where they mean sRGB, or nothing known."""
    if primaries not in PRIMARIES or curve not in CURVES:
        return None
    if PRIMARIES[primaries] == BT709 and CURVES[curve] is _srgb:
        return None
    return matrix_profile(PRIMARIES[primaries], CURVES[curve])


def gamma_profile(primaries: Primaries, gamma: float | None) -> bytes:
    """The profile of these primaries and a power as curve; None for sRGB's curve."""
    return matrix_profile(primaries, _srgb if gamma is None else lambda v: v**gamma)


def matrix_profile(primaries: Primaries, curve: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """An RGB profile (ICC version 4) of three colours and one curve from [0, 1] to light, 1 being white."""
    points = np.array(primaries).reshape(4, 2)
    white, *colours = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in points)
    columns = np.stack(colours, 1)
    columns = columns * np.linalg.solve(columns, white)  # so that their sum is white
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    columns = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ columns
    light = np.clip(curve(np.linspace(0, 1, _STEPS)), 0, 1)
    table = struct.pack(">4sII", b"curv", 0, _STEPS) + np.rint(light * 65535).astype(">u2").tobytes()
    tags = {b"wtpt": _xyz(_D50)}
    tags |= {name: _xyz(columns[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), table)
    return _profile(tags)


def _xyz(colour: np.ndarray) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *np.rint(colour * 65536).astype(int))


def _profile(tags: dict[bytes, bytes]) -> bytes:
    at = 128 + 4 + 12 * len(tags)
    index, places = struct.pack(">I", len(tags)), dict[bytes, int]()
    body = b""
    for name, content in tags.items():
        if content not in places:
            places[content] = at + len(body)
            body += content + b"\0" * (-len(content) % 4)
        index += struct.pack(">4sII", name, places[content], len(content))
    head = struct.pack(">I4sI4s4s4s12x4s28x3i48x", at + len(body), b"", 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp",
                       *np.rint(_D50 * 65536).astype(int))  # fmt: skip
    return head + index + body
