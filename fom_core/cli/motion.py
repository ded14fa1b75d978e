"""``fom motion``: the motion of a driving video as a small file for many pictures; and the motions that are here."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from ..documents.markdown import table
from ..errors import UsageError
from ..files.paths import replacing
from ..files.places import Work, keep_apart
from ..motion import EMBEDDED_MOTIONS, embedded_motion, embedded_names, motion_path, open_motion, save_motion
from ..motion.notes import MADE_BY
from ..types import Motion
from . import common, edits
from .backend import add_backend_options, open_backend
from .drivers import add_driving_crop_options, add_part_options, open_video, part_of, track_driver
from .face_parts import add_landmarks_option
from .motion_previews import write_previews
from .names import OUR_SUFFIXES
from .verbs import HELP

SUFFIX = ".safetensors"
LIST, BY_HAND = "list", "made by hand"
log = logging.getLogger(__name__)


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "motion",
        help=HELP["motion"],
        description="Save the motion of a driving video, of another motion or of a pose for `fom animate --motion`. It "
        "fits the model that read it. `fom motion list` shows the motions that come with the project.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "video",
        type=common.file_name,
        nargs="?",
        metavar="VIDEO",
        help=f"video, GIF, folder of pictures or picture; or {edits.MOTION_HELP}; or none, with --pose. {LIST} lists "
        f"what comes with the project (a file of that name is ./{LIST})",
    )
    parser.add_argument(
        "--output",
        type=common.file_path,
        metavar="FILE",
        help=f"such as smile.safetensors; of `fom motion {LIST}` a folder for a moving preview of each motion",
    )
    parser.add_argument(
        "--source_image",
        type=common.file_name,
        metavar="FILE",
        help=f"of `fom motion {LIST} --output FOLDER`: the picture that moves in the previews (default: a portrait "
        "that comes along)",
    )
    common.add_detector_option(parser)
    add_part_options(parser)
    add_driving_crop_options(parser)
    add_landmarks_option(parser, "steady the driver's crop by the points of its face, in place of its box")
    edits.add_edit_options(parser.add_argument_group("edit"))
    common.add_model_options(parser)
    add_backend_options(parser)
    parser.set_defaults(run=run, refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """List the motions that come along; or read the driver's keypoints, edit and save them."""
    if args.video == LIST:
        return _list(args)
    _check(args)
    output = args.output
    named = [] if args.video is None else [str(motion_path(args.video))]
    keep_apart([Work([*named, *edits.further_motions(args), *common.files_of_model(args)], [output])])
    if output.suffix.lower() in OUR_SUFFIXES - {SUFFIX}:
        raise UsageError(f"A motion is no {output.suffix} file. Name it {output.with_suffix(SUFFIX)}.")
    args.motion, args.driving_video = [args.video], None  # what drives, for the edits
    if args.video is None:
        args.motion = None
        motion = edits.posed_alone(args)
        with replacing(output) as temporary:
            save_motion(edits.edited_motions(args, [motion])[0], temporary)
    elif motion_path(args.video).suffix.lower() == SUFFIX:
        motion = part_of(open_motion(args.video), args.video, args)
        with replacing(output) as temporary:
            save_motion(edits.edited_motions(args, [motion])[0], temporary)
    else:
        motion = _of_video(args)
    log.info("%d frames, %.6g frames/s, for the model %s.", len(motion), motion.fps, motion.model)
    print(output)
    return 0


def _of_video(args: argparse.Namespace) -> Motion:
    reader = open_video(args.video, args)
    with replacing(args.output) as temporary:  # an unwritable place shows before the work
        model = open_backend(args)
        on_faces = common.wants_faces("auto", model) and args.driving_crop != "none"
        detector = common.open_detector(args, model.device) if on_faces or args.driving_crop == "face" else None
        (motion,) = edits.edited_motions(args, [track_driver(args, model, reader, detector)])
        save_motion(motion, temporary)
    return motion


def _check(args: argparse.Namespace) -> None:
    if args.video is None and args.pose is None:
        args.refuse("the following are required: VIDEO, a motion or --pose; and --output")
    if args.output is None:
        args.refuse("the following arguments are required: --output")
    if args.source_image is not None:
        raise UsageError(f"--source_image is for the previews of `fom motion {LIST}`. Leave it out.")


def _list(args: argparse.Namespace) -> int:
    """Print the motions that come along, and write their previews where a folder is named."""
    rows = []
    for name in embedded_names():
        motion = embedded_motion(name)
        length, origin = f"{len(motion) / motion.fps:.1f} s", motion.metadata.get("origin", "")
        rows.append((name, length, EMBEDDED_MOTIONS[name], BY_HAND if origin.startswith(MADE_BY) else origin))
    print(table(("motion", "length", "what it does", "from"), rows))
    if args.output is not None:
        write_previews(args.output, embedded_names(), None if args.source_image is None else Path(args.source_image))
    return 0
