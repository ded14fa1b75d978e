"""``fom compress`` as a user calls it: mistakes in one line, before anything is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fom_core.cli.compress import RECIPES, recipe_path
from fom_core.media import VideoWriter

ROOT = Path(__file__).resolve().parents[2]
SMALL = """
model_params:
  kp_detector_params: {block_expansion: 4, max_features: 8, num_blocks: 1, scale_factor: 0.25, mobile_net: true}
  generator_params:
    {first: 4, down: [8], bottleneck: [8], up: [4], mobile_net: true,
     dense_motion_params: {block_expansion: 4, max_features: 8, num_blocks: 1, scale_factor: 0.25}}
dataset_params: {oversize: 1}
train_params: {batch_size: 1, steps: 1, scales: [1], loss_weights: {perceptual: [1], teacher_value: 1}}
perceptual_widths: [4]
stages: [{name: detector, learns: keypoint_detector}, {name: both, prune: 0.05}]
"""


@pytest.fixture
def data(tmp_path, clip) -> Path:
    folder = tmp_path / "data"
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
        with VideoWriter(folder / split / "blob.mp4", 25) as writer:
            writer.write(clip)
    return folder


def test_recipes_have_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recipe_path("mobile") == RECIPES / "mobile.yaml"
    assert recipe_path("mine.yaml") == Path("mine.yaml")


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ([], 2, "has no dataset_params.root_dir. Give the folder with the clips."),
        (["nowhere"], 1, "The folder of clips nowhere does not exist. Check the path"),
        (["--config", "none.yaml"], 2, "none.yaml does not exist. Check the path; relative"),
        (["-o", "stages.both.pruned=0.5"], 2, "unknown option stages.both.pruned. Did you mean prune?"),
        (["-o", "stages.both.prune=-1"], 2, "stages.both.prune has to be from 0 to 1, found -1"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(fom, tiny_weights, tmp_path, words, status, reason):
    outcome = fom("compress", *words, "--teacher", tiny_weights, "--output", tmp_path / "run")

    assert outcome.status == status
    assert len(outcome.messages) == 1
    assert reason in outcome.messages[0]
    assert not outcome.results


@pytest.mark.parametrize("there", [True, False])
def test_who_stops_it_is_told_that_the_same_command_goes_on(fom, tiny_weights, tmp_path, monkeypatch, there):
    def stopped(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("fom_core.compress.compress.compress_from_folder", stopped)
    run = tmp_path / "run"
    if there:
        run.mkdir()

    outcome = fom("compress", tmp_path, "--teacher", tiny_weights, "--output", run)

    assert outcome.status == 130
    assert outcome.messages == [f"{run} keeps what is done: the same command goes on from there."] * there + [
        "Stopped."
    ]


def test_a_teacher_that_is_no_model_is_one_line(fom, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    outcome = fom("compress", tmp_path, "--teacher", tmp_path / "bad.safetensors", "--output", tmp_path / "run")
    assert outcome.status == 1
    assert len(outcome.messages) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_two_processes_compress_together(tiny_weights, data, tmp_path):
    recipe = tmp_path / "small.yaml"
    recipe.write_text(SMALL)
    words = ["compress", data, "--teacher", tiny_weights, "--config", recipe, "--output", tmp_path / "run"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "fom_core"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = list(map(str, [sys.executable, *torchrun, *words]))

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| teacher |") == 1
    assert done.stdout.splitlines()[-1] == str(tmp_path / "run" / "report.md")
    assert (tmp_path / "run" / "small-int8.safetensors").is_file()
