#!/bin/bash
# facexlib 0.3.0, the newest, finds 98 points of a face by heatmaps (init_alignment_model, get_landmarks). It installs
# beside any NumPy and loads, but reading the points ends with "module 'numpy' has no attribute 'float'" from NumPy 1.24 on,
# where that name of Python's float is gone. With the name given back it works, with a surprise: the quarter of a cell that
# refines a point comes from the wrong cell for all points as soon as the peak of one of them lies in the last row.
# The function is taken out of the installed file as it is, for the file imports PyTorch, which is large and not needed.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 2>/dev/null
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps facexlib==0.3.0 2>/dev/null
"$work/venv/bin/python" - <<'PYTHON'
import ast
from importlib.metadata import distribution

import numpy as np

facexlib = distribution("facexlib")
print("facexlib", facexlib.version, "numpy", np.__version__)
path = facexlib.locate_file("facexlib/alignment/awing_arch.py")
tree = ast.parse(open(path).read())
wanted = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "calculate_points"]
names = {"np": np}
exec(compile(ast.Module(wanted, []), str(path), "exec"), names)
calculate_points = names["calculate_points"]

heatmaps = np.zeros((1, 2, 64, 64), np.float32)
heatmaps[0, :, 30, 20], heatmaps[0, :, 31, 20] = 1.0, 0.5  # the peak in row 30, and the next best below it
try:
    calculate_points(heatmaps)
    said = ""
except AttributeError as error:
    said = str(error).split(".\n")[0]
print("as it is:", said or "works")
np.float = float
usual = calculate_points(heatmaps)[0, 0].tolist()
heatmaps[0, 1] = 0
heatmaps[0, 1, 63, 10] = 1.0  # the other point lies in the last row
beside = calculate_points(heatmaps)[0, 0].tolist()
print("the first point (x, y):", usual, "and with another point in the last row:", beside)
raise SystemExit(not ("no attribute 'float'" in said and usual[1] == 30.75 and beside[1] != usual[1]))
PYTHON
