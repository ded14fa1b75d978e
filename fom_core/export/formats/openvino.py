"""OpenVINO's own files, which open faster than ONNX and can hold weights in float16."""

from __future__ import annotations

from pathlib import Path

from ...backends import ExportedPart
from ...backends.exported import Run
from ...backends.openvino import open_graph
from ...backends.package import FLOAT32
from ...backends.quiet import import_openvino
from .base import Format, Material


def _write(material: Material, path: Path, precision: str) -> None:
    openvino = import_openvino()
    openvino.save_model(openvino.convert_model(str(material.onnx)), str(path), compress_to_fp16=precision != FLOAT32)


def _open(path: Path, part: ExportedPart) -> Run:
    return open_graph(path, "CPU")


OPENVINO = Format(
    "openvino",
    "OpenVINO",
    "openvino",
    {"openvino": "openvino"},
    {FLOAT32: ".xml", "float16": ".fp16.xml"},
    _write,
    _open,
    "openvino",
    "free",
    "Set INFERENCE_PRECISION_HINT to f32: else OpenVINO computes in bfloat16 where the processor has it.",
    beside={FLOAT32: (".bin",), "float16": (".fp16.bin",)},
)
