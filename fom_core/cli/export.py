"""``fom export``: a model as files that run without PyTorch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..weights.load import load_model
from . import common


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "export",
        help="write a model as ONNX",
        description="Write a model's keypoint detector, source encoder and generator as ONNX files, compared with "
        "PyTorch on real frames before they are kept.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="NAME_OR_FILE", help="name from `fom weights list`, or a weights file")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for the files (default: exports/NAME)")
    parser.add_argument("--config", type=Path, metavar="YAML", help="what a weights file does not tell")
    parser.add_argument("--image_size", type=common.positive, metavar="PIXELS", help="default: the model's own")
    parser.add_argument(
        "--frames", type=Path, metavar="VIDEO", help="a face clip to compare with PyTorch on (default: an embedded one)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, and say where."""
    from ..export import export_model  # noqa: PLC0415 - heavy, and needed by this command only

    model = load_model(args.model, config=args.config, device="cpu")
    size = None if args.image_size is None else (args.image_size, args.image_size)
    exported = export_model(model, args.output or Path("exports") / model.name, size=size, frames=args.frames)
    print(exported.folder)
    return 0
