#!/bin/bash
# ONNX's Resize has had an attribute antialias since opset 18, and PyTorch's F.interpolate(antialias=True) is exported by it.
# Four runtimes open such a model, but only ONNX Runtime shrinks as Pillow and PyTorch do. OpenVINO 2026.4, OpenCV 5.0 and
# MNN 3.6 leave the attribute out without a word: fine stripes that should become an even grey become plain white. A network
# that gets its faces shrunk so sees other faces than those it learnt from.
# ComfyUI-FOM's exported networks shrink by plain sums and products for that reason (fom_core/geometry.py,
# tests/unit/export/test_export.py).
# Exits 0 while that is so. Needs Python 3.11 to 3.13 with venv, on Linux x86-64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Without the dependencies of openvino, one of which reports each import.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check MNN==3.6.1 onnx==1.20.1 onnxruntime==1.32.0 \
  opencv-python-headless==5.0.0.93 pillow==12.2.0 numpy==2.2.6 2>/dev/null
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps openvino==2026.4.1 2>/dev/null
cd "$work"
cat >try.py <<'END'
import subprocess
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import openvino
from PIL import Image

LARGE, SMALL = 64, 16
picture = np.zeros((1, 1, LARGE, LARGE), np.float32)
picture[..., 1::4] = picture[..., 2::4] = 1  # stripes: light, light, dark, dark


def write_model() -> None:
    node = onnx.helper.make_node(
        "Resize",
        ["x", "", "", "size"],
        ["y"],
        mode="linear",
        coordinate_transformation_mode="half_pixel",
        antialias=1,
        exclude_outside=1,  # as PyTorch exports it: at a border, only the pixels that are there
    )
    number = onnx.TensorProto.FLOAT
    x = onnx.helper.make_tensor_value_info("x", number, [1, 1, LARGE, LARGE])
    y = onnx.helper.make_tensor_value_info("y", number, [1, 1, SMALL, SMALL])
    size = onnx.numpy_helper.from_array(np.array([1, 1, SMALL, SMALL], np.int64), "size")
    graph = onnx.helper.make_graph([node], "one", [x], [y], [size])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "one.onnx")


def by_onnx_runtime() -> np.ndarray:
    return onnxruntime.InferenceSession("one.onnx", providers=["CPUExecutionProvider"]).run(None, {"x": picture})[0]


def by_openvino() -> np.ndarray:
    return openvino.Core().compile_model("one.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([picture])[0]


def by_opencv() -> np.ndarray:
    network = cv2.dnn.readNetFromONNX("one.onnx")
    network.setInput(picture)
    return network.forward()


def by_mnn() -> np.ndarray:
    import MNN.expr as expr
    import MNN.nn as nn

    words = ["-f", "ONNX", "--modelFile", "one.onnx", "--MNNModel", "one.mnn", "--bizCode", "x"]
    plainly = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"  # MNN.tools.mnnconvert also installs a package
    subprocess.run([sys.executable, "-c", plainly, *words], check=True, capture_output=True)
    runtime = nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": 1},))
    module = nn.load_module_from_file("one.mnn", ["x"], ["y"], runtime_manager=runtime)
    (found,) = module.forward([expr.const(picture, list(picture.shape), expr.NCHW)])
    return np.array(expr.convert(found, expr.NCHW).read())


write_model()
pillow = np.asarray(Image.fromarray(picture[0, 0]).resize((SMALL, SMALL), Image.Resampling.BILINEAR))
print("OpenVINO", openvino.__version__, "OpenCV", cv2.__version__, "MNN 3.6.1, ONNX Runtime", onnxruntime.__version__)
print("Pillow:", pillow[8, 4:8].round(2))
apart = {}
for compute in (by_onnx_runtime, by_openvino, by_opencv, by_mnn):
    found = np.asarray(compute())[0, 0]
    apart[compute.__name__] = float(np.abs(found - pillow).max())
    print(f"{compute.__name__}:", found[8, 4:8].round(2), "largest difference", round(apart[compute.__name__], 3))
right = apart.pop("by_onnx_runtime") < 1e-3
sys.exit(not (right and min(apart.values()) > 0.3))
END
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" try.py 2>&1 | grep -v -e "^MNN use" -e "device supports"
exit "${PIPESTATUS[0]}"
