"""What the names of results say: which are folders, and which are files; and names in a line."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..media import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from .common import file_path

OUR_SUFFIXES = VIDEO_SUFFIXES | PICTURE_SUFFIXES | {".avi", ".m4v", ".mpg", ".safetensors", ".onnx", ".json", ".csv"}
FILE_SUFFIX = re.compile(r"\.(?:[A-Za-z]{2}[A-Za-z0-9]{0,3}|3g[p2])")  # not that of folders such as out.2 and out.v2


def folder_path(text: str) -> Path:
    """Argument type: a folder of results; what ends like a file of ours is one if it is there, or with a / behind."""
    path = file_path(text)
    if path.suffix.lower() in OUR_SUFFIXES and not _is_folder(text):
        raise argparse.ArgumentTypeError(
            f"names the folder of the results, and {text} ends like a file: leave {path.suffix} out, or write "
            f"{text}/ if that is the folder's name"
        )
    return path


def listed(names: Sequence[str], word: str) -> str:
    """Names in a line, with ``word`` before the last one: "a, b and c"."""
    *before, last = names
    return f"{', '.join(before)} {word} {last}" if before else last


def looks_like_file(text: str) -> bool:
    """Whether a name means a file, of whatever kind, rather than a folder that may be made."""
    return FILE_SUFFIX.fullmatch(Path(text).suffix) is not None and not _is_folder(text)


def _is_folder(text: str) -> bool:
    """Whether a name is a folder's for sure: it is there, or ends as only folders do."""
    return Path(text).is_dir() or text.endswith(tuple(filter(None, (os.sep, os.altsep))))
