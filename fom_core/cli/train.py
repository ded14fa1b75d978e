"""``fom train``: learn a model from clips."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from ..files.paths import CONFIGS
from .common import add_training_options, file_name, yaml_name
from .progress import training_bar

config_path = partial(yaml_name, CONFIGS)


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "train",
        help="learn a model from clips",
        description="Learn a model from a folder of clips: videos, GIFs, frame folders or strips of frames, in the "
        "subfolders train and test, or with an index.csv. A second call with the same --output goes on where the first "
        "one stopped. Start it with torchrun or accelerate to use several processes.",
        allow_abbrev=False,
    )
    add_training_options(parser, "runs/train", "train_params.batch_size=4")
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
    from ..parallel.scaleout import rank  # noqa: PLC0415 - heavy, and needed by this command only
    from ..training.train import train_from_folder  # noqa: PLC0415 - heavy, and needed by this command only

    path = train_from_folder(
        args.data,
        args.config,
        args.output,
        overrides=args.overrides,
        yunet=args.yunet,
        vgg=args.vgg,
        init_from=args.init_from,
        device=args.device,
        every=args.every,
        keep=args.keep,
        stages=training_bar,
    )
    if rank() == 0:  # of several processes, one tells
        print(path)
    return 0
