"""The options that say which faces of the source there are, in every command that has one."""

from __future__ import annotations

import argparse
from typing import get_args

from ..faces.regions import CropRule
from ..faces.selection import LEFT_TO_RIGHT, ORDERS
from . import common


def add_crop_option(parser: argparse._ActionsContainer) -> None:
    """What the model sees of a face."""
    parser.add_argument(
        "--crop",
        default="square",
        choices=get_args(CropRule),
        help="what of the picture the model is shown of a face: a square with room around it, PaddleGAN's upright "
        "part, or the detector's box alone (default: square)",
    )


def add_source_face_options(group: argparse._ActionsContainer) -> None:
    """How the faces of the source are numbered, found and cut out; or that it is taken as a whole."""
    group.add_argument(
        "--order",
        default=LEFT_TO_RIGHT,
        choices=list(ORDERS),
        help=f"how faces are numbered, and so which driver moves which face (default: {LEFT_TO_RIGHT})",
    )
    common.add_detector_option(group)
    group.add_argument(
        "--source_crop",
        default="auto",
        choices=["auto", "face", "none"],
        help="move faces, or the picture as a whole (default: auto, by what the model is for)",
    )
    add_crop_option(group)
