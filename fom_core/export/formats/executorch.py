"""ExecuTorch: PyTorch's own runtime for phones, convolutions by XNNPACK."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...backends import ExportedPart
from ...backends.exported import Run
from ...backends.package import FLOAT32
from ..archive import trace
from ..graph_file import quietly
from ..parts import BATCH
from .base import Format, Material, as_listed

LARGEST_BATCH = 1024  # XNNPACK keeps the largest length of every dimension in 32 bits, and grids of a batch are one


def _write(material: Material, path: Path, precision: str) -> None:
    xnnpack = import_module("executorch.backends.xnnpack.partition.xnnpack_partitioner")
    configs = list(import_module("executorch.backends.xnnpack.partition.config").ALL_PARTITIONER_CONFIGS)
    lower = import_module("executorch.exir").to_edge_transform_and_lower
    with quietly():
        program = trace(material.graph, LARGEST_BATCH)
        if precision != FLOAT32:
            program = _quantised(program, material)
            # Between eight bits of different scales XNNPACK takes it for its own, which wants equal ones.
            configs = [config for config in configs if config.__name__ != "CatConfig"]
        lowered = lower(program, partitioner=[xnnpack.XnnpackPartitioner(configs)]).to_executorch()
    path.write_bytes(lowered.buffer)


def _quantised(program: Any, material: Material) -> Any:
    """The program with convolutions in eight bits: weights per channel, activations by the range that samples show."""
    pt2e = import_module("torchao.quantization.pt2e.quantize_pt2e")
    xnnpack = import_module("executorch.backends.xnnpack.quantizer.xnnpack_quantizer")
    quantizer, graph = xnnpack.XNNPACKQuantizer(), material.graph
    quantizer.set_operator_type(
        torch.ops.aten.conv2d.default, xnnpack.get_symmetric_quantization_config(is_per_channel=True)
    )
    prepared = pt2e.prepare_pt2e(program.module(), quantizer)
    free = torch.export.Dim(BATCH, max=LARGEST_BATCH)
    shapes = tuple({0: free} if name in graph.batched else {} for name in graph.inputs)  # ``*points`` are single here
    with torch.no_grad():
        for sample in material.samples():
            prepared(*(torch.from_numpy(sample[name]) for name in graph.inputs))
        made = pt2e.convert_pt2e(prepared)
        return torch.export.export(made, tuple(graph.inputs.values()), dynamic_shapes=shapes, strict=False)


def _open(path: Path, part: ExportedPart) -> Run:
    program = import_module("executorch.runtime").Runtime.get().load_program(path)
    method = program.load_method("forward")

    def run(inputs: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        results = method.execute([torch.from_numpy(value) for value in as_listed(part, inputs)])
        return {name: np.array(value) for name, value in zip(part.outputs, results, strict=True)}

    return run


EXECUTORCH = Format(
    "executorch",
    "ExecuTorch",
    "executorch",
    {"executorch.exir": "executorch"},
    {FLOAT32: ".pte", "int8": ".int8.pte"},
    _write,
    _open,
    "executorch",
    f"free, up to {LARGEST_BATCH}",
    "Inputs go in and outputs come out in order, without names. The warp, resizing and reshaping are ExecuTorch's "
    "portable kernels: the runtime of an application must be built with them beside XNNPACK.",
    names="none: inputs and outputs in the order that they have here",
)
