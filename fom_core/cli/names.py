"""What the names of results say: which are folders, which are files, and where a result lies; names in a line."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..files.paths import require_name
from ..files.places import NUMBER
from ..media import ANIMATED_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES, WRITTEN_SUFFIXES
from ..media.write import target_of
from .common import file_name, file_path

FILENAME = "result.mp4"
FILES = ".mp4, .webm, .mov, .mkv, animated .gif, .webp or .avif"
RESULTS = f"{FILES}, or .png for numbered pictures"
SUFFIXES = VIDEO_SUFFIXES | ANIMATED_SUFFIXES | WRITTEN_SUFFIXES
ONLY_NUMBERED = WRITTEN_SUFFIXES - ANIMATED_SUFFIXES - {".png"}  # of pictures that a pattern alone asks for
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


def names_result(text: str) -> bool:
    """Whether a name is that of a result in a kind that is written."""
    return Path(text).suffix.lower() in SUFFIXES and not _is_folder(text)


def folder_or_result(text: str) -> str:
    """Argument type: :func:`folder_path`, or the name of a result, see :func:`names_result`."""
    if not names_result(text):
        folder_path(text)
    return file_name(text)


def listed(names: Sequence[str], word: str) -> str:
    """Names in a line, with ``word`` before the last one: "a, b and c"."""
    *before, last = names
    return f"{', '.join(before)} {word} {last}" if before else last


def looks_like_file(text: str) -> bool:
    """Whether a name means a file, of whatever kind, rather than a folder that may be made."""
    return FILE_SUFFIX.fullmatch(Path(text).suffix) is not None and not _is_folder(text)


def output_names_file(args: argparse.Namespace) -> bool:
    """Whether ``--output`` names the result itself, so that ``--filename`` says nothing."""
    if args.filename is None:
        return looks_like_file(args.output)
    return Path(args.output).suffix.lower() in SUFFIXES | OUR_SUFFIXES and not _is_folder(args.output)


def output_path(args: argparse.Namespace) -> Path:
    """The result: ``--output`` where it names a file, else ``--filename`` in that folder; ``.gif`` is ``result.gif``.

    Raises UsageError for a name of a kind that is not written, WriteError for one that no result can have.
    """
    output = Path(args.output)
    require_name(output, folder=True)
    if output_names_file(args):
        check_ending("--output", args.output, args)
    elif args.filename is None:
        output /= FILENAME
    else:
        check_ending("--filename", args.filename, args)
        alone = args.filename.lower() in SUFFIXES
        output /= Path(FILENAME).stem + args.filename if alone else args.filename
    require_name(output, folder=True)
    return output


def target(args: argparse.Namespace) -> Path:
    """What is written: a file, the pattern of numbered pictures, or a preview's sheet."""
    path = output_path(args)
    if args.preview is None:
        return target_of(path)
    path = path.with_name(NUMBER.sub("preview", path.name))
    return path if path.suffix.lower() in WRITTEN_SUFFIXES else path.with_name(f"{path.stem}.png")


def ending_of(args: argparse.Namespace) -> str:
    """What ``--filename`` says of the results of several pictures: how they end, such as ``.gif`` or ``_%06d.jpg``.

    Raises UsageError.
    """
    if args.filename is None:
        return Path(FILENAME).suffix
    check_ending("--filename", args.filename, args)
    number = NUMBER.search(Path(args.filename).name)
    return (f"_{number[0]}" if number else "") + _suffix(args.filename)


def check_ending(option: str, name: str, args: argparse.Namespace) -> None:
    """Raise UsageError for a name of a result that is not written, or that a picture has and many would need."""
    suffix = _suffix(name)
    if suffix.lower() not in SUFFIXES:
        folder = f"; a folder is named {name}/" if option == "--output" else ""
        found = f"ends in {suffix}, which is not written" if suffix else "has no ending that says what to write"
        raise UsageError(f"{option} {name} {found}. Name it {RESULTS}{folder}.")
    if suffix.lower() in ONLY_NUMBERED and args.preview is None and not NUMBER.search(Path(name).name):
        raise UsageError(
            f"{option} {name} names one picture, and the result has many. One file is {FILES}; numbered pictures are "
            f"{Path(name).stem if Path(name).suffix else 'x'}_%06d{suffix} or .png."
        )


def _suffix(name: str) -> str:
    """The ending of a name, which may be an ending alone."""
    return Path(name).suffix or (name if name.lower() in SUFFIXES else "")


def _is_folder(text: str) -> bool:
    """Whether a name is a folder's for sure: it is there, or ends as only folders do."""
    return Path(text).is_dir() or text.endswith(tuple(filter(None, (os.sep, os.altsep))))
