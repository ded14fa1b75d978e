"""A training that is killed again and again ends like one that is left alone, to the last bit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("train_blob.py")
ROOT = Path(__file__).resolve().parents[3]
STEPS, EVERY = 12, 2


def start(cache: Path, output: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    arguments = [str(cache), str(output), "2", str(STEPS), str(EVERY)]
    return subprocess.Popen([sys.executable, str(SCRIPT), *arguments], env=environment, stdout=subprocess.DEVNULL)


def wait_for_writing(process: subprocess.Popen[bytes], output: Path, seen: set[str]) -> None:
    """Until a checkpoint that was not there before is begun, whole or not."""
    while process.poll() is None and not {path.name for path in output.glob("step-*")} - seen:
        time.sleep(0.001)


@pytest.mark.slow
def test_killed_trainings_end_bit_identical_to_an_undisturbed_one(blob_cache, tmp_path):
    assert start(blob_cache, tmp_path / "whole").wait(timeout=600) == 0
    dice, output, kills = random.Random(0), tmp_path / "killed", 0

    for _ in range(3):
        seen = {path.name for path in output.glob("step-*")}
        process = start(blob_cache, output)
        wait_for_writing(process, output, seen)
        time.sleep(dice.uniform(0, 0.05))  # in the middle of writing, or soon after
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert start(blob_cache, output).wait(timeout=600) == 0

    assert kills >= 2
    whole, killed = (torch.load(f / "weights-0.pt", weights_only=True) for f in (tmp_path / "whole", output))
    for name, value in whole.items():
        assert torch.equal(killed[name], value), name
    logs = [(f / "log.jsonl").read_text().splitlines() for f in (tmp_path / "whole", output)]
    assert [without_time(line) for line in logs[0]] == [without_time(line) for line in logs[1]]


def without_time(line: str) -> dict[str, float]:
    return {name: value for name, value in json.loads(line).items() if name != "minutes"}
