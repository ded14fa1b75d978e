#!/bin/bash
# MNN's converter, `python -m MNN.tools.mnnconvert` (also the script `mnnconvert`), runs `pip install -U
# aliyun-log-python-sdk` when it is imported, with the pip that is first on PATH, and does so twice; with that package it
# fetches credentials and reports every conversion. Each run takes seconds for it. `import MNN` does nothing of the kind, and
# `_tools.mnnconvert(["", "-f", "ONNX", ...])` converts without it.
# A pip that only notes what it is asked stands first on PATH here, so that nothing is installed and nothing reported.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mnn==3.6.1 onnx==1.23.2 numpy==2.4.6 2>/dev/null
mkdir "$work/bin"
printf '#!/bin/sh\necho "pip $*" >> "%s"\n' "$work/asked" > "$work/bin/pip"
chmod +x "$work/bin/pip"
export PATH="$work/bin:$PATH"
cd "$work"

"$work/venv/bin/python" - <<'PYTHON'
import onnx
from onnx import TensorProto, helper

pictures = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 4, 4]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", pictures[:1], pictures[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
onnx.save(model, "relu.onnx")
PYTHON
"$work/venv/bin/python" -c 'import MNN; print("MNN", MNN.version())' | tail -1

asked() {  # what pip was asked for by a command, whose file must be there
  rm -f asked relu.mnn
  "$work/venv/bin/python" "$@" -f ONNX --modelFile relu.onnx --MNNModel relu.mnn --bizCode none > told 2>&1 || true
  [[ -s relu.mnn ]] || { cat told; exit 1; }
  cat asked 2>/dev/null || true
}
plain=$(asked -m MNN.tools.mnnconvert)
echo "python -m MNN.tools.mnnconvert asks:" $plain
alone=$(asked -c 'import sys, _tools; _tools.mnnconvert(sys.argv)')
echo "_tools.mnnconvert alone asks:" ${alone:-nothing}
[[ $plain == *"pip install -U aliyun-log-python-sdk"* && -z $alone ]]
