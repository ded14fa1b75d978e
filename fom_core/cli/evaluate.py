"""``fom evaluate``: measure a model on clips, or how its animations look."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..faces.detect import best_detector, load_detector
from ..faces.detectors.yunet import YuNetDetector
from ..files.places import Work, keep_apart
from ..weights.catalogue import is_file
from ..weights.store import named_file
from . import looks
from .common import add_model_options, file_name, file_path, files_of_model, open_model, positive
from .idle import EVALUATE, tell_idle
from .names import folder_path
from .progress import ProgressBar
from .verbs import HELP

FRAMES = 16  # of each clip


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help=HELP["evaluate"],
        usage="fom evaluate FOLDER [OPTION ...]\n"
        "       fom evaluate --looks --source_image FILE [FILE ...] --driving_video FILE [FILE ...] [OPTION ...]",
        description="Reconstruct clips from their first frame and let people drive one another; print tables that "
        "compare the model with showing the source unmoved and with its absolute mode, and write them with videos.",
        allow_abbrev=False,
    )
    declare(parser)
    parser.set_defaults(run=run)


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its options."""
    parser.add_argument(
        "data", type=file_path, nargs="?", metavar="FOLDER", help="clips: videos, frame folders, or an index.csv"
    )
    parser.add_argument(
        "--split",
        default="val",
        help="part of the data set to measure on: val, test or train (default: val; a folder test is as good as val)",
    )
    parser.add_argument(
        "--licence_class",
        action="append",
        metavar="NAME",
        help="only clips of this licence_class in index.csv; may be repeated",
    )
    parser.add_argument(
        "--pairs",
        type=file_path,
        metavar="CSV",
        help="who is driven by whom: columns source and driving (default: everybody by the next person)",
    )
    parser.add_argument(
        "--output",
        type=folder_path,
        default=Path("runs/evaluate"),
        metavar="FOLDER",
        help="for the results (default: runs/evaluate)",
    )
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument(
        "--frames",
        type=positive,
        metavar="N",
        help=f"frames of each clip (default: {FRAMES}), or of each driver with --looks (default: {looks.FRAMES})",
    )
    how_many.add_argument("--all_frames", dest="frames", action="store_const", const=0, help="look at every frame")
    parser.add_argument(
        "--yunet", type=file_name, metavar="FILE", help="YuNet weights to find faces with, or yunet once downloaded"
    )
    parser.add_argument(
        "--landmarks", type=file_path, metavar="FILE", help="PFLD of 68 points as ONNX, for the figure akd_px"
    )
    parser.add_argument(
        "--lpips",
        type=file_name,
        metavar="FILE",
        help="state dict of the lpips package's AlexNet; or lpips-alex, once that and alexnet are downloaded",
    )
    parser.add_argument(
        "--identity",
        type=file_name,
        metavar="FILE",
        help="SFace, or another ONNX file that takes the same, for the figure identity; or sface once downloaded",
    )
    looks.add_options(parser)
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, write the results and print the tables."""
    if args.looks:
        return looks.run(args)
    looks.check_absent(args)
    from ..evaluation.evaluate import RESULTS, evaluate_folder  # noqa: PLC0415
    from ..evaluation.face_points import Pfld, detector_points  # noqa: PLC0415
    from ..evaluation.identity import FaceRecogniser  # noqa: PLC0415
    from ..evaluation.lpips import Lpips  # noqa: PLC0415
    from ..evaluation.reconstruction import OptionalMetrics  # noqa: PLC0415 - heavy, and needed by this command only

    inputs = files_of_model(args, args.pairs, args.yunet, args.landmarks, args.lpips, args.identity)
    keep_apart([Work(inputs, [args.output / name for name in RESULTS])])
    tell_idle([("", args)], declare, EVALUATE)
    model = open_model(args)
    detector = (
        load_detector(best_detector()) if args.yunet is None else YuNetDetector(named_file(args.yunet), threshold=0.5)
    )
    points = detector_points(detector) if args.landmarks is None else Pfld(args.landmarks, detector)
    lpips = None if args.lpips is None else Lpips.load(args.lpips)
    identity = None if args.identity is None else FaceRecogniser(named_file(args.identity), detector)
    with ProgressBar("evaluating", unit="clips") as progress:
        tables = evaluate_folder(
            model,
            args.data,
            args.output,
            OptionalMetrics(lpips, points, identity),
            split=args.split,
            licence_classes=args.licence_class,
            pairs=args.pairs,
            frames=FRAMES if args.frames is None else args.frames or None,
            weights=Path(args.model) if is_file(args.model) else None,
            progress=progress,
        )
    print(tables, args.output / RESULTS[1], sep="\n")
    return 0
