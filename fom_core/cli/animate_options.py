"""The options of ``fom animate``."""

from __future__ import annotations

import argparse
from typing import get_args

from ..compose import Composition, Look
from ..compose.masks import FADING
from ..media.encoders import ENCODERS, SOFTWARE
from ..media.mark import BOTTOM_RIGHT, Corner
from ..motion import SourceMotion
from ..source_video import SourceOptions
from . import common, drivers, edits
from .backend import add_backend_options
from .enhancement import add_enhancement_options
from .face_parts import add_landmarks_option, add_parsing_option
from .names import FILENAME, RESULTS, listed
from .results import Sound, add_result_options
from .source_faces import add_source_face_options


def declare(parser: argparse.ArgumentParser) -> None:
    """All options: PaddleGAN's and the authors' under their own names, and ours."""
    _add_sources(parser)
    _add_results(parser)
    add_result_options(parser.add_argument_group("result"))
    motion = parser.add_argument_group("motion")
    drivers.add_motion_options(motion)
    edits.add_edit_options(motion)
    edits.add_phase_option(motion)
    faces = parser.add_argument_group("faces")
    add_face_options(faces)
    add_landmarks_option(
        faces, "steady the driver's crop and the restorer's view by the points of faces, in place of their boxes"
    )
    add_parsing_option(faces, "move heads alone: the picture stays as it is where a face's crop shows none of its head")
    add_enhancement_options(faces)
    _add_video_options(parser.add_argument_group("source video"))
    common.add_model_options(parser)
    add_backend_options(parser)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-s",
        "--source_image",
        type=common.file_name,
        nargs="+",
        metavar="FILE",
        help="picture with one or many faces; needed here, or in every line of --manifest. Several, or a folder of "
        "pictures, give a result each, named after the picture",
    )
    parser.add_argument(
        "--source_video",
        type=common.file_name,
        metavar="FILE",
        help="a video in place of the picture: its faces follow the driver, each on its way through the frames",
    )
    drivers.add_drivers(parser)
    parser.add_argument(
        "--manifest",
        type=common.file_name,
        metavar="FILE",
        help='many jobs instead: a JSON object a line, such as {"source_image": "a.jpg", "driving_video": "b.mp4", '
        '"output": "c.mp4"}; options given here hold for all, and paths count from the current folder',
    )


def _add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=common.file_name,
        default="output",
        metavar="FOLDER_OR_FILE",
        help=f"a folder, or {RESULTS} (default: output)",
    )
    parser.add_argument(
        "--filename",
        type=common.file_name,
        metavar="NAME",
        help=f"of the result in the folder: {RESULTS} (default: {FILENAME}); of several pictures only the ending "
        "counts, and .gif is enough; without effect where --output names the file",
    )
    parser.add_argument(
        "--result_video",
        type=common.file_name,
        dest="output",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="the authors' name for --output",
    )
    parser.add_argument(
        "--audio",
        nargs="?",
        const="driver",
        choices=get_args(Sound),
        help="whose sound the result has: the driver's, which --audio alone means and pictures as source always have, "
        "that of --source_video, or none (default: the driver's, else the source's)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="of many jobs, also make those again whose result is there and newer than what it is made from",
    )
    parser.add_argument(
        "--encoder",
        choices=list(ENCODERS),
        help=f"what makes H.264 videos: {SOFTWARE} is the processor, the others are chips, where they are there "
        f"(default: {SOFTWARE})",
    )
    parser.add_argument(
        "--mark",
        nargs="?",
        const=BOTTOM_RIGHT,
        choices=get_args(Corner),
        metavar="CORNER",
        help="show the letters AI in a corner of every frame, as well as saying in the file that the result is "
        f'synthetic: "{BOTTOM_RIGHT}", which --mark alone means, "bottom left", "top right" or "top left"',
    )


def _add_video_options(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--source_motion",
        default=SourceOptions.source_motion,
        choices=get_args(SourceMotion),
        help="the driver's expression comes on top of that of the faces of --source_video, or in its place "
        f"(default: {SourceOptions.source_motion})",
    )
    common.add_on_off(
        group,
        "keep_head",
        "their heads stay as they are, and only the driver's expression counts (default); off moves them like the "
        "driver's as well, by --head_gain",
    )


def add_face_options(group: argparse._ActionsContainer) -> None:
    """Which faces of a picture move, and how they get into it."""
    group.add_argument(
        "--multi_person",
        action="store_true",
        help="animate every face; without it the most prominent one: large and near the middle",
    )
    group.add_argument(
        "--faces",
        metavar="NUMBERS",
        help='animate these, by their numbers from 1 in --order: "all", "2", "1,3" or "2-4"; `fom faces --output` '
        "draws them from left to right",
    )
    add_source_face_options(group)
    group.add_argument(
        "--mask",
        default=Composition.mask,
        choices=get_args(Look),
        help="how faces get into the picture: flow moves the picture's own pixels and adds the model's where there are "
        "none to show; the others paste what the model paints (default: flow)",
    )
    group.add_argument(
        "--ratio",
        type=common.not_negative,
        default=Composition.ratio,
        help="with --mask paddlegan: radius of the pasted circle in crop heights "
        f"(default: {Composition.ratio}); the other masks find the border between close faces by themselves",
    )
    group.add_argument(
        "--feather",
        type=common.zero_to_one,
        default=Composition.feather,
        help=f"with --mask {listed(FADING, 'or')}: part of the way from the face's middle to the mask's outline over "
        f"which it fades, 0 to 1 (default: {Composition.feather})",
    )
    group.add_argument(
        "--colour_match",
        type=common.zero_to_one,
        default=Composition.colour_match,
        help="fit the face's colours to the picture around it: from 0, as the model paints them, to 1 (default: 0)",
    )
