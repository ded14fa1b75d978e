"""``fom evaluate --looks`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fom_core.media import read_picture, write_picture


@pytest.fixture
def words(two_faces, picture_file, clip_file, tiny_weights, tmp_path) -> list[object]:
    """A whole command."""
    model = ["--model", tiny_weights, "--device", "cpu", "--image_size", 64]
    given = ["--source-image", picture_file, "--driving-video", clip_file]
    return ["evaluate", "--looks", *given, *model, "--output", tmp_path / "out"]


def test_looks_print_a_table_and_leave_it_with_a_sheet(fom, words, tmp_path):
    done = fom(*words, "--frames", 2)

    assert done.status == 0
    rows = [line for line in done.results if line.startswith("| ")]
    assert "ghost" in rows[0]
    assert [row.split("|")[2].strip() for row in rows[2:]] == ["picture.png", "mean"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"looks.json", "looks.png"}


def test_looks_take_the_short_names_and_a_part_and_speak_of_no_still_driver(fom, words, picture_file, clip_file):
    own = words.index("--source-image")
    words[own : own + 4] = ["-s", picture_file, "-d", clip_file, "--duration", "0.2"]

    done = fom(*words, "--frames", 1)

    assert done.status == 0
    assert not [line for line in done.messages if "still picture" in line]


def test_a_part_of_a_driver_is_for_looks_alone(fom, tmp_path):
    done = fom("evaluate", tmp_path, "--duration", "1")

    assert done.status == 2
    assert "--start and --duration are for --looks" in done.messages[-1]


def test_every_source_is_moved_by_every_driver(fom, words, picture_file, clip_file, tmp_path):
    other = tmp_path / "other.png"
    write_picture(other, read_picture(picture_file)[::-1])

    done = fom(*words, "--source-image", picture_file, other, "--driving-video", clip_file, clip_file)

    assert done.status == 0
    told = json.loads((tmp_path / "out" / "looks.json").read_text())
    assert [run["picture"] for run in told["runs"]] == ["picture.png", "picture.png", "other.png", "other.png"]


def test_the_most_prominent_face_is_measured(fom, words, tmp_path):
    fom(*words, "--frames", 1)

    (run,) = json.loads((tmp_path / "out" / "looks.json").read_text())["runs"]
    x0, y0, x1, y1 = run["crop"]
    assert (x0 + x1) / 2 == pytest.approx(57.5, abs=1)
    assert y0 < 32.5 < y1


def test_models_that_are_not_for_faces_move_the_whole_picture(fom, words, tmp_path, monkeypatch):
    monkeypatch.setattr("fom_core.cli.common.wants_faces", lambda *_: False)

    done = fom(*words, "--frames", 1)

    assert done.status == 0
    (run,) = json.loads((tmp_path / "out" / "looks.json").read_text())["runs"]
    assert run["crop"] == [0, 0, 90, 70]


@pytest.mark.parametrize(
    ("without", "added", "said"),
    [
        ("--source-image", [], "--source_image"),
        ("--driving-video", [], "--driving_video"),
        ("--looks", [], "--looks"),
        (None, ["--pairs", "pairs.csv"], "--pairs"),
        (None, ["--all-frames"], "--all_frames"),
    ],
)
def test_options_that_contradict_one_another_are_refused_in_one_line(fom, words, without, added, said):
    if without is not None:
        place = words.index(without)
        del words[place : place + (1 if without == "--looks" else 2)]

    done = fom(*words, *added)

    assert done.status == 2
    assert len(done.messages) == 1
    assert said in done.messages[0]


def test_clips_are_asked_for_where_nothing_is_given(fom):
    done = fom("evaluate")

    assert done.status == 2
    assert "folder of clips" in done.messages[-1]


def test_an_input_is_not_replaced_by_the_sheet(fom, words, picture_file, tmp_path):
    source = Path(tmp_path / "out" / "looks.png")
    write_picture(source, read_picture(picture_file))
    before = source.read_bytes()

    done = fom(*words, "--source-image", source)

    assert done.status == 2
    assert "replace the input" in done.messages[-1]
    assert source.read_bytes() == before
