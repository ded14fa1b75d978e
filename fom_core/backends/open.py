"""Opens an exported model with the runtime that is asked for."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..errors import UsageError
from . import onnx, openvino
from .exported import ExportedModel
from .package import MANIFEST, read_package

RUNTIMES = ("onnx", "openvino")


def open_exported(
    folder: Path, backend: str = "onnx", provider: str = "auto", precision: str = "float32"
) -> ExportedModel:
    """Open the model that ``fom export`` wrote into a folder.

    backend:   "onnx" (ONNX Runtime) or "openvino".
    provider:  what of this machine it uses: an execution provider of ONNX Runtime, or a device of OpenVINO; by name.
    precision: of the files: "float32", "float16" or "int8".
    Raises UnsupportedModel for a folder that is no export, UsageError for what this machine lacks, MissingPackage.
    """
    if backend not in RUNTIMES:
        raise UsageError(f"There is no backend {backend!r} for exported models. Choose one of {', '.join(RUNTIMES)}.")
    if backend == "onnx":
        onnx.choose_provider(provider)
        open_graph = partial(onnx.open_graph, provider=provider)
    else:
        openvino.choose_openvino_device(provider)
        open_graph = partial(openvino.open_graph, device=provider)
    return ExportedModel(read_package(folder), folder, open_graph, precision)


def is_exported(path: Path) -> bool:
    """Whether a path is a folder that holds an exported model."""
    return (path / MANIFEST).is_file()
