"""How large pictures may be: known from what files declare, before any memory is taken for their pixels.

A few bytes can declare gigabytes. The limit is the argument ``max_pixels``, else the environment variable
FOM_MAX_PIXELS, which ``fom --max_pixels`` sets, else what is usual. It is a number of pixels of PIXEL_BYTES: those that
take more memory once they are decoded (16 bits, floats, many channels) count as several.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import MediaError, UsageError

VARIABLE = "FOM_MAX_PIXELS"
PIXEL_BYTES = 4  # eight bits, and four channels
PICTURE_PIXELS = 2**27  # 134 million, 16384x8192: 0.5 GB a copy
FRAME_PIXELS = 2**25  # 34 million, such as 8192x4096: of a video many are held at a time
OPENCV_PIXELS, OPENCV_SIDE = 2**30, 2**20  # more are refused by OpenCV, whatever is allowed
FFMPEG_PIXELS = 2**28  # the same of ffmpeg, less what it adds at the borders
_HIGHEST = 2**31 - 1  # that --max_pixels takes


def most_pixels(max_pixels: int | None, usual: int) -> int:
    """The limit that holds: the one given, the environment's or the usual one. Raises UsageError for none above 0."""
    if max_pixels is None:
        text = os.environ.get(VARIABLE, "").strip()
        if text and not (text.isascii() and text.isdigit() and len(text) < 19):
            raise UsageError(f"{VARIABLE} is {text!r}. Set it to a number of pixels, such as {usual}, or unset it.")
        max_pixels = int(text) if text else usual
    if max_pixels < 1:
        raise UsageError(f"The limit of pixels is {max_pixels}. Give a number above 0, such as {usual}.")
    return max_pixels


@contextmanager
def allowing(max_pixels: int | None) -> Iterator[None]:
    """Let this limit hold, also in processes that are started meanwhile; None leaves it as it is."""
    before = os.environ.get(VARIABLE)
    if max_pixels is not None:
        os.environ[VARIABLE] = str(max_pixels)
    try:
        yield
    finally:
        if max_pixels is not None:
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before


def require_modest(  # noqa: PLR0917 - a size is two numbers
    path: Path, height: int, width: int, max_pixels: int, pixel_bytes: int = PIXEL_BYTES, most: int = OPENCV_PIXELS
) -> None:
    """Raise MediaError for a picture or a frame that takes more memory than allowed.

    most: pixels beyond which its decoder refuses it in any case.
    """
    counted = -(-height * width * pixel_bytes // PIXEL_BYTES)
    if counted <= max_pixels:
        return
    as_many = f", {counted:,} in all"
    if pixel_bytes > PIXEL_BYTES:
        as_many = f" of {pixel_bytes} bytes, as much as {counted:,} of {PIXEL_BYTES} bytes"
    found = f"{path} declares {width}x{height} pixels{as_many}; {max_pixels:,} are allowed"
    if height * width > most or max(height, width) > OPENCV_SIDE or counted > _HIGHEST:
        raise MediaError(f"{found}, and its decoder takes none of that size. Make it smaller, or copy it again.")
    raise MediaError(
        f"{found}. Make it smaller, or allow more: --max_pixels {counted}; in ComfyUI and Python, {VARIABLE}={counted} "
        "in the environment."
    )
