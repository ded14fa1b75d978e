"""Models under OpenVINO come and go, and what else the process does goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OPEN = """
import signal, sys, threading
from pathlib import Path
import torch
from fom_core.backends import open_exported

def opened():
    model = open_exported(Path(sys.argv[1]), "openvino")
    model.detect_keypoints(torch.rand(1, 3, *model.config.image_size))
    return model
"""
FIRST_GOES_FIRST = "models = [opened(), opened()]\nmodels.pop(0)\nmodels.pop(0)\n"
ELSEWHERE = "models = [opened()]\nthread = threading.Thread(target=models.clear)\nthread.start()\nthread.join()\n"
INTERRUPTED = """
try:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("goes", [FIRST_GOES_FIRST, ELSEWHERE], ids=["first goes first", "goes in another thread"])
def test_a_signal_after_models_have_gone_is_heard(exported, goes):
    pytest.importorskip("openvino", reason="needs the extra openvino")
    done = subprocess.run(
        [sys.executable, "-c", OPEN + goes + INTERRUPTED, str(exported)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")
