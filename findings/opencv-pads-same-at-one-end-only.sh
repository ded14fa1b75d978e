#!/bin/bash
# ONNX lets a convolution or a pooling say auto_pad SAME_UPPER, by which an odd row of padding lies at the end, or SAME_LOWER,
# by which it lies at the beginning. OpenCV 5.0 reads both alike: where it pads depends on kernel and stride alone. A 3x3
# convolution of stride 2 on an even side is the usual case, as TensorFlow's "same" becomes SAME_UPPER in converted models:
# each such layer sees the picture a pixel off. Sizes are right and nothing is said, so points and boxes that a network
# finds lie beside their places. Paddings in numbers (the attribute pads) are right.
# ComfyUI-FOM's ONNX files tell theirs in numbers (tests/unit/export/test_export.py), and MediaPipe's networks, by which it
# trains, are TensorFlow Lite's files, which OpenCV pads rightly.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 2>/dev/null

ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" - <<'PYTHON'
import sys

import cv2
import numpy as np
import onnx
import onnxruntime

print("OpenCV", cv2.__version__, "ONNX Runtime", onnxruntime.__version__)
picture = np.zeros((1, 1, 8, 8), np.float32)
picture[..., 4] = 1


def row_of(compute: str, kernel: int, stride: int, **padding: object) -> list[int]:
    """A middle row of the convolution of a picture that is dark but for column 4."""
    side = 8 // stride
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], strides=[stride, stride], **padding)
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, 8, 8])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1, side, side])
    taps = np.zeros((1, 1, kernel, kernel), np.float32)
    taps[0, 0, 0] = np.arange(1, kernel + 1)  # in the top row of the kernel, so that rows beyond the picture do not matter
    graph = onnx.helper.make_graph([node], "one", [x], [y], [onnx.numpy_helper.from_array(taps, "w")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    if compute == "OpenCV":
        network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
        network.setInput(picture)
        found = network.forward()
    else:
        found = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"x": picture})[0]
    assert found.shape == (1, 1, side, side)
    return found[0, 0, side // 2].astype(int).tolist()


cases = {
    "3x3, stride 2, SAME_UPPER": (3, 2, {"auto_pad": "SAME_UPPER"}),
    "3x3, stride 2, SAME_LOWER": (3, 2, {"auto_pad": "SAME_LOWER"}),
    "3x3, stride 2, pads 0 0 1 1": (3, 2, {"pads": [0, 0, 1, 1]}),
    "2x2, stride 1, SAME_UPPER": (2, 1, {"auto_pad": "SAME_UPPER"}),
    "2x2, stride 1, SAME_LOWER": (2, 1, {"auto_pad": "SAME_LOWER"}),
}
same = {}
for name, (kernel, stride, padding) in cases.items():
    rows = {compute: row_of(compute, kernel, stride, **padding) for compute in ("OpenCV", "ONNX Runtime")}
    print(f"{name}:", rows)
    same[name] = rows["OpenCV"] == rows["ONNX Runtime"]
sys.exit(list(same.values()) != [False, True, True, True, False])
PYTHON
