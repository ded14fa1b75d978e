"""A model's file tells which clips it has learnt from, wherever it lies."""

import json
import shutil
from pathlib import Path

import pytest

from fom_core.training.data.clips import ClipEntry, find_entries
from fom_core.training.data.seen import SEEN, note_seen, seen_before, seen_header
from fom_core.weights.load import convert, save_model
from fom_core.weights.read import told_by_header


@pytest.fixture
def clips(tmp_path: Path) -> list[ClipEntry]:
    for name in ("anna_1", "anna_2", "bert_1"):
        path = tmp_path / "data" / "val" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 9)
    (tmp_path / "data" / "index.csv").write_text(
        "file,kind,split,identity\n"
        + "".join(f"val/{name}.mp4,video,val,{name[:4]}\n" for name in ("anna_1", "anna_2", "bert_1"))
    )
    return find_entries(tmp_path / "data", "val")


@pytest.fixture
def trained(tiny_model, clips, tmp_path) -> Path:
    """A model of a training with the first clip, in the folder of that training."""
    run = tmp_path / "run"
    run.mkdir()
    note_seen(run, clips[:1])
    return save_model(tiny_model, run / "tiny.safetensors", about=seen_header(run))


def test_clips_and_people_of_the_training_are_known_again(trained, clips):
    assert seen_before(trained, clips) == (1, 1)  # anna_1; and anna_2, who is the same person


@pytest.mark.parametrize("how", ["moved", "half", "int8"])
def test_a_model_that_was_moved_or_converted_still_tells(trained, clips, tmp_path, how):
    elsewhere = tmp_path / "elsewhere" / "deep" / "down" / "tiny.safetensors"
    elsewhere.parent.mkdir(parents=True)
    if how == "moved":
        shutil.move(trained, elsewhere)
    else:
        convert(trained, elsewhere, half=how == "half", int8=how == "int8")
    assert seen_before(elsewhere, clips) == (1, 1)


def test_clips_of_a_training_that_never_learnt_are_forgotten(clips, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    note_seen(run, clips[:2])  # and no model came of it
    note_seen(run, clips[2:])

    assert [fact["file"] for fact in json.loads((run / SEEN).read_text())] == ["bert_1.mp4"]


def test_clips_of_earlier_trainings_stay_where_a_model_is(trained, clips):
    note_seen(trained.parent, clips[2:])

    names = [fact["file"] for fact in json.loads((trained.parent / SEEN).read_text())]
    assert names == ["anna_1.mp4", "bert_1.mp4"]


def test_the_file_tells_no_names(trained):
    assert "anna" not in told_by_header(trained)["fom.trained_on"]


def test_a_model_from_before_tells_by_the_file_beside_it(tiny_model, trained, clips):
    assert seen_before(save_model(tiny_model, trained), clips) == (1, 1)


def test_a_model_from_elsewhere_tells_nothing(tiny_model, clips, tmp_path):
    path = tmp_path / "far" / "away" / "off" / "a.safetensors"
    assert seen_before(save_model(tiny_model, path), clips) == (0, 0)
    assert seen_before(tmp_path / "far" / "away" / "off" / "none.pth.tar", clips) == (0, 0)


@pytest.mark.parametrize(
    "odd",
    [3, {"file": "a"}, [[1]], [None], [{"file": ["a"], "bytes": {}}], [{"file": "a", "bytes": 1, "identity": ["x"]}]],
)
def test_a_note_of_odd_values_is_passed_over(tiny_model, clips, tmp_path, odd):
    run = tmp_path / "run"
    run.mkdir()
    (run / SEEN).write_text(json.dumps(odd))
    assert seen_before(save_model(tiny_model, run / "a.safetensors"), clips) == (0, 0)
    note_seen(run, clips)
    assert seen_before(run / "a.safetensors", clips) == (3, 0)
