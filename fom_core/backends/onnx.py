"""ONNX Runtime: graphs on the processor, or with an execution provider that is chosen by name."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MissingPackage, UnsupportedModel, UsageError
from ..resources.faults import pass_on
from .exported import Run
from .quiet import import_onnxruntime

log = logging.getLogger(__name__)

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""Names for people, and ONNX Runtime's own."""


def choose_provider(name: str = "auto") -> str:
    """ONNX Runtime's name of a provider; "auto" is cuda where it is present, else cpu.

    Raises UsageError for a name that nobody has, or one that this installation lacks, and MissingPackage without
    ONNX Runtime.
    """
    present = _runtime().get_available_providers()
    wanted = name.lower()
    if wanted == "auto":
        wanted = "cuda" if PROVIDERS["cuda"] in present else "cpu"
    if wanted not in PROVIDERS:
        raise UsageError(f"There is no provider {name!r}. Choose one of auto, {', '.join(PROVIDERS)}.")
    if PROVIDERS[wanted] not in present:
        here = ", ".join(key for key, value in PROVIDERS.items() if value in present)
        raise UsageError(
            f"This installation of ONNX Runtime has no provider {wanted}, only {here}. Choose one of these, or install "
            "the build of onnxruntime that brings it."
        )
    return PROVIDERS[wanted]


def open_graph(path: Path, provider: str = "auto") -> Run:
    """Open a graph; with "auto" the processor computes it where nothing else starts.

    Raises UnsupportedModel if it is damaged, UsageError if the provider cannot start here.
    """
    runtime = _runtime()
    chosen = choose_provider(provider)
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    providers = list(dict.fromkeys([chosen, PROVIDERS["cpu"]]))  # the processor takes what a provider does not know
    try:
        with _quietly(runtime):
            session = runtime.InferenceSession(path, options, providers=providers)
    except Exception as error:  # ONNX Runtime has a class of its own for every status
        pass_on(error)
        raise UnsupportedModel(
            f"ONNX Runtime cannot open {path.name} ({_first_line(error)}). Export the model again."
        ) from error
    if chosen not in session.get_providers():
        wrong = f"{chosen} is installed, but does not start on this machine: its drivers or libraries are missing"
        if provider.lower() != "auto":
            raise UsageError(f"The provider {wrong}. Choose --provider cpu, or install them.")
        _tell_once(f"The processor computes: {wrong}.")
    names = [output.name for output in session.get_outputs()]

    def run(inputs: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run


def _runtime() -> Any:
    try:
        return import_onnxruntime()
    except ImportError as error:
        raise MissingPackage(
            "ONNX graphs are computed by ONNX Runtime, which is not installed. Run: pip install onnxruntime"
        ) from error


@contextlib.contextmanager
def _quietly(runtime: Any) -> Iterator[None]:
    """Without ONNX Runtime's own words, on stdout among others, about a provider that does not start."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        runtime.set_default_logger_severity(4)
        try:
            yield
        finally:
            runtime.set_default_logger_severity(2)  # as it is at first: there is no way to ask


@cache
def _tell_once(line: str) -> None:
    log.warning("%s", line)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
