"""What drives: one or several videos or saved motions, and how their motion is given to the faces."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import get_args

from ..backends import Backend
from ..driver import align_drivers, read_driver
from ..errors import MediaError, UsageError
from ..faces.detection import Detector
from ..faces.tracking import DrivingCrop, DrivingView
from ..media import VideoReader
from ..motion import FADE_IN_S, SMOOTHING, Length, open_motion, require_frame, smooth
from ..scaleout import read_motion_in_team
from ..types import InitialFrame, Motion, MotionTransfer
from . import common, edits, values
from .progress import ProgressBar

Driver = VideoReader | Motion
RETURN_S = 0.5
UNSURE = 0.1  # share of its frames by which a file may be longer than it says
INITIAL_FRAME: InitialFrame = "medoid"  # faces are bent least from there


def add_drivers(parser: argparse.ArgumentParser) -> None:
    """Which videos or motions."""
    driving = parser.add_mutually_exclusive_group()
    driving.add_argument(
        "-d",
        "--driving_video",
        type=common.file_name,
        nargs="+",
        metavar="FILE",
        help="video, GIF, folder of pictures or picture that moves it; needed, or --motion, or --pose. Several "
        "animate every face: the first one moves the leftmost, and so on, the last one all the rest",
    )
    driving.add_argument(
        "--motion",
        type=common.file_name,
        nargs="+",
        metavar="MOTION",
        help=f"in place of driving videos: {edits.MOTION_HELP}",
    )


def add_part_options(parser: argparse._ActionsContainer) -> None:
    """Which part of the driving video, in time."""
    parser.add_argument(
        "--start",
        type=values.moment,
        metavar="T",
        help="begin there in every driving video or motion, in seconds or as h:m:s; frames are counted from there",
    )
    parser.add_argument(
        "--duration",
        type=values.length_of_time,
        metavar="T",
        help="and use no more than so much of it; the sound is cut alike (default: to the end)",
    )


def add_motion_options(group: argparse._ActionsContainer) -> None:
    """How the motion is given to the faces."""
    add_relative_options(group)
    group.add_argument(
        "--initial_frame",
        type=initial_frame_choice,
        metavar="first|best|medoid|N",
        help="driving frame from which motion counts: the first one, the nearest to the source's pose, the one from "
        "which no other is far (the motion then comes in smoothly), or number N, counted from 0; of those that show "
        "the driver's face (default: medoid)",
    )
    group.add_argument("--find_best_frame", action="store_true", help="the same as --initial_frame best")
    group.add_argument("--best_frame", type=common.whole, metavar="N", help="the same as --initial_frame N")
    add_gain_options(group)
    group.add_argument(
        "--smoothing",
        type=common.zero_to_one,
        default=SMOOTHING,
        help=f"take the jitter out of the motion, and at 1 quick movements as well; 0 is off (default: {SMOOTHING})",
    )
    group.add_argument(
        "--length",
        default="hold",
        choices=get_args(Length),
        help="of drivers of different length: as long as the longest, while the others hold their last frame or start "
        "anew; or the shortest. With --source_video all of it counts, or the shortest (default: hold)",
    )
    group.add_argument(
        "--return",
        dest="return_s",
        nargs="?",
        type=values.above_zero,
        const=RETURN_S,
        metavar="SECONDS",
        help="let the motion go home to the still picture at the end, and begin there, so that the result loops; "
        f"over so many of its last seconds (default of SECONDS: {RETURN_S})",
    )
    add_part_options(group)
    add_driving_crop_options(group)


def add_relative_options(group: argparse._ActionsContainer) -> None:
    """Whether movements or poses are copied."""
    common.add_on_off(
        group, "relative", "move by the driver's change since the initial frame (default); off copies poses"
    )
    common.add_on_off(group, "adapt_scale", "scale the movement to the size of the source face (default)")


def add_gain_options(group: argparse._ActionsContainer) -> None:
    """How strongly the faces move."""
    group.add_argument(
        "--gain",
        type=common.not_negative,
        default=1.0,
        help="1 copies the movement, less calms it, more exaggerates; only with --relative (default: 1)",
    )
    group.add_argument(
        "--head_gain",
        type=common.not_negative,
        default=1.0,
        help="the same for the head as a whole, its shift, turn and size (default: 1)",
    )
    group.add_argument(
        "--expression_gain",
        type=common.not_negative,
        default=1.0,
        help="and for what the parts of the face do besides; never 0 alone (default: 1)",
    )


def add_driving_crop_options(parser: argparse._ActionsContainer) -> None:
    """Which part of the driving video is looked at, and whose face."""
    parser.add_argument(
        "--driving_crop",
        default="auto",
        choices=get_args(DrivingCrop),
        help="look at a fixed square around the driver's face, or at the whole frame (default: auto, the whole frame "
        "if it shows little else than the face)",
    )
    parser.add_argument(
        "--driving_face",
        type=face_number,
        metavar="N|largest",
        help="whose face, where a driving video shows several: number N from the left in the first frame with faces, "
        "or the largest there (default: largest)",
    )


def face_number(text: str) -> int | None:
    """A number from 1; None for the largest face."""
    return None if text == "largest" else common.positive(text)


def open_drivers(args: argparse.Namespace) -> list[Driver]:
    """The drivers that the options name, in their order."""
    if args.motion:
        return [part_of(open_motion(name), name, args) for name in args.motion]
    if not args.driving_video:
        return [edits.posed_alone(args)]
    return [open_video(path, args) for path in args.driving_video]


def open_video(path: str, args: argparse.Namespace) -> VideoReader:
    """A driving video, or the part of it that ``--start`` and ``--duration`` name. Raises MediaError for a motion."""
    if Path(path).suffix.lower() == ".safetensors" and Path(path).is_file():
        raise MediaError(f"{path} is no video; saved motions end so. Give it by --motion {path}.")
    return VideoReader(path, from_s=args.start or 0.0, length_s=args.duration or 0.0, as_shown=True)


def part_of(motion: Motion, path: str, args: argparse.Namespace) -> Motion:
    """The same part of a saved motion. Raises UsageError where nothing is left."""
    if args.start is None and args.duration is None:
        return motion
    start = args.start or 0.0
    first = math.ceil(start * motion.fps - 1e-6)
    stop = len(motion) if args.duration is None else math.ceil((start + args.duration) * motion.fps - 1e-6)
    if first >= len(motion):
        raise UsageError(
            f"{path} has {len(motion) / motion.fps:.4g} seconds; no frame is left from {start:.4g} s on. Begin earlier."
        )
    return motion.pick(range(first, min(max(stop, first + 1), len(motion))))


def frame_rate(drivers: Sequence[Driver]) -> Fraction | float:
    """Frames a second of the result: the first driver's."""
    first = drivers[0]
    return first.rate if isinstance(first, VideoReader) else first.fps


def sound_of(args: argparse.Namespace, drivers: Sequence[Driver]) -> VideoReader | None:
    """The first driver that has sound; none where its moments are shown at other times."""
    if edits.changes_time(args):
        return None
    return next((driver for driver in drivers if isinstance(driver, VideoReader) and driver.has_audio), None)


def check_initial_frame(transfer: MotionTransfer, drivers: Sequence[Driver]) -> None:
    """Raise UsageError for an initial frame that no driver can have, before one is read.

    The number of a video's frames is what its file says: near it, reading decides.
    """
    asked = transfer.initial_frame
    longest = max(len(driver) if isinstance(driver, Motion) else driver.frame_count for driver in drivers)
    if isinstance(asked, int) and not 0 <= asked < longest + UNSURE * longest + 1:
        require_frame(asked, longest)


def read_drivers(
    args: argparse.Namespace,
    model: Backend,
    drivers: list[Driver],
    detector: Detector | None,
    view: DrivingView | None = None,
) -> list[Motion]:
    """The drivers' motions, edited and smoothed: on one clock, at the first one's frame rate and equally long.

    For a source video, whose clock counts, each as it is.

    view: where the driver's face is, if that is known and there is but one driver.
    """
    motions = [
        driver if isinstance(driver, Motion) else track_driver(args, model, driver, detector, view)
        for driver in drivers
    ]
    motions = edits.edited_motions(args, motions, initial_frame_of(args))
    if args.source_video is not None:
        return [smooth(motion, args.smoothing) for motion in motions]
    return align_drivers(motions, motions[0].fps, smoothing=args.smoothing, length=args.length)


def track_driver(
    args: argparse.Namespace,
    model: Backend,
    reader: VideoReader,
    detector: Detector | None,
    view: DrivingView | None = None,
) -> Motion:
    """The motion of the whole driving video; without a detector of its whole frames."""
    return read_driver(
        model, reader, reader.fps, detector,
        crop=args.driving_crop, choose=args.driving_face, view=view, chunk_size=common.chunk_size(args),
        name=str(reader.path), stages=lambda stage: ProgressBar(stage, reader.frame_count), read=read_motion_in_team,
    )  # fmt: skip


def transfer_of(args: argparse.Namespace) -> MotionTransfer:
    """How motion is given to the source; PaddleGAN's ``--relative`` means points and jacobians.

    Raises UsageError for gains without relative motion.
    """
    check_gains(args)
    first = initial_frame_of(args)
    return MotionTransfer(
        args.relative, args.relative, args.adapt_scale, first, args.gain,
        fade_in_s=FADE_IN_S if first == "medoid" or args.return_s else 0.0, fade_out_s=args.return_s or 0.0,
        head_gain=args.head_gain, expression_gain=args.expression_gain,
    )  # fmt: skip


def check_gains(args: argparse.Namespace) -> None:
    """Raise UsageError for a gain of motion that is not relative."""
    if not args.relative:
        for name in ("gain", "head_gain", "expression_gain"):
            if getattr(args, name) != 1:
                raise UsageError(f"--{name} weighs relative motion, and --no_relative is given. Leave one of them out.")


def initial_frame_of(args: argparse.Namespace) -> InitialFrame:
    """Which driving frame corresponds to the source; PaddleGAN's names come second, a number before the search."""
    if args.initial_frame is not None:
        return args.initial_frame
    if args.best_frame is not None:
        return args.best_frame
    return "best" if args.find_best_frame else INITIAL_FRAME


def initial_frame_choice(text: str) -> InitialFrame:
    """Argument type: first, best, medoid, or the number of a frame."""
    if text in ("best", "medoid"):
        return text
    if text != "first" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be first, best, medoid or a number, got {text}")
    return 0 if text == "first" else common.whole(text)
