#!/bin/bash
# ONNX's GridSample, by which pictures are warped, has modes and paddings as PyTorch's F.grid_sample, of which it is exported.
# MNN 3.6 and OpenCV 5.0 open a model with any of them, but compute some as others, without a word: MNN computes "bicubic"
# (opset 16) and "cubic" (20) as linear, and the padding "reflection" as "border"; OpenCV computes "cubic" as linear, and
# "bicubic" as neither. ONNX Runtime and OpenVINO agree on all. Linear with "zeros" or "border" is right in all four.
# ComfyUI-FOM's exported networks warp linearly with zeros (tests/unit/export/test_export.py), and are compared before they
# are kept.
# Exits 0 while that is so. Needs Python 3.11 to 3.13 with venv, on Linux x86-64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Without the dependencies of openvino, one of which reports each import.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check MNN==3.6.1 onnx==1.20.1 onnxruntime==1.32.0 \
  opencv-python-headless==5.0.0.93 numpy==2.2.6 2>/dev/null
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

rng = np.random.default_rng(0)
GIVEN = {
    "x": rng.uniform(0, 1, (1, 3, 16, 16)).astype(np.float32),
    "grid": rng.uniform(-1.3, 1.3, (1, 12, 12, 2)).astype(np.float32),  # some places lie beyond the border
}


def write_model(mode: str, padding: str, opset: int) -> None:
    number = onnx.TensorProto.FLOAT
    node = onnx.helper.make_node("GridSample", ["x", "grid"], ["y"], mode=mode, padding_mode=padding, align_corners=1)
    given = [onnx.helper.make_tensor_value_info(name, number, list(array.shape)) for name, array in GIVEN.items()]
    y = onnx.helper.make_tensor_value_info("y", number, [1, 3, 12, 12])
    opsets = [onnx.helper.make_opsetid("", opset)]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "one", given, [y]), opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "one.onnx")


def by_onnx_runtime() -> np.ndarray:
    return onnxruntime.InferenceSession("one.onnx", providers=["CPUExecutionProvider"]).run(None, GIVEN)[0]


def by_openvino() -> np.ndarray:
    return openvino.Core().compile_model("one.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(GIVEN)[0]


def by_opencv() -> np.ndarray:
    network = cv2.dnn.readNetFromONNX("one.onnx")
    for name, array in GIVEN.items():
        network.setInput(array, name)
    return network.forward()


def by_mnn() -> np.ndarray:
    import MNN.expr as expr
    import MNN.nn as nn

    words = ["-f", "ONNX", "--modelFile", "one.onnx", "--MNNModel", "one.mnn", "--bizCode", "x"]
    plainly = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"  # MNN.tools.mnnconvert also installs a package
    subprocess.run([sys.executable, "-c", plainly, *words], check=True, capture_output=True)
    runtime = nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": 1},))
    module = nn.load_module_from_file("one.mnn", list(GIVEN), ["y"], runtime_manager=runtime)
    (found,) = module.forward([expr.const(array, list(array.shape), expr.NCHW) for array in GIVEN.values()])
    return np.array(expr.convert(found, expr.NCHW).read())


print("OpenVINO", openvino.__version__, "OpenCV", cv2.__version__, "MNN 3.6.1, ONNX Runtime", onnxruntime.__version__)
right, others = {}, {}
for asked in [
    ("bilinear", "zeros", 16),
    ("bilinear", "border", 16),
    ("bilinear", "reflection", 16),
    ("bicubic", "zeros", 16),
    ("linear", "zeros", 20),
    ("cubic", "zeros", 20),
]:
    write_model(*asked)
    right[asked] = by_onnx_runtime()
    others[asked] = {compute: compute() for compute in (by_openvino, by_opencv, by_mnn)}


def found(compute, asked) -> str:
    """What a runtime computed where it was asked for that."""
    same = [name for name in right if np.abs(others[asked][compute] - right[name]).max() < 1e-4]
    return "right" if asked in same else f"as {' '.join(map(str, same[0]))}" if same else "as none of them"


told = {asked: [found(compute, asked) for compute in (by_openvino, by_opencv, by_mnn)] for asked in right}
for asked, (openvino_s, opencv_s, mnn_s) in told.items():
    print(*asked, "- OpenVINO:", openvino_s, "- OpenCV:", opencv_s, "- MNN:", mnn_s)
expected = [
    ["right", "right", "right"],
    ["right", "right", "right"],
    ["right", "right", "as bilinear border 16"],
    ["right", "as none of them", "as bilinear zeros 16"],
    ["right", "right", "right"],
    ["right", "as bilinear zeros 16", "as bilinear zeros 16"],
]
sys.exit(list(told.values()) != expected)
END
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" try.py 2>&1 | grep -v -e "^MNN use" -e "device supports"
exit "${PIPESTATUS[0]}"
