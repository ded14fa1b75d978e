"""The ffmpeg program that is used: found, able to start and new enough."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache

import imageio_ffmpeg

from ..errors import MissingPackage

OLDEST = "5.1"  # before it, GIFs of every rate, tags of colours and -fps_mode are not understood
_OLDEST_AVUTIL = (57, 28)  # which it comes with; builds from git have no other number
_ANOTHER = "Run: pip install -U imageio-ffmpeg, or name one in the environment variable IMAGEIO_FFMPEG_EXE."


def executable() -> str:
    """The name or path of ffmpeg. Raises MissingPackage where there is none, or none that can be used."""
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise MissingPackage(
            "No ffmpeg program was found. Run: pip install --force-reinstall imageio-ffmpeg, "
            "or name one in the environment variable IMAGEIO_FFMPEG_EXE."
        ) from error
    _require_usable(program)
    return program


def environment() -> dict[str, str]:
    """Variables for ffmpeg. The static builds in imageio-ffmpeg 0.6 and 0.7 may crash where they load the system's
    tables of characters (glibc's gconv), so they are shown none."""
    return {**os.environ, "GCONV_PATH": os.devnull}


@cache
def _require_usable(program: str) -> None:
    try:
        run = subprocess.run([program, "-version"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingPackage(
            f"The ffmpeg program {program} cannot be started ({_reason(error)}). {_ANOTHER}"
        ) from error
    said = run.stdout.decode("utf-8", "replace")
    library = re.search(r"libavutil +(\d+)\. *(\d+)\.", said)
    if library is None:
        raise MissingPackage(f"The program {program} does not tell its version as ffmpeg does. {_ANOTHER}")
    if (int(library[1]), int(library[2])) < _OLDEST_AVUTIL:
        version = re.match(r"ffmpeg version (\S+)", said)
        raise MissingPackage(
            f"ffmpeg {OLDEST} or newer is needed, {program} is {version[1] if version else 'older'}. {_ANOTHER}"
        )


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else f"status {error.returncode}"
