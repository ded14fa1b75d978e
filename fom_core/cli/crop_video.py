"""``fom crop_video``: which square of a clip shows one person from the first frame to the last, for each person."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import NoFaceFound, UsageError
from ..files.paths import replacing
from ..files.places import Work, keep_apart
from ..media import VideoReader
from ..types import Box
from .common import add_detector_option, file_path, not_negative, open_detector, positive, square
from .names import folder_path
from .progress import ProgressBar
from .verbs import HELP

if TYPE_CHECKING:
    from ..preprocess.face_clips import Piece

SIZE = 256
MOST = 2**31 - 1  # frames of a part: as long as the person stays


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options: those of the authors' crop-video.py, and ours."""
    parser = subparsers.add_parser(
        "crop_video",
        help=HELP["crop_video"],
        description="Follow every face through a video and print, for each, the ffmpeg command that cuts the square in "
        "which it stays. With --cut they are cut at once, without sound.",
        allow_abbrev=False,
    )
    parser.add_argument("video", type=file_path, nargs="?", metavar="VIDEO", help="the video to look through; needed")
    parser.add_argument("--inp", type=file_path, metavar="VIDEO", help="the authors' name for VIDEO")
    parser.add_argument("--cut", action="store_true", help="cut the squares into --output, as well")
    parser.add_argument(
        "--output",
        type=folder_path,
        default=Path("output"),
        metavar="DIR",
        help="folder of the cut clips (default: output)",
    )
    parser.add_argument(
        "--json", type=file_path, metavar="FILE", help="also write the frames, seconds and square of each part here"
    )
    parser.add_argument(
        "--min_frames", type=positive, default=25, metavar="N", help="leave out shorter parts (default: 25)"
    )
    parser.add_argument(
        "--increase",
        type=not_negative,
        metavar="SHARE",
        help="room around the face, in face sides (default: as the models were trained with)",
    )
    parser.add_argument(
        "--image_shape", type=square, default=SIZE, metavar="H,W", help=f"size of the clips (default: {SIZE},{SIZE})"
    )
    add_detector_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Follow the faces, then print, write and cut what was asked for."""
    from ..preprocess.face_clips import Piece, Rules, find_pieces, write_pieces  # noqa: PLC0415 - for this command only

    video = args.video or args.inp
    if video is None:
        raise UsageError("A video is needed: fom crop_video VIDEO.")
    rules = Rules(args.image_shape, args.min_frames, max_frames=MOST, min_crop_px=1)
    if args.increase is not None:
        rules = replace(rules, margin=args.increase)
    keep_apart([Work([video], [path for path in (args.json,) if path is not None])])
    reader = VideoReader(video)
    detector = open_detector(args, torch.device("cpu"))
    with ProgressBar("looking for faces", reader.frame_count) as bar:
        found = find_pieces(_counted(reader, bar), detector, rules)
    height, width = reader.size
    pieces = [
        Piece(piece.start, piece.stop, _inside(piece.crop_px, width, height))
        for piece in found
        if piece.stop - piece.start >= args.min_frames
    ]
    if not pieces:
        raise NoFaceFound(
            f"No face stays in {video} for {args.min_frames} frames, seen by the detector {detector.name}. Choose "
            "another --face_detector, or fewer --min_frames."
        )
    paths = [args.output / f"{video.stem}_{number}.mp4" for number in range(1, len(pieces) + 1)]
    if args.cut:
        keep_apart([Work([video], [*paths, *([args.json] if args.json else [])])])
        write_pieces(reader, list(zip(pieces, paths, strict=True)), reader.rate, args.image_shape)
    facts = [_facts(piece, reader.fps) for piece in pieces]
    if args.json is not None:
        text = json.dumps({"width": width, "height": height, "fps": reader.fps, "people": facts}, indent=2) + "\n"
        with replacing(args.json) as temporary:
            temporary.write_text(text, encoding="utf-8")
    for fact, path in zip(facts, paths, strict=True):
        print(path if args.cut else command(video, fact, path, args.image_shape))
    return 0


def command(video: Path, fact: dict[str, Any], target: Path, size: int) -> str:
    """The line for ffmpeg that cuts a square, with the sound."""
    x0, y0, x1, y1 = fact["crop"]
    words: Sequence[str] = (
        "ffmpeg", "-ss", f"{fact['start_s']:g}", "-i", str(video), "-t", f"{fact['duration_s']:g}",
        "-vf", f"crop={x1 - x0}:{y1 - y0}:{x0}:{y0},scale={size}:{size}", str(target),
    )  # fmt: skip
    return shlex.join(words)


def _counted(reader: VideoReader, bar: ProgressBar) -> Iterator[np.ndarray]:
    for count, frame in enumerate(reader, 1):
        yield frame
        bar(count)


def _inside(crop: Box, width: int, height: int) -> Box:
    """The square, or the largest one in its place that the frame holds: ffmpeg cuts nothing beyond it."""
    side = min(round(crop[2] - crop[0]), width, height)
    left = min(max(round((crop[0] + crop[2] - side) / 2), 0), width - side)
    top = min(max(round((crop[1] + crop[3] - side) / 2), 0), height - side)
    return (float(left), float(top), float(left + side), float(top + side))


def _facts(piece: Piece, fps: float) -> dict[str, Any]:
    """A piece in frames, seconds and whole pixels x0, y0, x1, y1."""
    return {
        "start": piece.start,
        "stop": piece.stop,
        "start_s": round(piece.start / fps, 3),
        "duration_s": round((piece.stop - piece.start) / fps, 3),
        "crop": [int(value) for value in piece.crop_px],
    }
