#!/bin/bash
# Softmax does not change when the same number is added to all that it compares. In MNN 3.6.1 on a processor it does where
# it goes over the channels of a picture and they are few, 2 to 7 with AVX2: from about 87 above or below zero on, all of
# them get equal shares, without a word, as if exponentials were cut off before the largest number is taken away. From 8
# channels on, and along rows, it is right. So masks of few regions may be right on one picture and wrong on the next.
# In ComfyUI-FOM the dense motion network of the published weights has 11 masks, that of "mini" 17; where somebody trained
# fewer than 7 keypoints, "fom export --format mnn" leaves a file out whose frames differ from PyTorch's.
# Exits 0 while that is so. Needs Python 3.10 to 3.13 with venv, on Linux x86-64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check MNN==3.6.1 onnx==1.20.1 numpy==2.2.6 2>/dev/null
cd "$work"
cat >try.py <<'END'
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import onnx


def softmax(values: np.ndarray) -> np.ndarray:
    """Over the channels, in float64."""
    powers = np.exp(values.astype(np.float64) - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def computed(values: np.ndarray) -> np.ndarray:
    """The same by MNN, of an ONNX model that is this one operator."""
    import MNN.expr as expr
    import MNN.nn as nn

    node = onnx.helper.make_node("Softmax", ["x"], ["y"], axis=1)
    x, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, list(values.shape)) for n in "xy")
    opset = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "one", [x], [y]), opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, "one.onnx")
    words = ["-f", "ONNX", "--modelFile", "one.onnx", "--MNNModel", "one.mnn", "--bizCode", "x"]
    plainly = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"  # MNN.tools.mnnconvert also installs a package
    subprocess.run([sys.executable, "-c", plainly, *words], check=True, capture_output=True)
    runtime = nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": 1},))
    module = nn.load_module_from_file("one.mnn", ["x"], ["y"], runtime_manager=runtime)
    (found,) = module.forward([expr.const(values, list(values.shape), expr.NCHW)])
    return np.array(expr.convert(found, expr.NCHW).read())


def picture(channels: list[float]) -> np.ndarray:
    """16 x 16 pixels that are all alike."""
    return np.broadcast_to(np.float32(channels).reshape(1, -1, 1, 1), (1, len(channels), 16, 16)).copy()


print("MNN", version("MNN"))
shares = {}
for channels in ([1, 2, 3], [101, 102, 103], [-99, -98, -97], [-99] * 5 + [-98, -97]):
    values = picture(channels)
    shares[str(channels)] = computed(values)[0, :, 0, 0], softmax(values)[0, :, 0, 0]
    print("of", channels, *(["MNN", "expected"][at] + f" {share.round(3)}" for at, share in enumerate(shares[str(channels)])))
rng = np.random.default_rng(0)
wrong = []
for count in range(2, 18):
    values = (rng.normal(0, 1, (1, count, 16, 16)) - 100).astype(np.float32)
    wrong += [count] if np.abs(computed(values) - softmax(values)).max() > 0.1 else []
print("numbers of channels, of 2 to 17, with shares that are wrong by more than 0.1 around -100:", wrong)
near = [bool(np.allclose(*pair, atol=1e-5)) for pair in shares.values()]
sys.exit(not (near == [True, False, False, False] and {2, 3} <= set(wrong) and 17 not in wrong))
END
"$work/venv/bin/python" try.py 2>&1 | grep -v -e "^MNN use" -e "device supports"
exit "${PIPESTATUS[0]}"
