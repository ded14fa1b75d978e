"""Stills as Pillow opens them: for what they say of themselves, and for pixels that OpenCV cannot read, or not right.

OpenCV takes CMYK for RGB without its profile, Lab for RGB with another white, and leaves turned AVIF as it lies.
"""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, features

from ..errors import MissingPackage
from ..resources.faults import pass_on
from .colour import Colours, colours_of, picture_to_srgb

_PLUGINS = (
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"RIFF.{4}WEBP", "WEBP"),
    (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", "TIFF"),
)
_BRANDS = 4096  # bytes in which a file names its formats
# What Pillow and pillow-heif raise for damaged files.
DAMAGED = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, KeyError, IndexError, TypeError, struct.error)


def opened(data: bytes, path: Path) -> tuple[Image.Image | None, Colours]:
    """The picture, not decoded yet, and what it says of its colours; None where Pillow has nothing to say.

    Raises MissingPackage.
    """
    if data[4:8] == b"ftyp":
        plugin = _plugin_of_box(data, path)
    else:
        plugin = next((name for start, name in _PLUGINS if re.match(start, data, re.DOTALL)), None)
    try:
        image = _by_plugin(plugin, data) if plugin else None
        return image, colours_of(data, image) if image else Colours()
    except DAMAGED as error:
        pass_on(error)
        return None, Colours()  # OpenCV may still make something of it


def needs_pillow(image: Image.Image) -> bool:
    """Whether the pixels have to be read here."""
    return image.mode in {"CMYK", "LAB"} or image.format in {"AVIF", "HEIF"}


def decoded(image: Image.Image, colours: Colours, path: Path) -> np.ndarray:
    """Upright (H, W) grey, (H, W, 3) or (H, W, 4) uint8 RGB(A); of CMYK and Lab in sRGB already. Raises DAMAGED."""
    image = ImageOps.exif_transpose(image)
    if image.mode in {"CMYK", "LAB"}:
        return picture_to_srgb(image, colours, path)
    if image.mode == "LA":
        image = image.convert("RGBA")
    return np.array(image if image.mode in {"L", "I;16", "RGB", "RGBA"} else image.convert("RGB"))


def _by_plugin(name: str, data: bytes) -> Image.Image:
    """Without Pillow's own limit, which takes no account of the one that held already."""
    if name == "HEIF":
        image = _pillow_heif().open_heif(io.BytesIO(data)).to_pillow()
        image.format = name
        return image
    Image.init()
    return Image.OPEN[name][0](io.BytesIO(data), "")


def _plugin_of_box(data: bytes, path: Path) -> str:
    """AVIF is opened by Pillow, HEIC by pillow-heif. Raises MissingPackage."""
    stop = min(int.from_bytes(data[:4], "big"), _BRANDS)
    if {data[at : at + 4] for at in (8, *range(16, stop, 4))} & {b"avif", b"avis"}:
        Image.init()
        if "AVIF" not in Image.OPEN or not features.check("avif"):
            raise MissingPackage(
                f"{path} is an AVIF picture, which needs Pillow 11.3 or newer. Run: python -m pip install -U pillow"
            )
        return "AVIF"
    try:
        _pillow_heif()
    except ImportError as error:
        raise MissingPackage(
            f"{path} is a HEIC picture, which needs the package pillow-heif (the extra heif). "
            "Run: python -m pip install pillow-heif"
        ) from error
    return "HEIF"


def _pillow_heif() -> Any:
    import pillow_heif  # noqa: PLC0415 - optional  # type: ignore[import-not-found]

    return pillow_heif
