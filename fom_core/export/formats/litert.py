"""LiteRT (TensorFlow Lite): for Android, iOS, the Raspberry Pi and browsers."""

from __future__ import annotations

import contextlib
import io
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...backends import ExportedPart
from ...backends.exported import Run
from ...backends.litert import open_graph
from ...backends.package import FLOAT32
from ..graph_file import quietly
from ..parts import Graph
from ..plain import warped_by_rows
from .base import Format, Material


class _Named(nn.Module):
    """A part that takes and gives its tensors by name, from which the names in the file come."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.module = graph.module
        self.inputs, self.outputs = list(graph.inputs), graph.outputs

    def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        results = self.module(*(inputs[name] for name in self.inputs))
        results = (results,) if isinstance(results, torch.Tensor) else results
        return dict(zip(self.outputs, results, strict=True))


def _write(material: Material, path: Path, precision: str) -> None:
    if precision != FLOAT32:
        _quantise(material.plain, path, precision)
        return
    with quietly(), warped_by_rows(material.graph.module):
        made = import_module("litert_torch").convert(_Named(material.graph).eval(), sample_kwargs=material.one_frame())
        made.export(str(path))


def _quantise(plain: Path, path: Path, precision: str) -> None:
    """int8: the weights of convolutions, channel by channel; what flows between them stays float32."""
    qtyping, quantizer = import_module("ai_edge_quantizer.qtyping"), import_module("ai_edge_quantizer.quantizer")
    number: Any = {"float16": (16, qtyping.TensorDataType.FLOAT), "int8": (8, qtyping.TensorDataType.INT)}[precision]
    weights = qtyping.TensorQuantizationConfig(
        num_bits=number[0], dtype=number[1], granularity=qtyping.QuantGranularity.CHANNELWISE
    )
    made = quantizer.Quantizer(str(plain))
    made.update_quantization_recipe(
        regex=".*",
        operation_name=qtyping.TFLOperationName.CONV_2D,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        ),
        algorithm_key="float_casting" if precision == "float16" else "min_max_uniform_quantize",
    )
    path.unlink(missing_ok=True)
    with quietly(), contextlib.redirect_stderr(io.StringIO()):  # its progress bars
        made.quantize().export_model(str(path))


def _open(path: Path, part: ExportedPart) -> Run:
    return open_graph(path)


LITERT = Format(
    "litert",
    "LiteRT (TensorFlow Lite)",
    "litert",
    {"litert_torch": "litert-torch", "ai_edge_quantizer": "ai-edge-quantizer", "ai_edge_litert": "ai-edge-litert"},
    {FLOAT32: ".tflite", "float16": ".fp16.tflite", "int8": ".int8.tflite"},
    _write,
    _open,
    "ai-edge-litert",
    "1",
    "One frame a call. Ask for the signature's runner: inputs and outputs have their names there, in alphabetical "
    "order elsewhere. onnx2tf 1.29 misreads the ONNX files (keypoints elsewhere without a word): do not use it.",
)
