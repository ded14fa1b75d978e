"""Opens an exported model with the runtime that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..errors import UsageError
from . import litert, onnx, opencv, openvino
from .exported import ExportedModel, Run
from .package import FLOAT32, MANIFEST, ONNX, STREAMING, Package, read_package, variant_name

RUNTIME_NAMES = {"onnx": "ONNX Runtime", "openvino": "OpenVINO", "opencv": "OpenCV", "litert": "LiteRT"}
RUNTIMES = tuple(RUNTIME_NAMES)
OWN_FORMAT = "litert"  # of the runtime of that name; all others read ONNX


def open_exported(
    folder: Path, backend: str = "onnx", provider: str = "auto", precision: str = "float32"
) -> ExportedModel:
    """Open the model that ``fom export`` wrote into a folder.

    backend:   one of :data:`RUNTIMES`.
    provider:  what of this machine it uses: an execution provider of ONNX Runtime, or a device of OpenVINO; by name.
               OpenCV and LiteRT use the processor.
    precision: of the files: "float32", "float16" or "int8".
    Raises UnsupportedModel for a folder that is no export, UsageError for what this machine lacks, MissingPackage.
    """
    open_graph = graph_opener(backend, provider)
    return ExportedModel(read_package(folder), folder, open_graph, variant_name(format_for(backend), precision))


def graph_opener(backend: str, provider: str = "auto") -> Callable[[Path], Run]:
    """What opens one graph with a runtime that is there. Raises UsageError, MissingPackage as :func:`open_exported`."""
    if backend not in RUNTIMES:
        raise UsageError(f"There is no backend {backend!r} for exported models. Choose one of {', '.join(RUNTIMES)}.")
    if backend == "onnx":
        onnx.choose_provider(provider)
        return partial(onnx.open_graph, provider=provider)
    if backend == "openvino":
        openvino.choose_openvino_device(provider)
        return partial(openvino.open_graph, device=provider)
    if backend == "opencv":
        opencv.require_opencv(provider)
        return opencv.open_graph
    litert.require_litert(provider)
    return litert.open_graph


def format_for(backend: str) -> str:
    """The format of ``fom export`` that a backend computes."""
    return OWN_FORMAT if backend == OWN_FORMAT else ONNX


def fitting_backend(package: Package) -> str:
    """The backend for an export where nobody chose: that of its files, ONNX Runtime where there are several."""
    has_onnx = all(FLOAT32 in package.parts[name].files for name in STREAMING)
    return OWN_FORMAT if not has_onnx and OWN_FORMAT in package.precisions else ONNX


def is_exported(path: Path) -> bool:
    """Whether a path is a folder that holds an exported model."""
    return (path / MANIFEST).is_file()
