"""``fom preprocess``: cut face clips for training out of raw videos."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..errors import UsageError
from ..files.places import Work, inside, keep_apart
from .common import add_detector_option, file_path, positive, whole, zero_to_one
from .idle import PREPROCESS, tell_idle
from .names import folder_path
from .progress import ProgressBar
from .verbs import HELP


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "preprocess",
        help=HELP["preprocess"],
        description="Follow every face of the videos and cut clips in which it stays in one fixed square, or cut "
        "what a metadata file says. The clips go to the subfolders train and test, named person#video#frames; "
        "report.csv has a row for each, kept or dropped, with the reason. A second call with the same --output goes on "
        "where the first one stopped.",
        allow_abbrev=False,
    )
    declare(parser)
    parser.set_defaults(run=run)


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its options."""
    parser.add_argument(
        "videos",
        type=file_path,
        nargs="+",
        metavar="VIDEOS",
        help="folders or files; a folder's subfolders name people",
    )
    parser.add_argument("--output", type=folder_path, required=True, metavar="FOLDER", help="for the data set")
    parser.add_argument(
        "--metadata",
        type=file_path,
        metavar="CSV",
        help="cut these parts: columns video_id, start, end, bbox; optional: person_id, fps, width, height, partition",
    )
    parser.add_argument(
        "--size",
        type=whole,
        default=256,
        choices=(128, 192, 256, 512),
        help="side of the clips in pixels (default: 256)",
    )
    parser.add_argument(
        "--form", default="mp4", choices=("mp4", "png"), help="clips as videos, or as folders of PNGs (default: mp4)"
    )
    parser.add_argument("--min_frames", type=positive, default=64, metavar="N", help="drop shorter clips (default: 64)")
    parser.add_argument(
        "--min_crop", type=positive, metavar="PIXELS", help="drop squares that are smaller (default: half of --size)"
    )
    parser.add_argument(
        "--test_share",
        type=zero_to_one,
        default=0.0,
        metavar="S",
        help="share of the people whose clips go to test, 0 to 1 (default: 0)",
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes to cut in (default: one per processor)"
    )
    add_detector_option(parser)


def run(args: argparse.Namespace) -> int:
    """Find the videos, cut, and print where the report is."""
    from ..preprocess.clip_sources import jobs_of_metadata, jobs_of_videos  # noqa: PLC0415 - heavy, for this command only
    from ..preprocess.face_clips import Rules  # noqa: PLC0415
    from ..preprocess.preprocess import REPORT, Recipe, preprocess  # noqa: PLC0415

    inputs = [*args.videos, *([args.metadata] if args.metadata else [])]
    keep_apart([Work(inputs, [args.output / REPORT], folders=[args.output])])
    below = next((folder for folder in args.videos if inside(args.output, folder)), None)
    if below is not None:
        raise UsageError(
            f"The output {args.output} lies in {below}, where the clips would be found as videos the next time. Choose "
            "an output beside it."
        )
    if args.metadata is None:
        jobs, missing = jobs_of_videos(args.videos, args.test_share), []
    elif len(args.videos) > 1:
        raise UsageError("With --metadata, give one folder that holds the videos.")
    else:
        tell_idle([("", args)], declare, PREPROCESS)
        jobs, missing = jobs_of_metadata(args.metadata, args.videos[0])
    rules = Rules(args.size, args.min_frames, min_crop_px=args.min_crop or args.size // 2)
    with ProgressBar("cutting", len(jobs), "videos", beats=True) as bar:
        report = preprocess(
            jobs,
            args.output,
            Recipe(rules, args.form, args.face_detector),
            workers=args.workers or os.cpu_count() or 1,
            missing=missing,
            progress=bar,
        )
    print(report)
    return 0
