"""LiteRT, TensorFlow Lite's successor: the graphs of ``fom export --format litert``, frame by frame."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import MissingPackage, UnsupportedModel, UsageError
from ..resources.faults import pass_on
from .exported import Run, one_by_one


def require_litert(provider: str = "auto") -> Any:
    """LiteRT's interpreters. Raises MissingPackage without the package, UsageError for what is no processor."""
    if provider.lower() not in ("auto", "cpu"):
        raise UsageError(f"The backend litert computes on the processor, not on {provider}. Leave --provider out.")
    try:
        return import_module("ai_edge_litert.interpreter")
    except ImportError as error:
        raise MissingPackage(
            "The backend litert needs the package LiteRT, which is not installed. Run: pip install ai-edge-litert"
        ) from error


def open_graph(path: Path) -> Run:
    """Open a ``.tflite`` file on the processor. Raises UnsupportedModel if it is damaged, MissingPackage."""
    litert = require_litert()
    try:
        runner = litert.Interpreter(str(path), num_threads=torch.get_num_threads()).get_signature_runner()
    except (ValueError, RuntimeError) as error:
        pass_on(error)
        line = str(error).strip().splitlines()[0][:200]
        raise UnsupportedModel(f"LiteRT cannot open {path.name} ({line}). Export the model again.") from error
    one_at_a_time = threading.Lock()

    def run(inputs: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        with one_at_a_time:
            return {name: np.array(value) for name, value in runner(**inputs).items()}

    return one_by_one(run)
