"""``fom demo``: the whole way on embedded material, without any download."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.load import load_model
from ..compose import Composition
from ..demo import demo_motion, demo_picture
from ..errors import NoFaceFound
from ..faces.detect import detect_faces
from ..files.places import Work, keep_apart
from ..media import VideoWriter, read_picture, write_picture
from ..motion import FADE_IN_S, motion_path, open_motion
from ..pictures import fit_picture
from ..pipeline import Scene
from ..types import MotionTransfer, RunOptions
from .animate import write_animation
from .common import file_name, positive
from .drivers import INITIAL_FRAME
from .names import FILENAME, check_ending, folder_or_result, names_result
from .values import even_pixels
from .verbs import HELP

PICTURE = "source.png"


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "demo",
        help=HELP["demo"],
        description="Compose a picture with three faces, or take yours, find its faces, and animate them with the "
        "embedded model and motion. Nothing is downloaded.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--source", "-s", type=file_name, metavar="FILE", help="a picture of yours (default: a wall with three prints)"
    )
    parser.add_argument(
        "--motion",
        metavar="MOTION",
        help="one of `fom motion list`, such as nod, or a saved motion (default: look around, and talk a little)",
    )
    parser.add_argument("--frames", type=positive, metavar="N", help="no more than these, to see the first sooner")
    parser.add_argument(
        "--size", type=even_pixels, metavar="PX", help="shrink the picture until no side is longer than this"
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
    result = path if alone else path / FILENAME
    outputs = [result] if alone or args.source else [result, path / PICTURE]
    keep_apart([Work([each for each in (args.source, args.motion and motion_path(args.motion)) if each], outputs)])
    picture = _picture(args)
    motion = demo_motion() if args.motion is None else open_motion(args.motion)
    with VideoWriter(result, motion.fps) as writer:
        faces = detect_faces(picture, "embedded")
        if not len(faces):
            raise NoFaceFound(_without_faces(args))
        model = load_model("mini")
        transfer = MotionTransfer(initial_frame=INITIAL_FRAME, fade_in_s=FADE_IN_S)
        frames = range(min(args.frames or len(motion), len(motion)))
        scene, options = Scene(picture, faces, [motion], transfer), RunOptions(frames=frames)
        write_animation(writer, model, scene, Composition(), options)
    if len(outputs) > 1:
        write_picture(outputs[1], picture)
    print(writer.path)
    return 0


def _picture(args: argparse.Namespace) -> np.ndarray:
    if args.source is not None:
        return read_picture(args.source, max_size=args.size)
    wall = demo_picture()
    return wall if args.size is None else fit_picture(wall, args.size)


def _without_faces(args: argparse.Namespace) -> str:
    if args.source is None and args.size is None:
        return "The embedded detector found no face in the demo's picture. Install the project again."
    larger = "" if args.size is None else ", or a larger --size"
    where = f"in {args.source}" if args.source else f"in the demo's picture at --size {args.size}"
    return f"The embedded detector found no face {where}. Choose a picture with a visible face{larger}."
