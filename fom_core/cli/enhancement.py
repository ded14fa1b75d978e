"""The options about face restoration, and what they ask for."""

from __future__ import annotations

import argparse

from ..enhance import FaceEnhancer, load_restorer
from ..enhance.restore import STRENGTH
from ..weights.store import locate
from . import common

ENHANCER = "gfpgan"


def add_enhancement_options(group: argparse._ActionsContainer) -> None:
    """PaddleGAN's switch, and which restorer how strongly."""
    group.add_argument(
        "--face_enhancement",
        action="store_true",
        help="restore detail in the animated faces; much slower than the animation itself",
    )
    group.add_argument(
        "--enhancer",
        type=common.file_name,
        metavar="NAME_OR_FILE",
        help=f"the face restorer: {ENHANCER}, or a file of GFPGAN, RestoreFormer or CodeFormer weights "
        f"(default: {ENHANCER}); switches --face_enhancement on",
    )
    group.add_argument(
        "--enhancement_strength",
        type=common.zero_to_one,
        default=STRENGTH,
        metavar="S",
        help=f"0 leaves the faces as they are, 1 takes the restored ones (default: {STRENGTH})",
    )


def open_enhancer(args: argparse.Namespace) -> FaceEnhancer | None:
    """What restores the faces, on the CPU; None where nobody asked for it.

    Raises UnsupportedModel with the command that downloads missing weights, MissingPackage without spandrel.
    """
    if not (args.face_enhancement or args.enhancer):
        return None
    path, _ = locate(args.enhancer or ENHANCER, kind="enhancer")
    return FaceEnhancer(load_restorer(path), args.enhancement_strength)
