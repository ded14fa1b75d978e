"""``torch.export`` archives: graphs that PyTorch itself reads back, without this package's code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..backends.exported import Run
from .parts import BATCH, Graph

MOST = 2**31 - 1  # PyTorch 2.6 wants to be told that a batch is not the largest integer


def trace(graph: Graph, most: int = MOST) -> Any:
    """The graph as an ``ExportedProgram`` with a free batch of at most ``most``; made once for all formats."""
    if most not in graph.traced:
        with torch.no_grad():
            program = torch.export.export(
                graph.module, tuple(graph.inputs.values()), dynamic_shapes=free_batch(graph, most), strict=False
            )
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # it names folders of this machine
        graph.traced[most] = program
    return graph.traced[most]


def free_batch(graph: Graph, most: int = MOST) -> Any:
    """Which dimensions of the inputs are free, as ``torch.export`` wants it: ``*points`` are one argument."""
    free = torch.export.Dim(BATCH, max=most)
    shapes = [{0: free} if name in graph.batched else {} for name in graph.inputs]
    plain = graph.plain_inputs
    return (*shapes[:plain], tuple(shapes[plain:])) if plain < len(shapes) else tuple(shapes)


def write_archive(graph: Graph, path: Path) -> None:
    """Write a graph as a ``.pt2`` file."""
    torch.export.save(trace(graph), path)


def open_archive(path: Path, inputs: list[str], outputs: list[str]) -> Run:
    """Open a ``.pt2`` file: what it computes, with numpy arrays by name."""
    module = torch.export.load(path).module()

    def run(arrays: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        with torch.inference_mode():
            results = module(*(torch.from_numpy(arrays[name]) for name in inputs))
        results = (results,) if isinstance(results, torch.Tensor) else results
        return {name: value.numpy() for name, value in zip(outputs, results, strict=True)}

    return run
