"""``fom inspect``: what will become of a picture and a driver, before they are animated."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..backends import Backend
from ..driver import find_view
from ..errors import UsageError
from ..faces.detection import Detector
from ..faces.regions import whole_picture
from ..faces.tracking import DrivingView
from ..files.paths import replacing
from ..files.places import Work, keep_apart
from ..inspection import Finding, Inspection, inspect_animation
from ..media import VideoReader, read_picture
from ..media.pictures import require_written, write_picture
from ..motion import motion_path, open_motion
from ..types import FaceSet, Motion
from . import animate, common, drivers, edits
from .backend import add_backend_options, open_backend
from .faces import face_as_json
from .progress import ProgressBar, one_line
from .source_faces import add_source_face_options
from .verbs import HELP


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options, which are those of ``fom animate`` by the same names."""
    parser = subparsers.add_parser(
        "inspect",
        help=HELP["inspect"],
        description="Look at a picture and a driver before they are animated: what will go wrong, in which frames, and "
        "what may help, in words and on a sheet with keypoints, flow, occlusion and folds.",
        usage="fom inspect --source_image FILE (--driving_video FILE | --motion MOTION | --pose TEXT) [OPTION ...]",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-s", "--source_image", type=common.file_name, required=True, metavar="FILE", help="picture with a face"
    )
    driving = parser.add_mutually_exclusive_group()
    driving.add_argument(
        "-d",
        "--driving_video",
        type=common.file_name,
        metavar="FILE",
        help="video, GIF, folder of pictures or picture that is to move it; needed, or --motion, or --pose",
    )
    driving.add_argument(
        "--motion", type=common.file_name, metavar="MOTION", help=f"in its place one of the {edits.MOTION_HELP}"
    )
    parser.add_argument(
        "--output", type=common.file_path, metavar="FILE", help="write the sheet here, such as sheet.png"
    )
    parser.add_argument(
        "--json",
        nargs="?",
        type=common.file_or_stdout,
        const=common.STDOUT,
        metavar="FILE",
        help="write verdict and figures as JSON here, or to stdout in the place of words",
    )
    faces = parser.add_argument_group("faces")
    faces.add_argument(
        "--faces",
        metavar="NUMBER",
        help="look at this one, by its number from 1 in --order (default: the most prominent)",
    )
    add_source_face_options(faces)
    motion = parser.add_argument_group("motion")
    drivers.add_motion_options(motion)
    edits.add_edit_options(motion)
    common.add_model_options(parser)
    add_backend_options(parser)
    parser.set_defaults(run=run, source_video=None)  # of fom animate


def run(args: argparse.Namespace) -> int:
    """Look, and write what was asked for."""
    if args.driving_video is None and args.motion is None and args.pose is None:
        raise UsageError("What drives the picture is needed: give --driving_video, --motion or --pose.")
    json_file: Path | None = None if args.json == common.STDOUT else args.json
    named = [args.driving_video, args.motion and str(motion_path(args.motion)), *edits.further_motions(args)]
    inputs = common.files_of_model(args, args.source_image, *named)
    keep_apart([Work(inputs, [path for path in (args.output, json_file) if path is not None])])
    if args.output is not None:
        require_written(args.output)  # before the work
    with _gathered() as told:
        found = _inspected(args, told)
    if args.output is not None:
        write_picture(args.output, found.sheet, synthetic=True)
    text = json.dumps(verdict_as_json(found, args), indent=2) + "\n"
    if json_file is not None:
        with replacing(json_file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if args.json != common.STDOUT:
        text = found.verdict + "\n"
    print(text, end="")
    return 0


def verdict_as_json(found: Inspection, args: argparse.Namespace) -> dict[str, Any]:
    """An inspection as plain values."""
    course = found.course
    return {
        "picture": args.source_image,
        "driver": args.driving_video or args.motion,
        "model": found.model,
        "face": face_as_json(found.face),
        "initial_frame": found.initial_frame,
        "gain": found.gain,
        "frames": [] if course is None else course.frames.tolist(),
        "folded": [] if course is None else np.round(course.folded, 5).tolist(),
        "turned": [] if course is None else np.round(course.turned, 5).tolist(),
        "verdict": [
            {
                "name": finding.name,
                "warns": finding.warns,
                "text": finding.text,
                "frames": [list(part) for part in finding.frames],
                "figures": {name: round(float(value), 5) for name, value in finding.figures.items()},
            }
            for finding in found.findings
        ],
    }


def _inspected(args: argparse.Namespace, told: list[Finding]) -> Inspection:
    """``told`` is what is told of the files while they are read."""
    transfer = drivers.transfer_of(args)
    picture = read_picture(args.source_image)
    driver = _driver(args)
    args = edits.with_model_of(args, [driver])
    drivers.check_initial_frame(transfer, [driver])
    model = open_backend(args)
    on_faces = common.wants_faces(args.source_crop, model)
    detector = common.open_detector(args, model.device) if on_faces or args.driving_crop == "face" else None
    faces = _faces(args, picture, detector if on_faces else None)
    view, motion = _read(args, model, driver, detector)
    reader = driver if isinstance(driver, VideoReader) else None
    if reader is not None and not reader.constant_rate:
        text = (
            f"The driver's frame rate varies: it is read at {reader.fps:.6g} frames a second, with repeats in pauses."
        )
        told.append(Finding("variable_rate", False, text))
    shown = reader if reader is not None and edits.shows_driver(args) else ()
    with ProgressBar("looking at the flow") as progress:
        return inspect_animation(
            model, picture, faces, motion, transfer,
            frames=shown, view=view, further=told, chunk_size=common.chunk_size(args), progress=progress,
        )  # fmt: skip


def _driver(args: argparse.Namespace) -> drivers.Driver:
    if args.motion:
        return drivers.part_of(open_motion(args.motion), args.motion, args)
    if not args.driving_video:
        return edits.posed_alone(args)
    return drivers.open_video(args.driving_video, args)


def _faces(args: argparse.Namespace, picture: np.ndarray, detector: Detector | None) -> FaceSet:
    if detector is None:
        if args.faces is not None:
            raise UsageError("The whole picture is looked at. Add --source_crop face, or leave --faces out.")
        return whole_picture(picture.shape[:2])
    faces = animate.choose_faces(args, picture, detector, args.faces is not None)
    if args.faces is not None and len(faces) > 1:
        raise UsageError(f"One face is looked at, and --faces {args.faces} names {len(faces)}. Give one number.")
    return faces


def _read(
    args: argparse.Namespace, model: Backend, driver: drivers.Driver, detector: Detector | None
) -> tuple[DrivingView | None, Motion]:
    """The driver's face as it was found, and the motion as ``fom animate`` would use it."""
    view = None
    if isinstance(driver, VideoReader):
        view = find_view(
            model, driver, detector, crop=args.driving_crop, choose=args.driving_face, name=str(driver.path),
            stages=lambda stage: ProgressBar(stage, driver.frame_count),
        )  # fmt: skip
    (motion,) = drivers.read_drivers(args, model, [driver], detector, view)
    return view, motion


@contextmanager
def _gathered() -> Iterator[list[Finding]]:
    """What is told of pictures, videos and their colours meanwhile."""
    found: list[Finding] = []

    class Gathering(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(Finding("told", True, one_line(record.getMessage())))

    handler = Gathering(logging.WARNING)
    logger = logging.getLogger(__name__.rpartition(".cli")[0] + ".media")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
