"""``fom compress``: make a model small."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from ..files.paths import CONFIGS
from .common import add_training_options, file_name, file_path, yaml_name
from .progress import training_bar

RECIPES = CONFIGS / "compress"
recipe_path = partial(yaml_name, RECIPES)


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "compress",
        help="make a model small: distil it into a student, prune channels",
        description="Teach a small student what a model knows, in stages: a keypoint detector for the model's own "
        "generator, a generator for the model's own detector, both together; then prune the channels that matter "
        "least, and train on. Writes the student (float32, float16, int8), and after every stage a report with "
        "parameters, multiplications, size, reconstruction loss and time. Results are ordinary model files. A second "
        "call with the same --output goes on where the first one stopped.",
        allow_abbrev=False,
    )
    add_training_options(parser, "runs/compress", "stages.both.steps=5000")
    parser.add_argument(
        "--teacher", type=file_name, required=True, metavar="NAME_OR_FILE", help="the model to compress"
    )
    parser.add_argument(
        "--teacher_config", type=file_path, metavar="YAML", help="of a weights file that does not carry it"
    )
    parser.add_argument(
        "--student",
        type=file_name,
        metavar="NAME_OR_FILE",
        help="begin with this small model, to prune what was distilled before",
    )
    parser.add_argument(
        "--config",
        type=recipe_path,
        default=RECIPES / "mobile.yaml",
        metavar="YAML",
        help="student and stages: a file, or the name of one that comes along: "
        f"{', '.join(sorted(path.stem for path in RECIPES.glob('*.yaml')))} (default: mobile)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the stages and print the report's table."""
    from ..compress.compress import compress_from_folder  # noqa: PLC0415 - heavy, and needed by this command only

    table = compress_from_folder(
        args.data,
        args.teacher,
        args.config,
        args.output,
        overrides=args.overrides,
        teacher_config=args.teacher_config,
        student=args.student,
        yunet=args.yunet,
        vgg=args.vgg,
        device=args.device,
        every=args.every,
        keep=args.keep,
        stages=training_bar,
    )
    print(table, end="")
    return 0
