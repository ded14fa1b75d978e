"""``fom train`` as a user calls it: names of configurations, overrides, mistakes in one line, a model at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fom_core.cli import main
from fom_core.cli.train import config_path
from fom_core.files.paths import CONFIGS
from fom_core.media import VideoWriter
from tests.tiny_training import NETWORKS

TINY = (
    NETWORKS
    + """
train_params:
  num_epochs: 100
  batch_size: 2
  scales: [1]
  loss_weights: {perceptual: [1]}
perceptual_widths: [4]
"""
)


def test_configurations_have_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_path("vox-256") == CONFIGS / "vox-256.yaml"
    assert config_path("mine.yaml") == Path("mine.yaml")


def test_a_small_training_ends_with_a_model(tmp_path, clip, capsys):
    for split in ("train", "test"):
        (tmp_path / "data" / split).mkdir(parents=True)
        with VideoWriter(tmp_path / "data" / split / "blob.mp4", 25) as writer:
            writer.write(clip)
    config = tmp_path / "tiny.yaml"
    config.write_text(TINY, encoding="utf-8")

    words = ["train", tmp_path / "data", "--config", config, "--output", tmp_path / "run"]
    status = main([*map(str, words), "-o", "train.num_epochs=2", "-o", "train_params.num_repeats=2"])

    assert status == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "run" / "tiny.safetensors")
    assert (tmp_path / "run" / "1-tiny" / "step-000002").is_dir()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--config", "vox-256", "-o", "train_params.batch_sice=4"], "Did you mean batch_size?"),
        (["--config", "none.yaml"], "none.yaml cannot be read: No such file or directory"),
        (["--config", "vox-256"], "has no dataset_params.root_dir. Give the folder with the clips."),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, capsys, words, reason):
    assert main(["train", *words, "--output", str(tmp_path / "run")]) == 2

    told = capsys.readouterr().err.strip()
    assert reason in told
    assert "\n" not in told
    assert not np.any([path.is_dir() for path in tmp_path.iterdir()])
