"""OpenVINO's own files, which open faster than ONNX and can hold weights in float16."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...backends import ExportedPart
from ...backends.exported import Run
from ...backends.openvino import open_graph
from ...backends.package import FLOAT32
from ...backends.quiet import import_openvino
from ..int8 import write_int8
from .base import Format, Material


def _write(material: Material, path: Path, precision: str) -> None:
    openvino = import_openvino()
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source = material.onnx
        if precision == "int8":  # read from the graph that ONNX Runtime's quantiser makes
            source = Path(folder) / "part.onnx"
            write_int8(material.onnx, source, material.samples())
        made = openvino.convert_model(str(source))
        openvino.save_model(made, str(path), compress_to_fp16=precision == "float16")


def _open(path: Path, part: ExportedPart) -> Run:
    return open_graph(path, "CPU")


OPENVINO = Format(
    "openvino",
    "OpenVINO",
    "openvino",
    {"openvino": "openvino"},
    {FLOAT32: ".xml", "float16": ".fp16.xml", "int8": ".int8.xml"},
    _write,
    _open,
    "openvino",
    "free",
    "Set INFERENCE_PRECISION_HINT to f32: else OpenVINO computes in bfloat16 where the processor has it.",
    beside={FLOAT32: (".bin",), "float16": (".fp16.bin",), "int8": (".int8.bin",)},
)
