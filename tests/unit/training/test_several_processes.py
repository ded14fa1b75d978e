"""Two processes on the CPU, started by torchrun, against one process with the doubled batch."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fom_core.training.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("train_blob.py")
ROOT = Path(__file__).resolve().parents[3]


def run(processes: int, *arguments: object) -> str:
    """Run the script and return what it printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ["--master-addr", "127.0.0.1", "--master-port", port]
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", processes, *place] if processes > 1 else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = list(map(str, [sys.executable, *torchrun, SCRIPT, *arguments]))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def losses(folder: Path, rank: int = 0) -> list[dict[str, float]]:
    return json.loads((folder / f"losses-{rank}.json").read_text())


@pytest.fixture(scope="module")
def folders(blob_cache, tmp_path_factory) -> tuple[Path, Path]:
    """Three steps of two processes with two pairs each, and five of one process with four."""
    folder = tmp_path_factory.mktemp("processes")
    run(2, blob_cache, folder / "two", 2, 3, 3)
    run(1, blob_cache, folder / "one", 4, 5, 3)
    return folder / "two", folder / "one"


def test_two_processes_learn_like_one_with_the_doubled_batch(folders):
    two, one = folders

    for ours, alone in zip(losses(two), losses(one), strict=False):
        assert ours == pytest.approx(alone, rel=1e-6)
    assert losses(two) == losses(two, rank=1)
    first, second = (torch.load(two / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    alone, _ = load_checkpoint(one / "step-000003")
    for name, value in first.items():
        assert torch.equal(second[name], value), name
        torch.testing.assert_close(alone[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_a_training_of_two_processes_goes_on_in_one(folders, blob_cache, tmp_path):
    two, one = folders
    shutil.copytree(two, tmp_path / "two")

    printed = run(1, blob_cache, tmp_path / "two", 4, 5, 3)

    assert "going on from step 3" in printed
    for ours, alone in zip(losses(tmp_path / "two"), losses(one)[3:], strict=True):
        assert ours == pytest.approx(alone, rel=1e-6)
