"""What a training tells: lines with the time left, a log that follows restarts, TensorBoard, and the report."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from dataclasses import replace

import pytest

from fom_core.errors import WriteError
from fom_core.training import journal
from fom_core.training.checkpoint import Checkpointing, describe_checkpoint, latest_checkpoint
from fom_core.training.journal import LOG, TrainingLog, open_board, read_log
from fom_core.training.loop import train
from fom_core.training.report import curve, write_report
from fom_core.training.settings import TrainConfig


@pytest.fixture
def config(stage) -> TrainConfig:
    return TrainConfig("blob <1>", (replace(stage, steps=3),), perceptual_widths=(4, 8))


def test_a_training_ends_with_a_report_of_curves_figures_and_pictures(config, cache, tmp_path):
    lines: list[str] = []

    train(config, cache, cache, tmp_path, checkpointing=Checkpointing(2), report=lines.append)

    page = (tmp_path / "report.html").read_text()
    assert "Training of blob &lt;1&gt;" in page
    assert page.count("<polyline") >= 5
    for name in ("perceptual", "equivariance_jacobian", "norm_generator", "psnr_db", "Best checkpoint: step"):
        assert name in page
    for step in (2, 3):
        picture = f"1-tiny/sheet-{step:06d}.png"
        assert f'src="{picture}"' in page
        assert (tmp_path / picture).is_file()
    assert any(" s/step, 0:0" in line and line.endswith(" left") for line in lines)
    assert read_log(tmp_path / "1-tiny" / LOG)[0]["step"] == 1
    assert lines[-1].endswith("report.html")


def test_a_checkpoint_tells_what_was_measured(config, cache, tmp_path):
    train(config, cache, cache, tmp_path, checkpointing=Checkpointing(3))

    latest = latest_checkpoint(tmp_path / "1-tiny")

    assert latest is not None
    about = describe_checkpoint(latest)
    assert about["step"] == 3
    assert about["score"] == about["figures"]["l1"] > 0
    assert about["processes"] == 1


def test_without_validation_clips_the_picture_shows_training_pairs(config, cache, tmp_path):
    train(config, cache, None, tmp_path, checkpointing=Checkpointing(3))

    assert (tmp_path / "1-tiny" / "sheet-000003.png").is_file()
    assert "Validation" not in (tmp_path / "report.html").read_text()


def test_going_on_forgets_the_lines_behind_the_checkpoint_and_those_cut_off(stage, tmp_path, new_trainer):
    whole = [json.dumps({"step": step, "minutes": 0.1, "l1": 1.0}) for step in (50, 100, 150)]
    (tmp_path / LOG).write_text("\n".join(whole) + '\n{"step": 200, "minu')
    trainer = new_trainer(stage)
    trainer.step_number = 100

    TrainingLog(trainer, tmp_path, [].append).rewind()

    assert [line["step"] for line in read_log(tmp_path / LOG)] == [50, 100]


def test_a_log_that_cannot_be_written_gives_one_line(stage, tmp_path, new_trainer):
    (tmp_path / LOG).mkdir()
    trainer = new_trainer(stage)
    trainer.step_number, trainer.seconds = 1, 1.0

    with pytest.raises(WriteError, match=r"log\.jsonl"):
        TrainingLog(trainer, tmp_path, [].append).add({"l1": 1.0}, now=True)


def test_without_tensorboard_a_line_says_so_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    journal._tell_of_no_board.cache_clear()

    with caplog.at_level("INFO"):
        assert [open_board(tmp_path, stage) for stage in range(2)] == [None, None]

    assert caplog.text.count("the package tensorboard is missing") == 1


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is an optional package")
def test_tensorboard_gets_curves_and_pictures(config, cache, tmp_path):
    events = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")

    train(config, cache, cache, tmp_path, checkpointing=Checkpointing(3))

    board = events.EventAccumulator(str(tmp_path / "1-tiny" / "tensorboard")).Reload()
    assert {"train/l1", "train/norm_generator", "validation/l1"} <= set(board.Tags()["scalars"])
    assert board.Tags()["images"] == ["sheet"]


def test_a_curve_leaves_out_what_is_no_number():
    drawing = curve("loss", [[(1, 2.0), (2, float("nan")), (3, 1.0)]])

    assert drawing.count(",") == 2
    assert "2 → 1" in drawing
    assert curve("nothing", [[]]) == ""


def test_a_report_of_an_empty_folder_is_a_page(tmp_path):
    assert write_report(tmp_path, "none").read_text().startswith("<!DOCTYPE html>")
