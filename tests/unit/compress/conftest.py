"""A tiny teacher, a data set of one clip in files, and a compression in a few steps."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fom_core.compress.cost import frame_ms
from fom_core.media import VideoWriter
from fom_core.weights.load import save_model

RECIPE = """
model_params:
  kp_detector_params: {block_expansion: 8, max_features: 16, num_blocks: 1, scale_factor: 0.25, mobile_net: true}
  generator_params:
    first: 8
    down: [24]
    bottleneck: [48]
    up: [8]
    dense_motion_params: {block_expansion: 12, max_features: 24, num_blocks: 1, scale_factor: 0.25}
    mobile_net: true
dataset_params: {oversize: 1.0}
train_params:
  batch_size: 2
  steps: 2
  scales: [1]
  warm_up: 0
  still_share: 0
  loss_weights: {perceptual: [1], l1: 10, teacher_value: 10, teacher_jacobian: 1, teacher_motion: 1, teacher_picture: 1}
perceptual_widths: [4]
stages:
  - {name: detector, learns: keypoint_detector}
  - {name: generator, learns: generator}
  - {name: both}
  - {name: pruned, prune: 0.2}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def clips(clip: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wandering blob as training and test clip."""
    folder = tmp_path_factory.mktemp("clips")
    for split in ("train", "test"):
        (folder / split).mkdir()
        with VideoWriter(folder / split / "blob.mp4", 25) as writer:
            writer.write(clip)
    return folder


@pytest.fixture(scope="session")
def teacher_file(tiny_model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tiny_model, tmp_path_factory.mktemp("teacher") / "tiny.safetensors")


@pytest.fixture(autouse=True)
def few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importance from two batches, and times of one: what is chosen and how long it takes do not matter here."""
    monkeypatch.setattr("fom_core.compress.compress.PRUNING_BATCHES", 2)
    monkeypatch.setattr("fom_core.compress.compress.REFIT_PAIRS", 2)
    monkeypatch.setattr("fom_core.compress.report.frame_ms", partial(frame_ms, batch=1, repeats=1))
