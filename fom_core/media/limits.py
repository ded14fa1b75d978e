"""How large pictures may be: known from what files declare, before any memory is taken for their pixels.

A few bytes can declare gigabytes. The limit is the argument ``max_pixels``, else the environment variable
FOM_MAX_PIXELS, which ``fom --max_pixels`` sets, else what is usual.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import MediaError, UsageError

VARIABLE = "FOM_MAX_PIXELS"
PICTURE_PIXELS = 2**27  # 134 million, 16384x8192: 0.5 GB a copy at 8 bits, 4 GB in the deepest formats
FRAME_PIXELS = 2**25  # 34 million, such as 8192x4096: of a video many are held at a time


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


def require_modest(path: Path, height: int, width: int, max_pixels: int) -> None:
    """Raise MediaError for a picture or a frame of more pixels than allowed."""
    if height * width > max_pixels:
        raise MediaError(
            f"{path} declares {width}x{height} pixels, {height * width:,} in all; {max_pixels:,} are allowed. Make it "
            f"smaller, or allow more: --max_pixels {height * width}; in ComfyUI and Python, {VARIABLE}="
            f"{height * width} in the environment."
        )
