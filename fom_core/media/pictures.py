"""Still pictures: any depth, layout and colour space in, 8-bit sRGB out; written whole or not at all."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ..errors import MediaError
from ..files.paths import replacing, require_file
from ..files.places import NUMBERED
from ..pictures import fit_picture
from ..resources.faults import pass_on
from . import stills
from .colour import to_srgb
from .depth import pixel_bytes
from .header import declared_size, lacks_end
from .kinds import VIDEO_HEAD, is_video, is_video_file
from .limits import PICTURE_PIXELS, most_pixels, require_modest
from .noise import hushed
from .packets import labelled

WRITTEN_SUFFIXES = NUMBERED
PICTURE_SUFFIXES = WRITTEN_SUFFIXES | {".avif", ".heic", ".heif", ".hif"}  # those that are read
A_VIDEO = (
    "{path} is a video, and a picture is wanted. Save one frame of it as a picture: "
    "ffmpeg -i {name} -frames:v 1 frame.png; `fom animate --source_video` animates the faces of the video itself."
)
_LOOKED_AT = 20  # of the other files in a folder without pictures
_WIDEST = 16  # bytes of a pixel that is written in digits
_EXTRAS = 1 << 26  # bytes beside the pixels, such as profiles and thumbnails
_BAND = 1 << 22  # numbers that are brought to eight bits at a time
_PNG_HEADER = 33  # bytes, after which come the chunks


def read_picture(
    path: str | os.PathLike[str], *, alpha: bool = False, max_pixels: int | None = None, max_size: int | None = None
) -> np.ndarray:
    """Read a still as (H, W, 3) uint8 RGB in sRGB, upright; with ``alpha`` as (H, W, 4) RGBA.

    The camera's orientation tag is applied, and so are colour profiles, see :mod:`~fom_core.media.colour`; 16-bit,
    float, grey and CMYK sources become 8-bit RGB. Without ``alpha`` a transparent picture is laid on white, which is
    what viewers show; with it, an opaque one gets alpha 255. ``max_pixels``: None for what is usual, see
    :mod:`~fom_core.media.limits`. ``max_size``: pixels of the longest side, to which a larger picture is shrunk, with
    even sides. Raises MediaError when the file is missing, is no picture, or declares more pixels, or deeper ones,
    which are refused before they are decoded; MissingPackage for HEIC without the package pillow-heif.
    """
    path = require_file(path, "The picture")
    pixels = _to_rgb(path, most_pixels(max_pixels, PICTURE_PIXELS))
    if alpha:
        pixels = pixels if pixels.shape[2] == 4 else cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    elif pixels.shape[2] == 4:
        pixels = _on_white(pixels)
    return pixels if max_size is None else fit_picture(pixels, max_size)


def _to_rgb(path: Path, max_pixels: int) -> np.ndarray:
    """Upright (H, W, 3 or 4) uint8 RGB or RGBA in sRGB."""
    data = _read(path, max_pixels)
    image, colours = stills.opened(data, path)
    if image is not None and stills.needs_pillow(image):
        try:
            pixels = _to_8_bit(stills.decoded(image, colours, path))
        except stills.DAMAGED as error:
            pass_on(error)
            raise _no_picture(path, data) from error
    else:
        pixels = _to_8_bit(_decode(path, np.frombuffer(data, np.uint8)))
        if pixels.ndim == 3:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    pixels = to_srgb(pixels, colours, path)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB) if pixels.ndim == 2 else pixels


def write_picture(path: str | os.PathLike[str], array: np.ndarray, *, synthetic: bool = False) -> None:
    """Write an (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey uint8 array; the suffix chooses the format.

    synthetic: say in the file that a model made the picture, see :mod:`~fom_core.media.label`.
    The file appears under its name only when complete. Raises MediaError for an unknown suffix or a size that
    the format does not hold, WriteError for an unwritable place.
    """
    path = require_written(path)
    code = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[array.shape[2] if array.ndim == 3 else 2]
    pixels = np.ascontiguousarray(array) if code is None else cv2.cvtColor(array, code)
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix.lower() in {".jpg", ".jpeg"} else []
    try:
        made, data = cv2.imencode(path.suffix, pixels, options)
    except cv2.error as error:
        pass_on(error)
        made, data = False, np.empty(0, np.uint8)
    if not made:
        raise MediaError(
            f"Cannot write {path}: {path.suffix} files do not hold {pixels.shape[1]}x{pixels.shape[0]} pixels. "
            "Make the picture smaller, or use .png."
        )
    with replacing(path) as temporary:
        encoded = data.tobytes()
        if path.suffix.lower() == ".png":
            encoded = encoded[:_PNG_HEADER] + _SRGB_CHUNK + encoded[_PNG_HEADER:]
        temporary.write_bytes(labelled(encoded, path.suffix.lower(), array.shape) if synthetic else encoded)


def require_written(path: str | os.PathLike[str]) -> Path:
    """The path, once its suffix is known to be of a format that is written. Raises MediaError."""
    path = Path(path)
    if path.suffix.lower() not in WRITTEN_SUFFIXES:
        found = f"{path.suffix} is no picture format" if path.suffix else "its name has no ending"
        raise MediaError(f"Cannot write {path}: {found}. Use .png, .jpg or .webp.")
    return path


_SRGB_CHUNK = struct.pack(">I5sI", 1, b"sRGB\0", zlib.crc32(b"sRGB\0"))


def list_pictures(folder: str | os.PathLike[str]) -> list[Path]:
    """The pictures of a folder in natural order, so that frame_9 comes before frame_10."""
    paths = (path for path in Path(folder).iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    visible = (path for path in paths if path.is_file() and not path.name.startswith("."))
    return sorted(visible, key=lambda path: _natural(path.name))


def no_pictures_in(folder: str | os.PathLike[str]) -> MediaError:
    """The error for a folder of which :func:`list_pictures` gives none: what was looked for, and what is there."""
    others = sorted(path.name for path in Path(folder).iterdir() if not path.name.startswith("."))
    found = "It is empty."
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        found = f"In it lies {others[0]}{more}; folders below it are not looked into."
        films = [name for name in others[:_LOOKED_AT] if is_video_file(Path(folder) / name)]
        if films:
            found += f" {films[0]} is a video: name it itself, as --driving_video, or what moves as --source_video."
    return MediaError(
        f"The folder {folder} holds no pictures: looked for {', '.join(sorted(PICTURE_SUFFIXES))}. {found} "
        "Give a folder with pictures, or the files themselves."
    )


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]


def read_coded(path: Path, max_pixels: int) -> np.ndarray:
    """The content of a picture file, for OpenCV. Raises MediaError, as for one that declares too many pixels."""
    return np.frombuffer(_read(path, max_pixels), np.uint8)


def _read(path: Path, max_pixels: int) -> bytes:
    """The bytes of a picture file that declares no more pixels than allowed. Raises MediaError."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if is_video(file.read(VIDEO_HEAD)):
                raise MediaError(A_VIDEO.format(path=path, name=path.name))
        if size > _WIDEST * max_pixels + _EXTRAS:
            raise MediaError(f"{path} has {size:,} bytes, more than a picture of {max_pixels:,} pixels takes.")
        data = path.read_bytes()  # not cv2.imread: it cannot open non-ASCII names on Windows
    except OSError as error:
        raise MediaError(f"The picture {path} cannot be read: {error.strerror}. Copy it again.") from error
    declared = declared_size(data)
    if declared is None:
        raise _no_picture(path, data)
    require_modest(path, *declared, max_pixels, pixel_bytes(data))
    return data


def _no_picture(path: Path, data: bytes) -> MediaError:
    """The error for a file that is none, or breaks off."""
    size = len(data)
    if lacks_end(data):
        return MediaError(f"{path} breaks off after {size:,} bytes: its copy did not finish. Copy it again.")
    return MediaError(
        f"{path} is not a picture that can be read: wanted JPEG, PNG, WebP, AVIF, HEIC, BMP or TIFF, "
        f"found {size:,} bytes of something else or a damaged file. Convert or copy it again."
    )


def _decode(path: Path, data: np.ndarray) -> np.ndarray:
    """BGR, BGRA or grey pixels of any depth, upright."""
    raw = _decoded(data, cv2.IMREAD_UNCHANGED)
    if raw is not None and (raw.ndim == 2 or raw.shape[2] < 4):
        raw = None  # before the same comes once more, upright
    upright = _decoded(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    if upright is None:
        raise _no_picture(path, data.tobytes())
    if raw is None:
        return upright
    # OpenCV turns a picture upright only where it also drops the alpha, so the turn is read off the colours.
    for turn in _TURNS:
        turned = turn(raw)
        if np.array_equal(turned[..., :3], upright):
            return np.ascontiguousarray(turned)
    return raw


def _decoded(data: np.ndarray, flags: int) -> np.ndarray | None:
    try:
        with hushed():
            return cv2.imdecode(data, flags)
    except cv2.error as error:
        pass_on(error)
        return None


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
    eight = np.empty(pixels.shape, np.uint8)
    rows = max(1, _BAND // pixels[0].size)
    for top in range(0, len(pixels), rows):
        band = np.nan_to_num(pixels[top : top + rows].astype(np.float32)) * scale
        eight[top : top + rows] = np.clip(band + 0.5, 0, 255)
    return eight


def _on_white(rgba: np.ndarray) -> np.ndarray:
    rgb = np.ascontiguousarray(rgba[..., :3])
    rows = max(1, _BAND // rgba[0].size)
    for top in range(0, len(rgba), rows):
        opacity = rgba[top : top + rows, :, 3:].astype(np.float32) / 255
        rgb[top : top + rows] = rgb[top : top + rows] * opacity + 255 * (1 - opacity) + 0.5
    return rgb
