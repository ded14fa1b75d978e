"""``fom train``: learn a model from clips."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..files import CONFIGS
from .common import positive


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
    parser.add_argument("data", type=Path, nargs="?", metavar="FOLDER", help="clips (default: the file's root_dir)")
    parser.add_argument(
        "--config",
        type=config_path,
        default=CONFIGS / "mini.yaml",
        metavar="YAML",
        help="a training file, also of the authors or PaddleGAN, or the name of one that comes along: "
        f"{', '.join(sorted(path.stem for path in CONFIGS.glob('*.yaml')))} (default: mini, the embedded model)",
    )
    parser.add_argument(
        "-o",
        dest="overrides",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="change an option of the training file, such as train_params.batch_size=4; may be given several times",
    )
    parser.add_argument("--output", type=Path, default=Path("runs/train"), metavar="FOLDER", help="default: runs/train")
    parser.add_argument("--init_from", metavar="NAME_OR_FILE", help="start from these weights: fine-tuning")
    parser.add_argument("--yunet", type=Path, metavar="FILE", help="YuNet weights; they show the losses mouth and eyes")
    parser.add_argument(
        "--vgg", metavar="FILE", help="torchvision's VGG19, or vgg19 once downloaded (default: random features)"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 (default: cpu)")
    parser.add_argument(
        "--every", type=positive, default=250, metavar="STEPS", help="between checkpoints (default: 250)"
    )
    parser.add_argument("--keep", type=positive, default=2, metavar="N", help="newest checkpoints to keep (default: 2)")
    parser.set_defaults(run=run)


def config_path(text: str) -> Path:
    """Argument type: a file, or the name of a configuration that comes along."""
    named = CONFIGS / f"{text}.yaml"
    return named if named.is_file() and not Path(text).exists() else Path(text)


def run(args: argparse.Namespace) -> int:
    """Decode the clips, train, and write the model beside its checkpoints."""
    from ..training.run import train_from_folder  # noqa: PLC0415 - heavy, and needed by this command only

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
    )
    if os.environ.get("RANK", "0") == "0":  # of several processes, one tells
        print(path)
    return 0
