"""Graphs whose convolutions compute in float16. Keypoints, flow, grids and softmax stay in float32.

So does every convolution that reads a picture: in smooth places its products nearly cancel, and the rounding of its
weights, times the brightness, is most of what is left. It moves keypoints four times as far as all others do together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .graph_file import require_onnx

BETWEEN = frozenset({"BatchNormalization", "Relu", "AveragePool"})  # in float16, unless behind a careful convolution
FOLLOWING = frozenset({"Resize", "Concat", "Add"})  # in float16 between convolutions, in float32 where grids are made
PICTURE_CHANNELS = 4  # of what counts as a picture


def write_float16(source: Path, target: Path, care: int = 0) -> bool:
    """Write a graph with its convolutional parts in float16; inputs and outputs stay float32.

    ``care`` is how many sizes of feature maps, from the largest on, keep their convolutions in float32. Weights are few
    there, so the file stays small. False: no convolution would be left in float16, and nothing is written.
    """
    onnx = require_onnx()
    model = onnx.shape_inference.infer_shapes(onnx.load(source))
    converter = _Converter(onnx, model.graph, care)
    if not converter.run():
        return False
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    target.write_bytes(model.SerializeToString())
    return True


class _Converter:
    """Walks a graph in its order and casts at the borders of the convolutional parts."""

    def __init__(self, onnx: Any, graph: Any, care: int) -> None:
        self.onnx = onnx
        self.graph = graph
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        self.heights = {
            value.name: value.type.tensor_type.shape.dim[2].dim_value
            for value in [*graph.input, *graph.value_info]
            if len(value.type.tensor_type.shape.dim) == 4
        }
        convolved = {self.heights[node.input[0]] for node in graph.node if self._is_inner_convolution(node)}
        self.large = set(sorted(convolved, reverse=True)[:care])
        self.careful: set[str] = set()  # values of convolutions that stay in float32, and what is made of them
        self.halves: set[str] = set()  # values that exist in float16 under their own name
        self.casts: dict[tuple[str, str], str] = {}
        self.nodes: list[Any] = []

    def run(self) -> bool:
        """Convert; False if no convolution computes in float16."""
        for node in self.graph.node:
            half = self._is_half(node)
            count = 1 if node.op_type == "Resize" else len(node.input)  # sizes and scales keep their type
            for index in range(count):
                if node.input[index]:
                    node.input[index] = self._as(node.input[index], half)
            self.nodes.append(node)
            if half:
                self.halves.update(node.output)
        for output in self.graph.output:
            if output.name in self.halves:
                self._restore(output.name)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        del self.graph.value_info[:]
        self._drop_unused()
        return any(node.op_type == "Conv" and node.output[0] in self.halves for node in self.nodes)

    def _is_half(self, node: Any) -> bool:
        """Whether a node computes in float16. Keeps account of the careful ones."""
        if node.op_type == "Conv":
            half = self._is_inner_convolution(node) and self.heights[node.input[0]] not in self.large
        elif node.op_type in BETWEEN:
            half = node.input[0] not in self.careful
        else:
            values = [name for name in node.input if name and name not in self.weights]
            return node.op_type in FOLLOWING and bool(values) and all(name in self.halves for name in values)
        if not half:
            self.careful.update(node.output)
        return half

    def _is_inner_convolution(self, node: Any) -> bool:
        """Whether a node convolves features, not a picture."""
        if node.op_type != "Conv":
            return False
        groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
        return self.weights[node.input[1]].dims[1] * groups > PICTURE_CHANNELS

    def _as(self, name: str, half: bool) -> str:
        """The name under which a value is there in the wanted type."""
        if name in self.weights:
            return self._weight(name) if half else name
        if (name in self.halves) == half:
            return name
        kind = "half" if half else "float"
        if (name, kind) not in self.casts:
            self.casts[name, kind] = f"{name}.{kind}"
            to = self.onnx.TensorProto.FLOAT16 if half else self.onnx.TensorProto.FLOAT
            self.nodes.append(self.onnx.helper.make_node("Cast", [name], [f"{name}.{kind}"], to=to))
        return self.casts[name, kind]

    def _weight(self, name: str) -> str:
        renamed = f"{name}.half"
        if (name, "half") not in self.casts:
            values = self.onnx.numpy_helper.to_array(self.weights[name]).astype(np.float16)
            self.graph.initializer.append(self.onnx.numpy_helper.from_array(values, renamed))
            self.casts[name, "half"] = renamed
        return renamed

    def _restore(self, output: str) -> None:
        """Give an output of the graph its float32 back, under the name that it had."""
        inner = f"{output}.inner"
        for node in self.nodes:
            for names in (node.input, node.output):
                for index, name in enumerate(names):
                    if name == output:
                        names[index] = inner
        self.nodes.append(self.onnx.helper.make_node("Cast", [inner], [output], to=self.onnx.TensorProto.FLOAT))

    def _drop_unused(self) -> None:
        used = {name for node in self.nodes for name in node.input}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
