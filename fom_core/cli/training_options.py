"""The options that `fom train` and `fom compress` share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..training.checkpoint import Checkpointing
from .common import file_name, file_path, positive
from .names import folder_path


def add_training_options(parser: argparse.ArgumentParser, output: str, option: str) -> None:
    """Which clips, which changes to the file in ``--config``, and what the trainings in ``output`` need and keep.

    ``option`` is an example of a change.
    """
    parser.add_argument(
        "data", type=file_path, nargs="?", metavar="FOLDER", help="clips (default: the file's root_dir)"
    )
    parser.add_argument(
        "-o",
        dest="overrides",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help=f"change an option of the file in --config, such as {option}; may be given several times",
    )
    parser.add_argument(
        "--output",
        type=folder_path,
        default=Path(output),
        metavar="FOLDER",
        help=f"for the model, checkpoints and reports (default: {output})",
    )
    _add_weights(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--device",
        default="auto",
        help="auto, cpu, cuda, cuda:1 (default: auto, a graphics card of CUDA where there is one)",
    )
    where.add_argument("--cpu", dest="device", action="store_const", const="cpu", help="the same as --device cpu")
    parser.add_argument(
        "--every",
        type=positive,
        default=Checkpointing.every,
        metavar="STEPS",
        help=f"steps from one checkpoint to the next (default: {Checkpointing.every}); Ctrl-C leaves one, too",
    )
    parser.add_argument(
        "--keep",
        type=positive,
        default=Checkpointing.keep,
        metavar="N",
        help=f"newest checkpoints to keep (default: {Checkpointing.keep})",
    )


def _add_weights(parser: argparse.ArgumentParser) -> None:
    """Files that only measure while a model learns."""
    parser.add_argument(
        "--yunet",
        type=file_name,
        metavar="FILE",
        help="YuNet weights, or yunet once downloaded: with them the losses know mouth and eyes (default: yunet where "
        "the losses want it and it is here)",
    )
    parser.add_argument(
        "--mesh",
        type=file_path,
        metavar="FILE",
        help="MediaPipe's face_landmark.tflite, out of a wheel of mediapipe 0.10.14: with it, losses of the mesh know "
        "which place of one frame is which of another (default: none)",
    )
    parser.add_argument(
        "--matte",
        type=file_path,
        metavar="FILE",
        help="MediaPipe's selfie_segmentation.tflite, out of the same wheel: with it, heads turn before backgrounds "
        "that stay, and people before those of others (default: none)",
    )
    parser.add_argument(
        "--vgg",
        type=file_name,
        metavar="FILE",
        help="torchvision's VGG19, or vgg19 once downloaded (default: random features)",
    )
