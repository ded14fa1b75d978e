"""``fom motion``: the motion of a driving video as a small file, to be used on many pictures."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from ..errors import UsageError
from ..files.paths import replacing
from ..files.places import Work, keep_apart
from ..motion import save_motion
from . import common
from .backend import add_backend_options, open_backend
from .drivers import add_driving_crop_options, add_part_options, open_video, track_driver
from .names import OUR_SUFFIXES
from .verbs import HELP

SUFFIX = ".safetensors"
log = logging.getLogger(__name__)


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "motion",
        help=HELP["motion"],
        description="Save the motion of a driving video for `fom animate --motion`. It fits the model that read it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "video", type=common.file_name, metavar="VIDEO", help="video, GIF, folder of pictures or picture"
    )
    parser.add_argument(
        "--output", type=common.file_path, required=True, metavar="FILE", help="such as smile.safetensors"
    )
    common.add_detector_option(parser)
    add_part_options(parser)
    add_driving_crop_options(parser)
    common.add_model_options(parser)
    add_backend_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the driver's keypoints and save them."""
    output = args.output
    keep_apart([Work([args.video, *common.files_of_model(args)], [output])])
    if output.suffix.lower() in OUR_SUFFIXES - {SUFFIX}:
        raise UsageError(f"A motion is no {output.suffix} file. Name it {output.with_suffix(SUFFIX)}.")
    reader = open_video(args.video, args)
    with replacing(output) as temporary:  # an unwritable place shows before the work
        model = open_backend(args)
        on_faces = common.wants_faces("auto", model) and args.driving_crop != "none"
        detector = common.open_detector(args, model.device) if on_faces or args.driving_crop == "face" else None
        motion = track_driver(args, model, reader, detector)
        save_motion(motion, temporary)
    log.info("%d frames, %.6g frames/s, for the model %s.", len(motion), motion.fps, motion.model)
    print(output)
    return 0
