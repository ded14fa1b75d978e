"""``fom train``: learn a model from clips."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from ..files.paths import CONFIGS
from ..parallel.ranks import launched_rank
from ..training.checkpoint import Checkpointing
from .common import file_name, yaml_name
from .progress import training_bar
from .training_options import add_training_options
from .verbs import HELP

config_path = partial(yaml_name, CONFIGS)


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "train",
        help=HELP["train"],
        description="Learn a model from a folder of clips: videos, GIFs, frame folders or strips of frames, in the "
        "subfolders train and test, or with an index.csv. A second call with the same --output goes on where the first "
        "one stopped. Start it with torchrun or accelerate to use several processes.",
        allow_abbrev=False,
    )
    add_training_options(parser, "runs/train", "stages.motion.batch_size=4")
    parser.add_argument(
        "--config",
        type=config_path,
        default=CONFIGS / "mini.yaml",
        metavar="YAML",
        help="a training file, also of the authors or PaddleGAN, or the name of one that comes along: "
        f"{', '.join(sorted(path.stem for path in CONFIGS.glob('*.yaml')))} (default: mini, the embedded model)",
    )
    parser.add_argument(
        "--init_from", type=file_name, metavar="NAME_OR_FILE", help="start from these weights: fine-tuning"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Decode the clips, train, and write the model beside its checkpoints."""
    from ..training.given import TrainingInputs  # noqa: PLC0415 - heavy, and needed by this command only
    from ..training.train import train_from_folder  # noqa: PLC0415

    path = train_from_folder(
        TrainingInputs(args.config, args.data, args.overrides, args.yunet, args.vgg, args.mesh, args.matte),
        args.output,
        init_from=args.init_from,
        device=args.device,
        checkpointing=Checkpointing(args.every, args.keep),
        stages=training_bar,
    )
    if launched_rank() == 0:  # of several processes, one tells
        print(path)
    return 0
