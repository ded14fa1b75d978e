"""OpenVINO: graphs on Intel's processors, GPUs and NPUs, through one device that is chosen by name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MissingPackage, UnsupportedModel, UsageError
from ..resources.faults import pass_on
from .exported import Run
from .quiet import import_openvino

FIXED_BATCHES = 2  # compiled for their size, which is faster: a single frame and a whole chunk


def choose_openvino_device(name: str = "auto") -> str:
    """OpenVINO's name of a device; "auto" is the processor. Raises UsageError, MissingPackage without OpenVINO."""
    present = _core().available_devices
    wanted = "CPU" if name.lower() == "auto" else name.upper()
    if wanted not in present:
        raise UsageError(
            f"OpenVINO has no device {name!r} on this machine, only {', '.join(present)}. Choose one of these with "
            "--provider, or install its driver."
        )
    return wanted


def open_graph(path: Path, device: str = "auto") -> Run:
    """Open a graph, computed in float32. Raises UnsupportedModel if it is damaged, UsageError for another device."""
    core, chosen = _core(), choose_openvino_device(device)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}  # else OpenVINO takes bfloat16 where the processor has it
    compiled: dict[int, Any] = {}

    def compile_for(batch: int) -> Any:
        """The graph for this batch; batch 0 is any."""
        if batch not in compiled:
            model = core.read_model(path)
            if batch:
                shapes = {given: given.partial_shape for given in model.inputs}
                model.reshape({given: _with_batch(shape, batch) for given, shape in shapes.items()})
            compiled[batch] = core.compile_model(model, chosen, settings)
        return compiled[batch]

    try:
        compile_for(1)
    except RuntimeError as error:
        pass_on(error)
        raise UnsupportedModel(
            f"OpenVINO cannot open {path.name} ({str(error).strip().splitlines()[-1][:200]}). Export the model again."
        ) from error

    def run(inputs: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        batch = max(len(value) for value in inputs.values())
        graph = compile_for(batch if batch in compiled or len(compiled) < FIXED_BATCHES else 0)
        results = graph(inputs)
        return {output.any_name: np.array(results[output]) for output in graph.outputs}

    return run


def _with_batch(shape: Any, batch: int) -> list[int]:
    return [batch if length.is_dynamic else length.get_length() for length in shape]


def _core() -> Any:
    try:
        return _only_core(import_openvino())
    except ImportError as error:
        raise MissingPackage(
            "The backend openvino needs the package OpenVINO, which is not installed. Run: pip install openvino"
        ) from error


@functools.cache
def _only_core(package: Any) -> Any:
    """The package's core, one for as long as the process runs.

    Each core that computes on a processor gives the thread it begins in another stack for signals. Where two end in the
    order of their beginning, or one ends in another thread, that stack is gone and still in use: the next signal, be it
    Ctrl-C, ends the process (OpenVINO 2024.6 to 2026.4).
    """
    return package.Core()
