"""``fom demo``: the whole way on embedded material, without any download."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..backends.load import load_model
from ..compose import Composition
from ..demo import demo_picture
from ..errors import NoFaceFound
from ..faces.detect import detect_faces
from ..media import VideoWriter, write_picture
from ..motion import FADE_IN_S, embedded_motion
from ..pipeline import Scene
from ..types import MotionTransfer, RunOptions
from .animate import write_animation
from .drivers import INITIAL_FRAME
from .names import FILENAME, check_ending, folder_or_result, names_result
from .verbs import HELP


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "demo",
        help=HELP["demo"],
        description="Compose a picture with three faces, find them, and animate them with the embedded model and "
        "motion. Nothing is downloaded.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output",
        type=folder_or_result,
        default="output",
        metavar="DIR_OR_FILE",
        help="folder of the result and of the picture, or the result alone, such as demo.mp4 (default: output)",
    )
    parser.set_defaults(run=run, preview=None)


def run(args: argparse.Namespace) -> int:
    """Compose, detect, animate; say where the result is."""
    path = Path(args.output)
    alone = names_result(args.output)
    if alone:
        check_ending("--output", args.output, args)
    picture = demo_picture()
    motion = embedded_motion()
    with VideoWriter(path if alone else path / FILENAME, motion.fps) as writer:
        faces = detect_faces(picture, "embedded")
        if not len(faces):
            raise NoFaceFound("The embedded detector found no face in the demo's picture. Install the project again.")
        model = load_model("mini")
        transfer = MotionTransfer(initial_frame=INITIAL_FRAME, fade_in_s=FADE_IN_S)
        write_animation(writer, model, Scene(picture, faces, [motion], transfer), Composition(), RunOptions())
    if not alone:
        write_picture(path / "source.png", picture)
    print(writer.path)
    return 0
