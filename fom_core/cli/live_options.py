"""The options of ``fom live``."""

from __future__ import annotations

import argparse
from typing import get_args

from ..faces.tracking import DrivingCrop
from ..live.animator import SMOOTHING
from ..media.mark import BOTTOM_RIGHT, Corner
from . import common, drivers, values
from .animate_options import add_face_options
from .backend import add_backend_options

ANY = "any"  # virtual camera


def declare(parser: argparse.ArgumentParser) -> None:
    """All options; those of `fom animate` under its names."""
    _add_input(parser)
    _add_output(parser.add_argument_group("shown in"))
    _add_motion(parser.add_argument_group("motion"))
    add_face_options(parser.add_argument_group("faces"))
    common.add_model_options(parser, chunks=False)
    add_backend_options(parser)


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-s",
        "--source_image",
        type=common.file_name,
        nargs="+",
        required=True,
        metavar="FILE",
        help="picture whose face moves; several are changed while it runs, by n (next) and p (previous)",
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--camera", type=values.from_zero, default=0, metavar="N", help="number of the camera (default: 0)"
    )
    given.add_argument(
        "--input", type=common.file_name, metavar="FILE", help="a video in the place of a camera, at its own rate"
    )
    parser.add_argument("--loop", action="store_true", help="play --input over and over")
    parser.add_argument("--mirror", action="store_true", help="see the driver as in a mirror")
    parser.add_argument(
        "--duration", type=values.length_of_time, metavar="T", help="end after so much time (default: when stopped)"
    )
    parser.add_argument(
        "--max_size",
        type=values.even_pixels,
        metavar="PIXELS",
        help="shrink pictures with a longer side first; smaller ones are faster",
    )


def _add_output(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--window",
        action="store_true",
        help="a window, with rate and latency; it opens by itself where nothing else is asked for. Keys: c takes the "
        "driver's pose of now for that of the picture, n and p change the picture, i hides the words, q ends",
    )
    group.add_argument(
        "--serve",
        type=_port,
        metavar="PORT",
        help="a page at http://127.0.0.1:PORT/, for this machine alone, with the picture as MJPEG (/stream); 0: any "
        "free port",
    )
    group.add_argument(
        "--virtual_camera",
        nargs="?",
        const=ANY,
        metavar="DEVICE",
        help="a camera for other programs, by the extra camera; needs v4l2loopback on Linux, OBS elsewhere. It shows "
        "the letters AI, unless --no_mark is given",
    )
    group.add_argument(
        "--output",
        type=common.file_path,
        metavar="FILE",
        help="record, such as live.mp4; with the sound of --input. Ctrl-C completes it",
    )
    mark = group.add_mutually_exclusive_group()
    mark.add_argument(
        "--mark",
        nargs="?",
        const=BOTTOM_RIGHT,
        choices=get_args(Corner),
        metavar="CORNER",
        help="show the letters AI in a corner of every frame, wherever it is shown",
    )
    mark.add_argument("--no_mark", action="store_true", help="without the letters AI in the virtual camera, too")


def _add_motion(group: argparse._ActionsContainer) -> None:
    drivers.add_relative_options(group)
    drivers.add_gain_options(group)
    group.add_argument(
        "--smoothing",
        type=common.zero_to_one,
        default=SMOOTHING,
        help=f"take the jitter out of what stands still, by the One Euro filter; 0 is off (default: {SMOOTHING})",
    )
    group.add_argument(
        "--driving_crop",
        default="auto",
        choices=get_args(DrivingCrop),
        help="look at a square around the driver's face, which follows it when it leaves, or at the whole frame "
        "(default: auto, the whole frame if it shows little else than the face)",
    )


def _port(text: str) -> int:
    """Argument type: the number of a port; 0 for any."""
    port = values.from_zero(text)
    if port > 65535:
        raise argparse.ArgumentTypeError(f"must be at most 65535, got {port}")
    return port
