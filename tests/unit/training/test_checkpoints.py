"""Checkpoints are whole or not there: after a death at any moment, on a full disk, beside damaged ones."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fom_core.errors import MediaError, UnsupportedModel, WriteError
from fom_core.files import leftovers
from fom_core.training import checkpoint
from fom_core.training.checkpoint import best_checkpoint, latest_checkpoint, load_latest, save_checkpoint
from fom_core.training.data.clips import Pack
from fom_core.training.data.feed import open_feed
from fom_core.training.data.frame_cache import FrameCache
from fom_core.training.loop import resume, train_stage


def save(folder: Path, step: int, **options) -> None:
    save_checkpoint(folder, step, {"a": torch.full((3,), float(step))}, {"step": step}, **options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_ones_and_the_best_one_stay_and_unfinished_ones_do_not_count(tmp_path):
    for step, score in ((1, 0.3), (2, 0.1), (3, 0.2), (4, 0.4), (1_000_000, 0.3)):
        save(tmp_path, step, about={"score": score}, keep=2)
    (tmp_path / "step-2000000.part").mkdir()

    assert latest_checkpoint(tmp_path) == tmp_path / "step-1000000"
    assert best_checkpoint(tmp_path) == tmp_path / "step-000002"
    assert names(tmp_path) == ["step-000002", "step-000004", "step-1000000", "step-2000000.part"]


def test_what_was_saved_comes_back(tmp_path):
    save(tmp_path, 7)

    loaded = load_latest(tmp_path)

    assert loaded is not None
    assert loaded[0]["a"].tolist() == [7, 7, 7]
    assert loaded[1] == {"step": 7}


class Death(BaseException):
    """Nothing after it is done, as after SIGKILL."""


def test_a_death_at_any_moment_leaves_a_whole_checkpoint(tmp_path, monkeypatch):
    """Every call that touches the disk is in turn the last one that is made."""
    done = 0
    last = -1

    def counted(function):
        def call(*args, **options):
            nonlocal done
            if done == last:
                raise Death
            done += 1
            return function(*args, **options)

        return call

    for owner, name in ((checkpoint, "save_file"), (checkpoint, "_settle"), (torch, "save"), (Path, "replace")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    for owner, name in ((Path, "rename"), (Path, "mkdir"), (Path, "write_text"), (checkpoint.shutil, "rmtree")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    deaths = 0
    for moment in range(100):
        folder, done, last = tmp_path / str(moment), 0, -1
        folder.mkdir()
        for step in (1, 2):
            save(folder, step, keep=1)
        done, last = 0, moment
        try:
            save(folder, 3, keep=1)
        except Death:
            deaths += 1
        else:
            break
        finally:
            last = -1
        with monkeypatch.context() as later:
            later.setattr(leftovers, "is_abandoned", lambda path: True)  # the process is gone
            loaded = load_latest(folder)
        assert loaded is not None
        assert loaded[1]["step"] in (2, 3)
        assert loaded[0]["a"].tolist() == [loaded[1]["step"]] * 3
        assert all(name.startswith("step-") for name in names(folder))
    assert deaths > 8


def test_a_damaged_checkpoint_is_reported_and_passed_over(tmp_path, caplog):
    save(tmp_path, 1)
    save(tmp_path, 2)
    (tmp_path / "step-000002" / "weights.safetensors").write_bytes(b"half")

    loaded = load_latest(tmp_path)

    assert loaded is not None
    assert loaded[1] == {"step": 1}
    assert "step-000002 is damaged" in caplog.text


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs the rights for it")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="mounts as Linux does")
@pytest.mark.parametrize("heavy", ["weights", "state"])
def test_a_full_disk_gives_one_line_and_leaves_the_last_checkpoint_whole(small_disk, heavy):
    save(small_disk, 1)
    large, small = {"a": torch.zeros(300_000)}, {"a": torch.zeros(1)}
    weights, state = (large, small) if heavy == "weights" else (small, large)

    with pytest.raises(WriteError, match=r"step-000002.*[Nn]o space left.*last whole one is step-000001") as caught:
        save_checkpoint(small_disk, 2, weights, state)

    assert "\n" not in str(caught.value)
    assert names(small_disk) == ["step-000001"]
    assert load_latest(small_disk) is not None


def test_a_disk_that_is_full_before_the_first_checkpoint_says_so(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch, "save", full)

    with pytest.raises(WriteError, match="No space left on device; no earlier one exists"):
        save(tmp_path, 1)

    assert names(tmp_path) == []


def test_a_checkpoint_of_another_training_is_told(tmp_path, cache, stage, new_trainer):
    save(tmp_path, 1)
    trainer = new_trainer(stage)

    with pytest.raises(UnsupportedModel, match="is none of this training") as error:
        resume(trainer, open_feed(cache, stage, seed=0), tmp_path)

    assert "\n" not in str(error.value)
    assert "Error(" not in str(error.value)


def test_a_checkpoint_of_another_configuration_says_of_which(tmp_path, cache, stage, new_trainer):
    deeper = replace(stage.model, generator=replace(stage.model.generator, bottleneck=(16, 16, 16)))
    trained, other = new_trainer(replace(stage, steps=1)), new_trainer(replace(stage, model=deeper))
    train_stage(trained, open_feed(cache, stage, seed=0), None, tmp_path, configuration="mine")

    with pytest.raises(UnsupportedModel, match="made with the configuration 'mine', and this one is 'yours'"):
        resume(other, open_feed(cache, stage, seed=0), tmp_path, "yours")
    with pytest.raises(UnsupportedModel, match="built otherwise, by another --config or other options"):
        resume(other, open_feed(cache, stage, seed=0), tmp_path, "mine")


@pytest.mark.parametrize("name", ["frames.npy", "landmarks.npy", "clips.json"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\0\x10\0{'descr': '|u1'\n", b"PK\x03\x04", b"[{}]", b"[]"])
def test_a_damaged_cache_of_frames_is_told(tmp_path, cache, name, content):
    shutil.copytree(cache.folder, tmp_path / "cache")
    (tmp_path / "cache" / name).write_bytes(content)

    with pytest.raises(MediaError, match="Remove its folder; it is made anew"):
        FrameCache(tmp_path / "cache")


def test_a_pack_that_claims_endless_frames_is_removed(tmp_path):
    (tmp_path / "a.pack").write_bytes(b"\xff" * 64)

    with pytest.raises(MediaError, match="was damaged and is removed"):
        Pack.open(tmp_path / "a.pack")

    assert not (tmp_path / "a.pack").exists()
