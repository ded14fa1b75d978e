#!/bin/bash
# F.interpolate without a mode takes the "nearest" pixel, which for PyTorch is the first of those that fall together: shrunk
# to a quarter, pixels 0, 4, 8. litert-torch 0.10 converts it so that it takes those in the middle, 2, 6, 10, and says
# nothing: what is shrunk lies up to half of the factor aside. Enlarged by whole numbers it is right, by others not. First
# Order Motion's own code shrinks so before it looks for keypoints and flow. Also, where a factor does not give a whole size,
# as 0.4 of 16, bilinear shrinking goes by the factor in PyTorch, by the sizes in what is converted.
# ComfyUI-FOM's networks shrink by a strided convolution (AntiAliasDownsample), alike in all runtimes.
# Exits 0 while that is so. Needs Python 3.11 to 3.13 with venv, on Linux x86-64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check litert-torch==0.10.0 torch==2.13.0 2>/dev/null
cd "$work"
cat >try.py <<'PYTHON'
import contextlib
import sys
from importlib.metadata import version

import litert_torch
import numpy as np
import torch
import torch.nn.functional as F


class Resized(torch.nn.Module):
    def __init__(self, **options: object) -> None:
        super().__init__()
        self.options = options

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return F.interpolate(picture, **self.options)


picture = torch.arange(16, dtype=torch.float32).expand(1, 3, 16, 16).contiguous()  # each column holds its number
apart = {}
print("litert-torch", version("litert-torch"), "torch", torch.__version__)
for options in (
    {"scale_factor": 2.0},
    {"scale_factor": 0.25},
    {"size": (16, 24)},
    {"scale_factor": 0.25, "mode": "bilinear"},
    {"scale_factor": 0.4, "mode": "bilinear"},
):
    module = Resized(**options).eval()
    wanted = module(picture).numpy()
    with contextlib.redirect_stdout(sys.stderr):  # progress
        found = np.asarray(litert_torch.convert(module, (picture,))(picture))
    assert found.shape == wanted.shape
    apart[str(options)] = float(np.abs(found - wanted).max())
    print(options, "\n  PyTorch:", *wanted[0, 0, 3, :12].round(2), "\n  LiteRT: ", *found[0, 0, 3, :12].round(2))
sys.exit([difference > 0.1 for difference in apart.values()] != [False, True, True, False, True])
PYTHON
"$work/venv/bin/python" try.py 2>try.txt || { status=$?; tail -5 try.txt; exit $status; }
