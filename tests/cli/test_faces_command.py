import json
from pathlib import Path

import numpy as np
import pytest

from fom_core.cli import main
from fom_core.media.pictures import read_picture, write_picture

INPUTS = Path(__file__).resolve().parents[2] / "workflows" / "inputs"


@pytest.fixture
def group() -> Path:
    """A wall with three prints of a portrait, 960x540."""
    return INPUTS / "fom_group.jpg"


def test_faces_are_written_as_json_left_to_right(group, tmp_path):
    assert main(["faces", str(group), "--json", str(tmp_path / "faces.json"), "--face-detector", "embedded"]) == 0
    result = json.loads((tmp_path / "faces.json").read_text())
    assert (result["width"], result["height"]) == (960, 540)
    assert [face["id"] for face in result["faces"]] == [0, 1, 2]
    lefts = [face["box"][0] for face in result["faces"]]
    assert lefts == sorted(lefts)
    for face in result["faces"]:
        assert set(face) == {"id", "box", "crop", "score", "roll"} and face["roll"] == 0
        (x0, y0, x1, y1), crop = face["box"], face["crop"]
        assert 0 < x1 - x0 < crop[2] - crop[0] and 0 < y1 - y0 < crop[3] - crop[1] and 0 < face["score"] <= 1


def test_a_head_on_its_side_is_told_with_its_roll(tmp_path, capsys):
    write_picture(tmp_path / "lying.png", np.rot90(read_picture(INPUTS / "fom_portrait.jpg")))
    assert main(["faces", str(tmp_path / "lying.png"), "--face_detector", "embedded"]) == 0
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    assert abs(face["roll"] + 90) < 10  # counter-clockwise


def test_the_output_is_the_picture_with_boxes_drawn_in(group, tmp_path):
    assert main(["faces", str(group), "--output", str(tmp_path / "boxes.png"), "--face_detector", "embedded"]) == 0
    drawn, source = read_picture(tmp_path / "boxes.png"), read_picture(group)
    changed = (drawn != source).any(axis=2)
    assert drawn.shape == source.shape and 0.005 < changed.mean() < 0.2


def test_files_that_are_written_are_named(group, tmp_path, capsys):
    files = [str(tmp_path / "faces.json"), str(tmp_path / "boxes.png")]
    assert main(["faces", str(group), "--json", files[0], "--output", files[1], "--face_detector", "embedded"]) == 0
    assert capsys.readouterr().out.splitlines() == files


def test_without_a_file_the_json_goes_to_stdout_alone(group, capsys):
    assert main(["faces", str(group), "--face_detector", "embedded", "--crop", "paddlegan"]) == 0
    assert len(json.loads(capsys.readouterr().out)["faces"]) == 3


def test_a_picture_without_a_face_gives_an_empty_list_and_a_word_on_stderr(tmp_path, capsys):
    write_picture(tmp_path / "wall.png", np.full((120, 160, 3), 90, np.uint8))
    assert main(["faces", str(tmp_path / "wall.png"), "--face_detector", "embedded"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"width": 160, "height": 120, "faces": []}
    assert "No face found" in captured.err and captured.err.count("\n") == 1


def test_missing_weights_end_with_one_line_and_no_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "models"))
    write_picture(tmp_path / "wall.png", np.full((120, 160, 3), 90, np.uint8))
    result = tmp_path / "faces.json"
    assert main(["faces", str(tmp_path / "wall.png"), "--face_detector", "sfd", "--json", str(result)]) == 1
    message = capsys.readouterr().err
    assert "fom weights download s3fd" in message and message.count("\n") == 1
    assert not result.exists()


def test_a_missing_picture_ends_with_status_one(tmp_path, capsys):
    assert main(["faces", str(tmp_path / "none.png")]) == 1
    assert "none.png" in capsys.readouterr().err


def test_the_faces_of_a_video_are_numbered_as_they_are_followed(sound_clip, tmp_path, two_faces):
    files = [str(tmp_path / "faces.json"), str(tmp_path / "boxes.png")]
    assert main(["faces", str(sound_clip), "--json", files[0], "--output", files[1]]) == 0
    found = json.loads(Path(files[0]).read_text())
    assert (found["width"], found["height"], found["frames"], found["drawn"]) == (96, 64, 60, 0)
    assert [face["id"] for face in found["faces"]] == [0, 1]
    assert all(face["frames"] == [[0, 59]] for face in found["faces"])
    assert read_picture(files[1]).shape == (64, 96, 3)


def test_a_dash_is_stdout(group, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["faces", str(group), "--json", "-", "--face_detector", "embedded"]) == 0
    assert len(json.loads(capsys.readouterr().out)["faces"]) == 3
    assert not list(tmp_path.iterdir())
