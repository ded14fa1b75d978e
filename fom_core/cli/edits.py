"""How motions are played, mixed and posed, as options of ``fom animate`` and ``fom motion``."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import get_args

from ..backends import is_exported, read_package
from ..errors import UsageError
from ..motion import (
    BLEND_S,
    MOST_AMPLITUDE,
    SPEEDS,
    MotionEdit,
    Play,
    PoseKey,
    chorus,
    edited,
    embedded_names,
    expression_of,
    motion_path,
    open_motion,
    parse_pose,
    pose_motion,
    posed_models,
    with_pose,
    without_head,
)
from ..types import InitialFrame, Motion
from ..weights.naming import name_of_model
from . import common, values

log = logging.getLogger(__name__)
MOTION_HELP = f"motions that come with the project ({', '.join(embedded_names())}) or were saved with `fom motion`"


def add_edit_options(group: argparse._ActionsContainer) -> None:
    """What is done to the driver's motion before it moves a face."""
    group.add_argument(
        "--play",
        default="once",
        choices=get_args(Play),
        help="play the motion once, in a loop without a jump, or forwards and backwards (default: once)",
    )
    group.add_argument(
        "--seconds",
        type=values.length_of_time,
        metavar="T",
        help="play it for so long; played once, it holds its last frame (default: a single time)",
    )
    group.add_argument("--mirror", action="store_true", help="left and right of the motion change places")
    group.add_argument(
        "--speed",
        type=values.from_to(*SPEEDS),
        default=1.0,
        metavar="F",
        help=f"play it so many times as fast, {SPEEDS[0]:g} to {SPEEDS[1]:g} (default: 1)",
    )
    group.add_argument(
        "--amplitude",
        type=values.from_to(0, MOST_AMPLITUDE),
        default=1.0,
        metavar="F",
        help=f"make its movement so many times as large, 0 to {MOST_AMPLITUDE:g}, counted from its pose at rest "
        "(default: 1)",
    )
    group.add_argument(
        "--then",
        type=common.file_name,
        nargs="+",
        metavar="MOTION",
        help="play these after it, each counted from its own rest: names or files as of --motion",
    )
    group.add_argument(
        "--mix",
        type=share_of_motion,
        nargs="+",
        metavar="MOTION[=SHARE]",
        help=f"add these to it, as much of their movement as SHARE says, 0 to {MOST_AMPLITUDE:g} (default of SHARE: 1)",
    )
    group.add_argument(
        "--blend",
        dest="blend_s",
        type=common.not_negative,
        default=BLEND_S,
        metavar="SECONDS",
        help=f"over which an end goes over into a beginning in loops and with --then (default: {BLEND_S})",
    )
    group.add_argument(
        "--pose",
        type=pose_text,
        metavar="TEXT",
        help='move the face by hand, alone or on top of what drives it: "yaw=10,smile=0.5" is held, '
        '"0:yaw=0;1.5:yaw=10" goes from key frame to key frame, in seconds; docs/motions.md tells the controls',
    )


def add_phase_option(group: argparse._ActionsContainer) -> None:
    """Faces one after the other."""
    group.add_argument(
        "--phase",
        dest="phase_s",
        type=common.not_negative,
        default=0.0,
        metavar="SECONDS",
        help="every face is so much further in the motion than the one before it, and its end goes over into its "
        "beginning, so that a choir is not in lockstep (default: 0)",
    )


def share_of_motion(text: str) -> tuple[str, float]:
    """Argument type: a motion, perhaps with the share of its movement behind ``=``."""
    name, equals, share = text.rpartition("=")
    if not equals:
        return common.file_name(text), 1.0
    if os.path.lexists(text) or not (name.strip() and (_is_number(share) or os.path.lexists(motion_path(name)))):
        return common.file_name(text), 1.0  # files may be called so
    try:
        return common.file_name(name), values.from_to(0, MOST_AMPLITUDE)(share)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"the share of {name} {error}") from error


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


def pose_text(text: str) -> str:
    """Argument type: a pose whose text can be read."""
    try:
        parse_pose(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def changes_time(args: argparse.Namespace) -> bool:
    """Whether moments of the driver are shown at other times than its sound has them."""
    return args.speed != 1 or args.play != "once" or args.seconds is not None or bool(args.then)


def shows_driver(args: argparse.Namespace) -> bool:
    """Whether the frames of a motion are still those of the driver's pictures, moment for moment and side for side."""
    return not (changes_time(args) or args.mirror)


def further_motions(args: argparse.Namespace) -> list[str]:
    """The files of all saved motions that the options name."""
    names = [*(args.then or ()), *(name for name, _ in args.mix or ())]
    return [str(motion_path(name)) for name in names]


def edited_motions(
    args: argparse.Namespace, motions: Sequence[Motion], initial_frame: InitialFrame = "medoid"
) -> list[Motion]:
    """The motions as the options have them played, mixed and posed; on a video, whose heads are kept, without heads."""

    def fitting(motion: Motion) -> Motion:
        return without_head(motion) if keeps_head(args) else motion

    edit = MotionEdit(
        mirror=args.mirror, speed=args.speed, amplitude=args.amplitude, play=args.play, seconds=args.seconds,
        then=tuple(fitting(open_motion(name)) for name in args.then or ()),
        mix=tuple((fitting(open_motion(name)), share) for name, share in args.mix or ()),
        blend_s=args.blend_s,
    )  # fmt: skip
    if args.play == "loop" and args.seconds is None:
        log.info("--play loop is a single round without --seconds, which says how long it is played.")
    found = [edited(fitting(motion), edit, initial_frame) for motion in motions]
    if args.pose is None or not (args.motion or args.driving_video):
        return found
    keys = _keys_of(args)
    return [on_top(motion, keys, initial_frame) for motion in found]


def on_top(motion: Motion, pose: str | Sequence[PoseKey], initial_frame: InitialFrame = "medoid") -> Motion:
    """A pose and its key frames on top of a motion, as long as that."""
    by_hand = pose_motion(pose, motion.model, fps=motion.fps, seconds=len(motion) / motion.fps)
    return with_pose(motion, by_hand, initial_frame)


def keeps_head(args: argparse.Namespace) -> bool:
    """Whether the faces that move keep the heads of a video."""
    return getattr(args, "source_video", None) is not None and args.keep_head


def _keys_of(args: argparse.Namespace) -> tuple[PoseKey, ...]:
    keys = parse_pose(args.pose)
    return expression_of(keys) if keeps_head(args) else keys


def posed_alone(args: argparse.Namespace) -> Motion:
    """The motion of ``--pose`` where nothing else drives, for the model that is asked for, else the embedded one."""
    return pose_motion(_keys_of(args), posed_models()[0] if args.model is None else _called(args.model))


def _called(model: str) -> str:
    """The name of the model that an option gives by its name, its file or the folder of its export."""
    folder = Path(model)
    return read_package(folder).name if is_exported(folder) else name_of_model(model)


def in_turn(args: argparse.Namespace, motions: Sequence[Motion], faces: int, first: InitialFrame) -> list[Motion]:
    """A motion for each face, where ``--phase`` wants them apart."""
    return chorus(motions, faces, args.phase_s, args.blend_s, first) if args.phase_s else list(motions)


def with_model_of(args: argparse.Namespace, motions: Sequence[object]) -> argparse.Namespace:
    """The options with the model that the saved motions were read by, where no model is asked for."""
    models = {motion.model for motion in motions if isinstance(motion, Motion)}
    if args.model is not None or args.mobile_net or len(models) != 1 or not models <= set(posed_models()):
        return args
    return argparse.Namespace(**{**vars(args), "model": models.pop()})
