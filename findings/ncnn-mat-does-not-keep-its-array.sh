#!/bin/bash
# ncnn 1.0.20261020 for Python: ncnn.Mat(array), as its own first example makes an input, neither copies a numpy array nor
# keeps it alive. What is written into the array afterwards is in the Mat, and when the last name of the array goes, the
# array goes with it while the Mat still points there: an input made in a helper function is read from memory that others
# may have by then. ncnn.Mat(array).clone(), made while the array lives, has memory of its own.
# Exits 0 while that is so. Needs Python 3.10 or newer with venv, on Linux x86-64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q ncnn==1.0.20261020 numpy==2.2.6
"$work/venv/bin/python" - <<'END'
import gc
import sys
import weakref
from importlib.metadata import version

import ncnn
import numpy as np

print("ncnn", version("ncnn"))
array = np.zeros((2, 3), np.float32)
mat = ncnn.Mat(array)
copy = mat.clone()
array[:] = 5
shared, own = np.array(mat).max() == 5, np.array(copy).max() == 0
print("written into the array, seen in the Mat:", shared, "- in a clone:", not own)
alive = weakref.ref(array)
del array
gc.collect()
gone = alive() is None  # and from here on the Mat may not be read
print("the array is gone while the Mat is there:", gone)
sys.exit(not (shared and own and gone))
END
