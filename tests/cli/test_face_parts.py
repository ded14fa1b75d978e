"""Points of faces and parts of heads on the command line, by stand-ins for the networks."""

import json
from pathlib import Path

import numpy as np
import pytest

from fom_core.cli import main
from fom_core.media.pictures import read_picture

INPUTS = Path(__file__).resolve().parents[2] / "workflows" / "inputs"
PORTRAIT = INPUTS / "fom_portrait.jpg"


class Diagonal:
    """98 points along the diagonal of the view."""

    def __call__(self, view):
        return np.linspace((0, 0), view.shape[1::-1], 98)


class LeftHalf:
    """A parser that sees skin in the left half of the view and clothes in the right one."""

    def __call__(self, view):
        labels = np.full((512, 512), 18, np.uint8)
        labels[:, :256] = 1
        return labels


@pytest.fixture
def networks(monkeypatch):
    monkeypatch.setattr("fom_core.faces.detect.load_points", lambda **_: Diagonal())
    monkeypatch.setattr("fom_core.cli.face_parts.load_parser", lambda *_, **__: LeftHalf())


def faces_of(*options: str) -> int:
    return main(["faces", str(PORTRAIT), "--face_detector", "embedded", *options])


@pytest.mark.parametrize(("options", "count"), [(["--landmarks"], 68), (["--landmarks", "98"], 98)])
def test_points_are_told_in_pixels_of_the_picture(networks, capsys, options, count):
    assert faces_of(*options) == 0
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    assert len(face["landmarks"]) == count
    np.testing.assert_allclose(face["landmarks"][0], face["box"][:2], atol=0.51)


def test_parts_are_told_drawn_and_kept(networks, tmp_path, capsys):
    files = [str(tmp_path / name) for name in ("faces.json", "drawn.png", "parts.png")]
    assert faces_of("--parsing", "--json", files[0], "--output", files[1], "--parts", files[2]) == 0
    assert capsys.readouterr().out.splitlines() == files
    (face,) = json.loads(Path(files[0]).read_text())["faces"]
    assert face["parts"] == {"skin": pytest.approx(0.5, abs=0.01), "clothes": pytest.approx(0.5, abs=0.01)}
    parts, drawn, source = read_picture(files[2])[..., 0], read_picture(files[1]), read_picture(PORTRAIT)
    x0, y0, x1, y1 = (round(value) for value in face["crop"])
    assert parts.shape == source.shape[:2] and set(np.unique(parts)) <= {0, 1, 18}
    assert parts[(y0 + y1) // 2, x0 + (x1 - x0) // 4] == 1 and parts[(y0 + y1) // 2, x1 - (x1 - x0) // 4] == 18
    assert (drawn != source).any(axis=2)[parts > 0].mean() > 0.9


@pytest.mark.parametrize(
    ("options", "told"), [(["--parts", "x.png"], "Add --parsing"), (["--parsing", "--parts", "x.jpg"], ".png, .bmp")]
)
def test_parts_that_cannot_be_kept_are_refused(networks, capsys, options, told):
    assert faces_of(*options) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("option", "name"), [("--landmarks", "awing_fan"), ("--parsing", "parsenet")])
def test_missing_weights_are_one_line_that_says_how_to_get_them(monkeypatch, tmp_path, capsys, option, name):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "models"))
    assert faces_of(option) == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"fom weights download {name}" in message


@pytest.mark.parametrize("mask", ["flow", "soft"])
def test_only_the_parsed_head_moves(networks, tmp_path, mask):
    asked = ["animate", "-s", str(PORTRAIT), "--motion", "nod", "--model", "mini", "--face_detector", "embedded"]
    asked += ["--cpu", "--duration", "0.3", "--initial_frame", "first", "--mask", mask, "--parsing"]
    assert main([*asked, "--output", str(tmp_path / "frame.png")]) == 0
    source, last = read_picture(PORTRAIT), read_picture(max(tmp_path.glob("frame*.png")))
    changed = (source != last).any(axis=2)
    middle = changed.shape[1] // 2
    assert changed[:, : middle - 40].any() and not changed[:, middle + 60 :].any()


def test_all_that_is_missing_is_told_before_the_first_face_is_looked_for(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("fom_core.cli.missing.has_facexlib", lambda: False)
    monkeypatch.setattr("fom_core.cli.faces.detect_faces", lambda *_, **__: pytest.fail("looked for faces"))
    assert faces_of("--landmarks", "--parsing") == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "pip install facexlib torchvision && fom weights download awing_fan parsenet" in message
