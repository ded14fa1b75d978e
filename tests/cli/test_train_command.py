"""``fom train`` as a user calls it: names of configurations, overrides, mistakes in one line, a model at the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fom_core.cli import main
from fom_core.cli.train import config_path
from fom_core.files.paths import CONFIGS
from fom_core.media import VideoWriter, write_picture
from tests.tiny_training import NETWORKS

ROOT = Path(__file__).resolve().parents[2]
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


def test_a_training_that_is_refused_leaves_no_note_of_its_clips(tmp_path, clip, capsys):
    for split in ("train", "test"):
        (tmp_path / "data" / split).mkdir(parents=True)
    with VideoWriter(tmp_path / "data" / "train" / "blob.mp4", 25) as writer:
        writer.write(clip)
    config, run = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(TINY, encoding="utf-8")
    words = [*map(str, ["train", tmp_path / "data", "--config", config, "--output", run])]
    words += ["-o", "train.num_epochs=2", "-o", "train_params.num_repeats=2"]

    assert main(words) == 1
    assert "test holds no clips and is empty" in capsys.readouterr().err
    assert not run.exists()

    (tmp_path / "data" / "test").rmdir()
    assert main(words) == 0
    assert [fact["file"] for fact in json.loads((run / "trained_on.json").read_text())] == ["blob.mp4"]


@pytest.mark.parametrize("words", [["nofolder"], ["photos"]])
def test_what_there_is_to_learn_from_is_looked_at_first(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    write_picture(tmp_path / "photos" / "a.png", np.zeros((8, 8, 3), np.uint8))

    assert main(["train", *words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "does not exist" in line or "in photographs nothing moves" in line


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--config", "vox-256", "-o", "train_params.batch_sice=4"], "Did you mean batch_size?"),
        (["--config", "none.yaml"], "none.yaml does not exist. Check the path; relative"),
        (["--config", "nope"], "No configuration is called nope. There are bair-256, fashion-256, "),
        (["--config", "vox-256"], "has no dataset_params.root_dir. Give the folder with the clips."),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, capsys, words, reason):
    assert main(["train", *words, "--output", str(tmp_path / "run")]) == 2

    told = capsys.readouterr().err.strip()
    assert reason in told
    assert "\n" not in told
    assert not np.any([path.is_dir() for path in tmp_path.iterdir()])


STAGED = (
    NETWORKS
    + """
train_params:
  batch_size: 2
  scales: [1]
  loss_weights: {perceptual: [1], mouth: 2}
perceptual_widths: [4]
stages:
  - {name: only, steps: 2}
"""
)


@pytest.fixture
def training(tmp_path, clip, monkeypatch) -> list[object]:
    """A training of two steps in one stage, which wants to know where mouths are; nothing here tells."""
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "weights"))
    (tmp_path / "data").mkdir()
    with VideoWriter(tmp_path / "data" / "blob.mp4", 25) as writer:
        writer.write(clip)
    config = tmp_path / "tiny.yaml"
    config.write_text(STAGED, encoding="utf-8")
    return ["train", tmp_path / "data", "--config", config, "--output", tmp_path / "run"]


def test_a_training_says_what_it_lacks_and_what_it_is_about_to_do(fom, training):
    outcome = fom(*training)

    assert outcome.status == 0
    told = "\n".join(outcome.messages)
    assert "fom weights download yunet" in told
    assert "In a VGG's, as the authors do: --vgg vgg19." in told
    assert "only: 2 steps of 2 pairs, 32x32 pixels, on cpu" in told


def test_a_second_call_says_which_stages_are_done_and_what_is_in_vain(fom, training, tmp_path):
    fom(*training)
    begun = shutil.copy(tmp_path / "run" / "tiny.safetensors", tmp_path / "begun.safetensors")
    outcome = fom(*training, "--init_from", begun)

    assert outcome.status == 0
    assert "only: done before, up to step 2" in outcome.messages
    assert any("The given weights have no effect" in line for line in outcome.messages)


def test_a_checkpoint_s_folder_in_the_place_of_a_model_names_the_file_in_it(fom, training, tmp_path):
    fom(*training)
    folder = tmp_path / "run" / "1-only" / "step-000002"
    outcome = fom("evaluate", tmp_path / "data", "--model", folder, "--output", tmp_path / "figures", "--cpu")

    assert outcome.status == 1
    assert outcome.messages[-1].endswith(f"is a folder. Give the model in it: {folder / 'weights.safetensors'}.")


def test_going_on_with_other_clips_is_told(fom, training, tmp_path, clip):
    fom(*training)
    again = fom(*training)
    with VideoWriter(tmp_path / "data" / "more.mp4", 25) as writer:
        writer.write(clip)
    other = fom(*training)

    assert not any("begun with other clips" in line for line in again.messages)
    assert any("was begun with other clips: of these 2 it knows 1, and 0 that" in line for line in other.messages)


def test_an_evaluation_of_the_training_s_own_clips_says_so_aloud(fom, training, tmp_path):
    fom(*training)
    words = ["evaluate", tmp_path / "data", "--output", tmp_path / "figures", "--frames", 2, "--cpu"]
    own = fom(*words, "--model", tmp_path / "run" / "tiny.safetensors")
    others = fom(*words, "--model", "mini", "--batch_size", 4)

    assert own.status == others.status == 0
    assert any(line.startswith("warning: 1 of these 1 clips are what the model learnt from") for line in own.messages)
    assert any("has no folder val or test" in line for line in own.messages)
    assert not any("learnt from" in line for line in others.messages)
    assert "warning: --batch_size has no effect: clips are looked at as a whole." in others.messages


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--config", "mini", "-o", "dataset_params.frame_shape=[48,48,3]"], "says 48x48, and the stages say 64x64"),
        (["--config", "vox-256", "-o", "dataset_params.frame_shape=[48,48,3]"], "multiples of 128, such as 128"),
        (["--config", "vox-256", "--device", "cuda:77"], "This machine has no device 'cuda:77'"),
    ],
)
def test_sizes_and_devices_that_cannot_be_say_what_can(fom, training, tmp_path, words, reason):
    outcome = fom("train", tmp_path / "data", *words, "--output", tmp_path / "run")

    assert outcome.status == 2
    assert reason in outcome.messages[-1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as a terminal does")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_a_training_and_its_readers_leaves_a_checkpoint_and_no_process(tmp_path, clip, number, status):
    (tmp_path / "data").mkdir()
    with VideoWriter(tmp_path / "data" / "blob.mp4", 25) as writer:
        writer.write(clip)
    (tmp_path / "tiny.yaml").write_text(TINY.replace("num_workers: 0", "num_workers: 2"), encoding="utf-8")
    words = ["train", tmp_path / "data", "--config", tmp_path / "tiny.yaml", "--output", tmp_path / "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fom_core", *map(str, words), "-o", "train_params.num_repeats=100000"],
        cwd=ROOT, text=True, start_new_session=True, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - ignored in the background
    )  # fmt: skip
    assert process.stderr is not None
    while "steps/s" not in (line := process.stderr.readline()):
        assert line, "it ended"

    os.killpg(process.pid, number)
    messages = process.communicate(timeout=60)[1].splitlines()

    assert process.returncode == status
    assert any("is kept; the same command goes on from it, and " in line for line in messages)
    assert messages[-1] == ("Stopped." if number == signal.SIGINT else "Terminated.")
    assert "Traceback" not in "\n".join(messages)
    assert len(list((tmp_path / "run" / "1-tiny").glob("step-*"))) == 1
    with pytest.raises(ProcessLookupError):  # nobody is left in its session
        os.killpg(process.pid, 0)
