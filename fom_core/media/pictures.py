"""Still pictures: any depth and layout in, 8-bit RGB out; written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ..errors import MediaError
from ..faults import pass_on
from ..files import replacing, require_file

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"})


def read_picture(path: str | os.PathLike[str], *, alpha: bool = False) -> np.ndarray:
    """Read a still as (H, W, 3) uint8 RGB, upright; with ``alpha`` as (H, W, 4) RGBA.

    The camera's orientation tag is applied; 16-bit, float and grey sources become 8-bit RGB. Without ``alpha`` a
    transparent picture is laid on white, which is what viewers show; with it, an opaque one gets alpha 255.
    Raises MediaError when the file is missing or is no picture.
    """
    path = require_file(path, "The picture")
    if path.is_dir():
        raise MediaError(f"The picture {path} is a folder. Give one picture file of it.")
    pixels = _to_8_bit(_decode(path))
    if pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    elif pixels.shape[2] == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    else:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    if alpha:
        return pixels if pixels.shape[2] == 4 else cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    return pixels if pixels.shape[2] == 3 else _on_white(pixels)


def write_picture(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write an (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey uint8 array; the suffix chooses the format.

    The file appears under its name only when complete. Raises MediaError for an unknown suffix,
    WriteError for an unwritable place.
    """
    path = Path(path)
    code = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[array.shape[2] if array.ndim == 3 else 2]
    pixels = np.ascontiguousarray(array) if code is None else cv2.cvtColor(array, code)
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix.lower() in {".jpg", ".jpeg"} else []
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise MediaError(f"Cannot write {path}: '{path.suffix}' is no picture format. Use .png, .jpg or .webp.")
    _, data = cv2.imencode(path.suffix, pixels, options)
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())


def list_pictures(folder: str | os.PathLike[str]) -> list[Path]:
    """The pictures of a folder in natural order, so that frame_9 comes before frame_10."""
    paths = (path for path in Path(folder).iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    visible = (path for path in paths if path.is_file() and not path.name.startswith("."))
    return sorted(visible, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]


def _decode(path: Path) -> np.ndarray:
    """BGR, BGRA or grey pixels of any depth, upright."""
    data = np.fromfile(path, np.uint8)  # not cv2.imread: it cannot open non-ASCII names on Windows
    try:
        raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        upright = None if raw is None else cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    except cv2.error as error:
        pass_on(error)
        raw = upright = None
    if raw is None or upright is None:
        raise MediaError(
            f"{path} is not a picture that can be read: wanted JPEG, PNG, WebP, BMP or TIFF, "
            f"found {data.size:,} bytes of something else or a damaged file. Convert or copy it again."
        )
    if raw.ndim == 2 or raw.shape[2] < 4:
        return upright
    # OpenCV turns a picture upright only where it also drops the alpha, so the turn is read off the colours.
    for turn in _TURNS:
        turned = turn(raw)
        if np.array_equal(turned[..., :3], upright):
            return np.ascontiguousarray(turned)
    return raw


_TURNS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda pixels: pixels,
    lambda pixels: np.rot90(pixels, 3),
    lambda pixels: np.rot90(pixels, 1),
    lambda pixels: np.rot90(pixels, 2),
    lambda pixels: pixels[:, ::-1],
    lambda pixels: pixels[::-1],
    lambda pixels: pixels.swapaxes(0, 1),
    lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
)


def _to_8_bit(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    # Integers span their whole range; floats are light in [0, 1], brighter parts are clipped.
    scale = 255.0 / np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 255.0
    return np.clip(np.nan_to_num(pixels.astype(np.float32)) * scale + 0.5, 0, 255).astype(np.uint8)


def _on_white(rgba: np.ndarray) -> np.ndarray:
    opacity = rgba[..., 3:].astype(np.float32) / 255
    return (rgba[..., :3] * opacity + 255 * (1 - opacity) + 0.5).astype(np.uint8)
