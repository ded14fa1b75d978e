"""MNN: Alibaba's runtime for phones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

from ...backends import ExportedPart
from ...backends.exported import Run
from ...backends.package import FLOAT32
from ...errors import FomError
from .base import Format, Material, as_listed

WINOGRAD = 3  # MNN's number of the hint on how much memory the short cut of 3x3 convolutions may take; 0 is none of it
# What MNN.tools.mnnconvert does, which also installs a package by pip and sends a report with the machine's id.
CONVERT = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"
SMALLER = {FLOAT32: [], "float16": ["--fp16"], "int8": ["--weightQuantBits", "8"]}


def _write(material: Material, path: Path, precision: str) -> None:
    words = ["-f", "ONNX", "--modelFile", material.onnx, "--MNNModel", path, "--bizCode", "fom", *SMALLER[precision]]
    told = subprocess.run(
        [sys.executable, "-c", CONVERT, *map(str, words)], capture_output=True, text=True, check=False
    )
    if told.returncode or not path.is_file():
        raise FomError(f"MNN does not convert {material.onnx.name}: {(told.stderr or told.stdout).strip()[-200:]}")


def _open(path: Path, part: ExportedPart) -> Run:
    expr, nn = import_module("MNN.expr"), import_module("MNN.nn")

    settings = ({"backend": "CPU", "precision": "high", "numThread": torch.get_num_threads()},)
    runtime = nn.create_runtime_manager(settings)
    runtime.set_hint(WINOGRAD, 0)  # it rounds the source's features by 0.001
    module = nn.load_module_from_file(str(path), list(part.inputs), list(part.outputs), runtime_manager=runtime)

    def run(inputs: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        given = [expr.const(value, list(value.shape), expr.NCHW) for value in as_listed(part, inputs)]
        results = module.forward(given)
        results = results if isinstance(results, list) else [results]
        arrays = [np.array(expr.convert(value, expr.NCHW).read()) for value in results]
        return dict(zip(part.outputs, arrays, strict=True))

    return run


MNN = Format(
    "mnn",
    "MNN",
    "mnn",
    {"MNN": "MNN"},
    {FLOAT32: ".mnn", "float16": ".fp16.mnn", "int8": ".int8.mnn"},
    _write,
    _open,
    "MNN",
    "free",
    "Ask for the precision high, and set the hint WINOGRAD_MEMORY_LEVEL (3) to 0: its short cut of 3x3 convolutions "
    "rounds the source's features by 0.001 and pictures by 0.00015. One module takes batches that grow and shrink.",
)
