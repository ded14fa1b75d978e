"""Core ML: for Apple's devices. Converted on any system; nothing but macOS and iOS computes it."""

from __future__ import annotations

import tempfile
import zipfile
from importlib import import_module
from pathlib import Path

from ...backends.package import FLOAT32
from ..archive import trace
from ..graph_file import quietly
from .base import Format, Material


def _write(material: Material, path: Path, precision: str) -> None:
    coremltools = import_module("coremltools")
    kind = coremltools.precision.FLOAT32 if precision == FLOAT32 else coremltools.precision.FLOAT16
    with quietly():
        program = trace(material.graph).run_decompositions({})
    traced = program.graph_signature.user_inputs
    with quietly(), tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = coremltools.convert(
            program,
            outputs=[coremltools.TensorType(name=name) for name in material.graph.outputs],
            compute_precision=kind,
            minimum_deployment_target=coremltools.target.iOS17,
        )
        spec = made.get_spec()
        for name, wanted in zip(traced, material.graph.inputs, strict=True):
            if name != wanted:
                coremltools.utils.rename_feature(spec, name, wanted)
        made = coremltools.models.MLModel(spec, weights_dir=made.weights_dir)
        package = Path(folder) / f"{material.graph.name}.mlpackage"
        made.save(str(package))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(package.rglob("*")):
                archive.write(file, file.relative_to(folder))


COREML = Format(
    "coreml",
    "Core ML",
    "coreml",
    {"coremltools": "coremltools"},
    {FLOAT32: ".mlpackage.zip", "float16": ".fp16.mlpackage.zip"},
    _write,
    None,
    "coremltools",
    "free",
    "Unpack the .zip, then add the .mlpackage to Xcode. It was converted and never computed: compare it with ONNX on "
    "your device before you trust it.",
)
