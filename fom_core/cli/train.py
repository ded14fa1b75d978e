"""``fom train``: learn a model from clips."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..files import CONFIGS
from .common import positive


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "train",
        help="learn a model from clips",
        description="Learn a model from a folder of face clips: videos, frame folders, or either with an index.csv. "
        "A second call with the same --output goes on where the first one stopped. Start it with torchrun to use "
        "several processes.",
        allow_abbrev=False,
    )
    parser.add_argument("data", type=Path, metavar="FOLDER", help="clips to learn from")
    parser.add_argument(
        "--config", type=Path, default=CONFIGS / "mini.yaml", metavar="YAML", help="default: the embedded mini"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/train"), metavar="FOLDER", help="default: runs/train")
    parser.add_argument("--yunet", type=Path, metavar="FILE", help="YuNet weights; they show the losses mouth and eyes")
    parser.add_argument(
        "--vgg", type=Path, metavar="FILE", help="torchvision's VGG19 weights (default: random features)"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 (default: cpu)")
    parser.add_argument(
        "--every", type=positive, default=250, metavar="STEPS", help="between checkpoints (default: 250)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Decode the clips, train, and write the model beside its checkpoints."""
    from ..training.run import train_from_folder  # noqa: PLC0415 - heavy, and needed by this command only

    path = train_from_folder(
        args.data, args.config, args.output, yunet=args.yunet, vgg=args.vgg, device=args.device, every=args.every
    )
    print(path)
    return 0
