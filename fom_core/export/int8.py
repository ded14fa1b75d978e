"""Graphs whose convolutions compute in eight bits, calibrated on real frames by ONNX Runtime's quantiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..backends.quiet import import_onnxruntime
from ..errors import MissingPackage
from .graph_file import quietly, require_onnx

GraphInputs = Mapping[str, np.ndarray]
"""The inputs of a graph by name."""


def write_int8(source: Path, target: Path, samples: Sequence[GraphInputs]) -> None:
    """Write a graph with quantised convolutions: weights per channel, activations by the range that samples show.

    The result holds QuantizeLinear and DequantizeLinear pairs, which every runtime reads. Raises MissingPackage.
    """
    onnx = require_onnx()
    try:
        quantization = import_onnxruntime("onnxruntime.quantization")
    except ImportError as error:
        raise MissingPackage("int8 graphs are made by ONNX Runtime. Run: pip install onnxruntime") from error

    class Samples(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._rest = iter(samples)

        def get_next(self) -> GraphInputs | None:  # type: ignore[override]
            return next(self._rest, None)

    with quietly():
        quantization.quantize_static(
            str(source),
            str(target),
            Samples(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    onnx.checker.check_model(str(target), full_check=True)
