"""A signal at any line of ours while a result is written: the whole result, or what was there before, and no trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOME, MORE = 199, 31  # one line in so many, primes, so that loops do not hide some

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="stops many copies of a process")


@pytest.mark.parametrize("stride", [SOME, pytest.param(MORE, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "old"), [("a.mp4", 0), ("a.gif", 0), ("a.webp", 0), ("a_%04d.png", 0), ("a_%04d.png", 3), ("a.mp4", 3)]
)
def test_a_result_is_whole_or_as_before_wherever_a_signal_comes(tmp_path, name, old, stride):
    words = ["-m", "tests.reliability.interrupted_writer", name, tmp_path, str(stride), str(old)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, check=True)
    told = json.loads(done.stdout)

    assert told["lines"] > 1000
    assert told["faults"] == {}
