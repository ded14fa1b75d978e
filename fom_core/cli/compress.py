"""``fom compress``: make a model small."""

from __future__ import annotations

import argparse
import logging
from functools import partial
from typing import Any

from ..files.paths import CONFIGS
from ..parallel.ranks import launched_rank
from ..training.checkpoint import Checkpointing
from .common import file_name, file_path, yaml_name
from .progress import training_bar
from .training_options import add_training_options
from .verbs import HELP

log = logging.getLogger(__name__)
RECIPES = CONFIGS / "compress"
recipe_path = partial(yaml_name, RECIPES)


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "compress",
        help=HELP["compress"],
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
        "--teacher_config",
        type=file_path,
        metavar="YAML",
        help="configuration of a teacher's file that does not carry it",
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
    from ..compress.report import TABLE  # noqa: PLC0415
    from ..training.given import TrainingInputs  # noqa: PLC0415

    try:
        table = compress_from_folder(
            args.teacher,
            TrainingInputs(args.config, args.data, args.overrides, args.yunet, args.vgg, args.mesh, args.matte),
            args.output,
            teacher_config=args.teacher_config,
            student=args.student,
            device=args.device,
            checkpointing=Checkpointing(args.every, args.keep),
            stages=training_bar,
        )
    except (KeyboardInterrupt, SystemExit):
        if launched_rank() == 0 and args.output.is_dir():
            log.info("%s keeps what is done: the same command goes on from there.", args.output)
        raise
    if launched_rank() == 0:  # of several processes, one tells
        print(table, args.output / TABLE, sep="\n")
    return 0
