"""Writes graphs as ONNX files that ONNX Runtime, its web build and TensorRT read."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..errors import MissingPackage
from ..resources.memory import is_out_of_memory
from .archive import free_batch
from .parts import BATCH, Graph

OPSET = 18  # GridSample came with 16 and changed its words in 20, which onnxruntime-web's WebGPU does not know


def write_onnx(graph: Graph, path: Path) -> None:
    """Trace a graph into a single file, checked by the ONNX checker. Raises MissingPackage."""
    onnx = require_onnx()
    try:
        with quietly():
            program = torch.onnx.export(
                graph.module,
                tuple(graph.inputs.values()),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                opset_version=OPSET,
                dynamic_shapes=free_batch(graph),
                dynamo=True,
                external_data=False,
                optimize=True,  # not by itself before PyTorch 2.7
                verbose=False,
            )
    except Exception as error:  # of many kinds: the exporter and its translations are two packages, which must match
        if is_out_of_memory(error):
            raise
        raise MissingPackage(
            f"PyTorch {torch.__version__} and onnxscript {version('onnxscript')} do not export this model together. "
            "Run: pip install -U torch onnx onnxscript onnx-ir; PyTorch 2.6 wants onnxscript==0.3.0 onnx-ir==0.1.0."
        ) from error
    assert program is not None
    model = program.model_proto
    _strip(model)
    _name_batch(model, graph)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def require_onnx() -> Any:
    """The package ``onnx``. Raises MissingPackage where it or what exporting needs beside it is missing or too old."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        raise MissingPackage(f"Exporting needs PyTorch 2.6 or newer, this is {torch.__version__}. Install a newer one.")
    try:
        import onnx  # noqa: PLC0415 - an extra
        import onnx.checker  # noqa: PLC0415
        import onnxscript  # noqa: F401, PLC0415 - torch.onnx needs it
    except ImportError as error:
        raise MissingPackage(
            f"Exporting needs the packages onnx, onnxscript and onnxruntime; {error.name} is not installed. "
            'Run: pip install "fom-face-animation[onnx]"'
        ) from error
    return onnx


def _strip(model: Any) -> None:
    """Leave out what only describes the tracing, such as paths on this machine, and what older readers reject."""
    del model.metadata_props[:]
    parts = [model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output]
    for part in [*parts, *model.graph.initializer]:
        del part.metadata_props[:]
        part.doc_string = ""
    for node in model.graph.node:
        if node.op_type == "Reshape":  # no shape here has a zero, so the option says nothing
            kept = [attribute for attribute in node.attribute if attribute.name != "allowzero"]
            del node.attribute[:]
            node.attribute.extend(kept)


def _name_batch(model: Any, graph: Graph) -> None:
    """Call the free dimension what the description calls it; PyTorch 2.6 gives it a name of its own."""
    shapes = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    names = {shapes[name][0].dim_param for name in graph.batched}
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_param = BATCH


@contextlib.contextmanager
def quietly() -> Any:
    """Without the chatter of exporters and converters: they print, log and warn of their own affairs.

    Some of them set up the root logger, or give advice through it; it is as before at the end.
    """
    loud, root = logging.getLogger("torch.onnx"), logging.getLogger()
    levels, handlers = (loud.level, root.level), list(root.handlers)
    loud.setLevel(logging.ERROR)
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        loud.setLevel(levels[0])
        root.setLevel(levels[1])
        root.handlers[:] = handlers
