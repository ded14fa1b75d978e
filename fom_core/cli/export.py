"""``fom export``: a model as files that run without PyTorch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..export import export_model
from ..export.export import files_in
from ..export.formats import FORMATS
from ..export.inputs_size import EXAMPLE, size_from_inputs
from ..files.places import Work, keep_apart
from ..weights.load import load_module
from . import common
from .names import folder_path
from .progress import ProgressBar
from .verbs import HELP

FORMAT_NAMES = ("onnx", *FORMATS)
_OF_ONNX = "runs the ONNX files, so that --format onnx is for it"
MEANT = {  # runtimes, and other names of formats
    "opencv": f"OpenCV {_OF_ONNX}",
    "onnxruntime": f"ONNX Runtime {_OF_ONNX}",
    "tensorrt": f"TensorRT {_OF_ONNX}",
    "tflite": "the .tflite files are written by --format litert",
    "tensorflow": "the .tflite files are written by --format litert",
    "pte": "the .pte files are written by --format executorch",
    "mlmodel": "Core ML's files are written by --format coreml",
    "mlpackage": "Core ML's files are written by --format coreml",
    "torchscript": "PyTorch's own files, of torch.export, are written by --archive",
    "pt2": "PyTorch's own files, of torch.export, are written by --archive",
}


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "export",
        help=HELP["export"],
        description="Write a model's keypoint detector, source encoder and generator as ONNX files, or in the formats "
        "of other runtimes, compared with PyTorch on real frames before they are kept. One that is stopped leaves an "
        "earlier export as it was, and the next call starts anew.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "model", type=common.file_name, metavar="NAME_OR_FILE", help="name from `fom weights list`, or a weights file"
    )
    parser.add_argument(
        "--output", type=folder_path, metavar="DIR", help="folder for the files (default: exports/NAME)"
    )
    parser.add_argument(
        "--config", type=common.file_path, metavar="YAML", help="configuration of a weights file that does not carry it"
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--image_size", type=common.positive, metavar="PIXELS", help="side of the pictures (default: the model's own)"
    )
    size.add_argument(
        "--inputs_size", metavar="SHAPES", help=f"PaddleGAN's way to tell sizes, such as {EXAMPLE!r}; any batch"
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        default=[],
        choices=["float32", "float16", "int8"],
        help="files to write; float32 is always among them. int8 is calibrated on the frames",
    )
    parser.add_argument(
        "--format",
        nargs="+",
        default=["onnx"],
        type=format_name,
        choices=FORMAT_NAMES,
        dest="formats",
        help="formats to write, each by the packages of its extra (default: onnx)",
    )
    parser.add_argument("--archive", action="store_true", help="also write torch.export archives (.pt2)")
    parser.add_argument(
        "--frames",
        type=common.file_path,
        metavar="VIDEO",
        help="a face clip to compare with PyTorch on (default: an embedded one)",
    )
    parser.set_defaults(run=run)


def format_name(text: str) -> str:
    """Argument type: a format that is written. What people call one otherwise, or a runtime, is told."""
    if text not in FORMAT_NAMES:
        hint = MEANT.get(text.lower()) or f"choose from {', '.join(FORMAT_NAMES)}"
        raise argparse.ArgumentTypeError(f"there is no format {text}: {hint}")
    return text


def run(args: argparse.Namespace) -> int:
    """Export, and say where."""
    inputs = common.files_of_model(args, args.frames)
    model = load_module(args.model, config=args.config)
    if args.image_size is not None:
        model = model.at_size(args.image_size)
    if args.inputs_size is not None:
        model = model.at_size(*size_from_inputs(args.inputs_size, model.config))
    common.tell_sizes(model)
    variants = [*args.precision, *(["archive"] if args.archive else [])]
    output = args.output or Path("exports") / model.name
    keep_apart([Work(inputs, files_in(output), folders=[output])])
    with ProgressBar("exporting", unit="files", beats=True) as bar:
        exported = export_model(
            model, output, variants=variants, formats=args.formats, frames=args.frames, progress=bar, tell=bar.begin
        )
    print(exported.folder)
    return 0
