"""``fom evaluate``: measure a model on clips, or how its animations look."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..faces.detect import best_detector, load_detector
from ..faces.detectors.yunet import YuNetDetector
from ..files.places import Work, keep_apart
from . import looks
from .common import add_model_options, file_name, file_path, files_of_model, open_model, positive
from .progress import ProgressBar
from .verbs import HELP

FRAMES = 16  # of each clip


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "evaluate",
        help=HELP["evaluate"],
        description="Reconstruct clips from their first frame and let people drive one another; print tables that "
        "compare the model with showing the source unmoved and with its absolute mode, and write them with videos.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "data", type=file_path, nargs="?", metavar="FOLDER", help="clips: videos, frame folders, or an index.csv"
    )
    parser.add_argument("--split", default="val", help="of the data set (default: val)")
    parser.add_argument("--licence_class", action="append", metavar="NAME", help="of an index.csv; may be repeated")
    parser.add_argument(
        "--pairs", type=file_path, metavar="CSV", help="columns source and driving (default: neighbours)"
    )
    parser.add_argument(
        "--output", type=file_path, default=Path("runs/evaluate"), metavar="FOLDER", help="for the results"
    )
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument(
        "--frames", type=positive, metavar="N", help=f"of each clip (default: {FRAMES}) or driver ({looks.FRAMES})"
    )
    how_many.add_argument("--all_frames", dest="frames", action="store_const", const=0, help="look at every frame")
    parser.add_argument("--yunet", type=file_path, metavar="FILE", help="YuNet weights to find faces with")
    parser.add_argument(
        "--landmarks", type=file_path, metavar="FILE", help="PFLD of 68 points as ONNX, for the figure akd_px"
    )
    parser.add_argument(
        "--lpips",
        type=file_name,
        metavar="FILE",
        help="state dict of the lpips package's AlexNet; or lpips-alex, once that and alexnet are downloaded",
    )
    looks.add_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, write the results and print the tables."""
    if args.looks:
        return looks.run(args)
    looks.check_absent(args)
    from ..evaluation.evaluate import RESULTS, evaluate_folder  # noqa: PLC0415
    from ..evaluation.face_points import Pfld, detector_points  # noqa: PLC0415
    from ..evaluation.lpips import Lpips  # noqa: PLC0415
    from ..evaluation.reconstruction import OptionalMetrics  # noqa: PLC0415 - heavy, and needed by this command only

    inputs = files_of_model(args, args.pairs, args.yunet, args.landmarks, args.lpips)
    keep_apart([Work(inputs, [args.output / name for name in RESULTS])])
    model = open_model(args)
    detector = load_detector(best_detector()) if args.yunet is None else YuNetDetector(args.yunet, threshold=0.5)
    points = detector_points(detector) if args.landmarks is None else Pfld(args.landmarks, detector)
    lpips = None if args.lpips is None else Lpips.load(args.lpips)
    with ProgressBar("evaluating", unit="clips") as progress:
        tables = evaluate_folder(
            model,
            args.data,
            args.output,
            OptionalMetrics(lpips, points),
            split=args.split,
            licence_classes=args.licence_class,
            pairs=args.pairs,
            frames=FRAMES if args.frames is None else args.frames or None,
            progress=progress,
        )
    print(tables, end="")
    return 0
