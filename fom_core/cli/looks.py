"""``fom evaluate --looks``: how animations of given pictures by given videos look."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..backends import Backend
from ..errors import UsageError
from ..evaluation.looks_report import RESULTS, LooksSource, NamedMotion, evaluate_looks
from ..faces.detection import Detector
from ..faces.detectors.yunet import YuNetDetector
from ..faces.regions import whole_picture
from ..files.places import Work, keep_apart
from ..media import read_picture
from ..types import FaceSet
from ..weights.store import named_file
from . import animate, common, drivers
from .backend import open_backend
from .progress import ProgressBar

FRAMES = 5  # of each driver
OF_CLIPS = ("data", "pairs", "licence_class", "landmarks", "lpips", "identity")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Pictures and drivers, in place of the clips of ``fom evaluate``."""
    group = parser.add_argument_group("looks")
    group.add_argument(
        "--looks",
        action="store_true",
        help="measure how animations look instead: seams, double exposures, blur, flicker; prints a table, and writes "
        "it with a contact sheet",
    )
    group.add_argument(
        "-s",
        "--source_image",
        type=common.file_name,
        nargs="+",
        metavar="FILE",
        help="pictures to animate, as `fom animate` does",
    )
    group.add_argument(
        "-d",
        "--driving_video",
        type=common.file_name,
        nargs="+",
        metavar="FILE",
        help="videos; each moves every picture",
    )
    drivers.add_part_options(group)


def run(args: argparse.Namespace) -> int:
    """Animate every picture by every driver, write the results and print the table."""
    _check(args)
    options = _as_animating(args)
    inputs = (*args.source_image, *args.driving_video, *common.files_of_model(args, args.yunet))
    keep_apart([Work(inputs, [args.output / name for name in RESULTS])])
    pictures = [(path, read_picture(path)) for path in args.source_image]
    readers = [drivers.open_video(path, args) for path in args.driving_video]
    model = open_backend(options)
    detector = _detector(options, model)
    sources = [
        LooksSource(Path(path).name, picture, _faces(options, path, picture, detector)) for path, picture in pictures
    ]
    moving = [
        NamedMotion(reader.path.name, drivers.read_drivers(options, model, [reader], detector)[0]) for reader in readers
    ]
    with ProgressBar("evaluating", unit="animations") as progress:
        table = evaluate_looks(
            model, sources, moving, args.output,
            transfer=drivers.transfer_of(options), frames=args.frames or FRAMES,
            chunk_size=common.chunk_size(options), progress=progress,
        )  # fmt: skip
    print(table, args.output / RESULTS[1], sep="\n")
    return 0


def check_absent(args: argparse.Namespace) -> None:
    """Raise UsageError where clips are evaluated, but pictures or drivers are given, or no clips."""
    if args.source_image or args.driving_video:
        raise UsageError("--source_image and --driving_video are for --looks. Add it, or leave them out.")
    if args.start is not None or args.duration is not None:
        raise UsageError("--start and --duration are for --looks. Add it, or leave them out.")
    if args.data is None:
        raise UsageError("A folder of clips is missing. Name it, or evaluate animations of pictures with --looks.")


def _check(args: argparse.Namespace) -> None:
    if not (args.source_image and args.driving_video):
        missing = "--driving_video" if args.source_image else "--source_image"
        raise UsageError(f"--looks takes pictures and what drives them: {missing} is missing.")
    for name in OF_CLIPS:
        if getattr(args, name):
            given = "A folder" if name == "data" else f"--{name}"
            raise UsageError(f"{given} is for the evaluation of clips. Leave it out, or leave --looks out.")
    if args.frames == 0:
        raise UsageError("--all_frames is for the evaluation of clips. Say --frames N with --looks.")


def _detector(options: argparse.Namespace, model: Backend) -> Detector | None:
    """What finds faces; None for a model that animates whole pictures."""
    if not common.wants_faces(options.source_crop, model):
        return None
    if options.yunet is None:
        return common.open_detector(options, model.device)
    return YuNetDetector(named_file(options.yunet))


def _faces(options: argparse.Namespace, path: str, picture: np.ndarray, detector: Detector | None) -> FaceSet:
    """What moves: the most prominent face, or the whole picture."""
    if detector is None:
        return whole_picture(picture.shape[:2])
    return animate.choose_faces(argparse.Namespace(**{**vars(options), "source_image": path}), picture, detector, False)


def _as_animating(args: argparse.Namespace) -> argparse.Namespace:
    """These options, and all others of ``fom animate`` as they are unless told."""
    parser = argparse.ArgumentParser()
    animate.add_parser(parser.add_subparsers())
    return argparse.Namespace(**{**vars(parser.parse_args(["animate"])), **vars(args)})
