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
from .effects import without_effect
from .progress import ProgressBar

FRAMES = 16  # of each clip


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on clips, or how its animations look",
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
    looks.add_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, write the results and print the tables."""
    if args.looks:
        return looks.run(args)
    looks.check_absent(args)
    from ..evaluation.data_set import RESULTS, evaluate_folder  # noqa: PLC0415
    from ..evaluation.face_points import Pfld, detector_points  # noqa: PLC0415
    from ..evaluation.metrics import Lpips  # noqa: PLC0415
    from ..evaluation.reconstruction import Judges  # noqa: PLC0415 - heavy, and needed by this command only

    inputs = files_of_model(args, args.pairs, args.yunet, args.landmarks, args.lpips)
    keep_apart([Work(inputs, [args.output / name for name in RESULTS])])
    _tell_vain(args)
    model = open_model(args)
    detector = (
        load_detector(best_detector()) if args.yunet is None else YuNetDetector(named_file(args.yunet), threshold=0.5)
    )
    points = detector_points(detector) if args.landmarks is None else Pfld(args.landmarks, detector)
    lpips = None if args.lpips is None else Lpips.load(args.lpips)
    with ProgressBar("evaluating", unit="clips") as progress:
        tables = evaluate_folder(
            model,
            args.data,
            args.output,
            Judges(lpips, points),
            split=args.split,
            licence_classes=args.licence_class,
            pairs=args.pairs,
            frames=FRAMES if args.frames is None else args.frames or None,
            weights=Path(args.model) if is_file(args.model) else None,
            progress=progress,
        )
    print(tables, end="")
    return 0


def _tell_vain(args: argparse.Namespace) -> None:
    """Name the options that the evaluation of clips does not use."""
    sizes = {name: getattr(args, name) or None for name in ("chunk_size", "batch_size", "slice_size")}
    without_effect("clips are looked at as a whole", **sizes)
    if args.model is not None:
        without_effect("--model says which", mobile_net=args.mobile_net)
    if args.data is not None and not (args.data / "index.csv").is_file():
        without_effect(f"{args.data} has no index.csv", licence_class=args.licence_class)
