"""ncnn: Tencent's runtime for phones, by way of pnnx."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

from ...backends import ExportedPart
from ...backends.exported import Run, one_by_one
from ...backends.package import FLOAT32
from ...errors import FomError
from ..graph_file import quietly
from .base import Format, Material, as_listed

OPTIONS = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage")


def _write(material: Material, path: Path, precision: str) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, quietly():
        import_module("pnnx").export(
            material.graph.module,
            str(Path(folder) / "part.pt"),
            tuple(material.one_frame().values()),
            fp16=precision != FLOAT32,
        )
        made = Path(folder) / "part.ncnn.param"
        if not made.is_file():
            raise FomError(f"pnnx does not convert {material.graph.name}.")
        made.replace(path)
        made.with_suffix(".bin").replace(path.with_suffix(".bin"))


def _open(path: Path, part: ExportedPart) -> Run:
    ncnn = import_module("ncnn")
    net = ncnn.Net()
    net.opt.num_threads = torch.get_num_threads()
    for option in OPTIONS:  # else it computes in half precision where the processor has that
        setattr(net.opt, option, False)
    if net.load_param(str(path)) or net.load_model(str(path.with_suffix(".bin"))):
        raise FomError(f"ncnn cannot open {path.name}.")

    def run(inputs: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        extractor = net.create_extractor()
        frame = [np.ascontiguousarray(value[0]) for value in as_listed(part, inputs)]  # a Mat only points there
        for number, value in enumerate(frame):
            extractor.input(f"in{number}", ncnn.Mat(value))
        return {name: np.array(extractor.extract(f"out{i}")[1])[None] for i, name in enumerate(part.outputs)}

    return one_by_one(run)


NCNN = Format(
    "ncnn",
    "ncnn",
    "ncnn",
    {"pnnx": "pnnx", "ncnn": "ncnn"},
    {FLOAT32: ".ncnn.param", "float16": ".fp16.ncnn.param"},
    _write,
    _open,
    "ncnn",
    "1, a dimension that is left out",
    "In Python keep the arrays until the outputs are there: an ncnn.Mat only points to them, a clone() of one as well. "
    "Turn use_fp16_packed, use_fp16_storage, use_fp16_arithmetic and use_bf16_storage off for the differences "
    "told here.",
    layout="as in ONNX without the batch: pictures (channels, height, width)",
    names="in0, in1 and so on for the inputs, out0, out1 and so on for the outputs, in the order that they have here",
    beside={FLOAT32: (".ncnn.bin",), "float16": (".fp16.ncnn.bin",)},
)
