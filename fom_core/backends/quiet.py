"""Opens the runtimes without the reports that they send home: ids and events in the user's home, and hosts looked up.

Both begin while the package is imported. Where somebody has decided for this machine or process, that holds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

SWITCH = "ORT_DISABLE_TELEMETRY"  # read by ONNX Runtime since 1.32
REPORTER = "openvino_telemetry"  # a package of its own, which OpenVINO does without where it is missing


def import_onnxruntime(name: str = "onnxruntime") -> Any:
    """ONNX Runtime, or a module of it, without its reports. Raises ImportError where it is not installed."""
    with _unless_set(SWITCH, "1"):
        return import_module(name)


def import_openvino() -> Any:
    """OpenVINO without its reports. Raises ImportError where it is not installed."""
    if REPORTER in sys.modules or _consent_given_or_refused():
        return import_module("openvino")
    with _missing(REPORTER):
        return import_module("openvino")


@contextmanager
def _unless_set(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment, which somebody may have set, for a while."""
    if name in os.environ:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


@contextmanager
def _missing(package: str) -> Iterator[None]:
    """Make a package that was not imported yet look as if it were not installed."""
    sys.modules[package] = None  # type: ignore[assignment] - Python's own sign for that
    try:
        yield
    finally:
        del sys.modules[package]


def _consent_given_or_refused() -> bool:
    """Whether the user has told OpenVINO (``opt_in_out``), which then does as it was told."""
    folder = (
        Path(os.environ.get("LOCALAPPDATA", "")) / "Intel Corporation" if os.name == "nt" else Path.home() / "intel"
    )
    return (folder / REPORTER).exists()
