"""``fom animate --face_enhancement``, with a stand-in for the restorer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fom_core.cli import enhancement
from fom_core.media import read_picture


class Red(nn.Module):
    """Restores every face to plain red."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))

    def forward(self, faces: Tensor) -> Tensor:
        return torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand_as(faces)


@pytest.fixture
def red(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A weights file that opens as the stand-in."""
    monkeypatch.setattr(enhancement, "load_restorer", lambda path: Red())
    path = tmp_path / "red.pth"
    path.touch()
    return path


@pytest.fixture
def on_faces(whole_picture: list[object]) -> list[object]:
    """A command that animates the faces of a picture; add ``--output``."""
    return [word if word != "none" else "face" for word in whole_picture]


def frame(folder: Path) -> np.ndarray:
    return read_picture(folder / "frames_000010.png")


def test_faces_are_restored_and_the_rest_stays_bit_identical(fom, on_faces, two_faces, red, tmp_path):
    fom(*on_faces, "--output", tmp_path / "plain" / "frames.png")
    outcome = fom(*on_faces, "--enhancer", red, "--enhancement_strength", 1, "--output", tmp_path / "frames.png")

    source, plain, restored = read_picture(tmp_path / "in" / "picture.png"), frame(tmp_path / "plain"), frame(tmp_path)
    assert outcome.status == 0
    changed = (restored != plain).any(-1)
    assert changed.any() and not changed[:, :30].any()
    np.testing.assert_array_equal(restored[:, :18], source[:, :18])  # the face's canvas begins there
    y, x = np.argwhere(changed).mean(axis=0).astype(int)
    np.testing.assert_array_equal(restored[y, x], [255, 0, 0])


def test_strength_zero_leaves_the_animation_as_it_is(fom, on_faces, two_faces, red, tmp_path):
    fom(*on_faces, "--output", tmp_path / "plain" / "frames.png")
    fom(*on_faces, "--enhancer", red, "--enhancement_strength", 0, "--output", tmp_path / "frames.png")

    assert np.abs(frame(tmp_path).astype(int) - frame(tmp_path / "plain")).max() <= 1


def test_without_weights_one_line_says_how_to_get_them_before_any_work(fom, on_faces, tmp_path, monkeypatch):
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "none"))

    outcome = fom(*on_faces, "--face_enhancement", "--output", tmp_path / "out")

    assert outcome.status == 1
    assert len(outcome.messages) == 1 and "fom weights download gfpgan" in outcome.messages[0]
    assert not (tmp_path / "out").exists()


def test_an_unknown_enhancer_is_answered_with_those_there_are(fom, on_faces, tmp_path):
    outcome = fom(*on_faces, "--enhancer", "gfpgun", "--output", tmp_path / "out")

    assert outcome.status == 1
    assert "gfpgun" in outcome.messages[-1] and "enhancers: gfpgan" in outcome.messages[-1]


def test_a_picture_animated_as_a_whole_has_no_face_to_restore(fom, whole_picture, red, tmp_path):
    outcome = fom(*whole_picture, "--enhancer", red, "--output", tmp_path / "out")

    assert outcome.status == 2
    assert "--source_crop face" in outcome.messages[-1]


def test_a_strength_outside_zero_to_one_is_bad_usage(fom, on_faces, tmp_path):
    assert fom(*on_faces, "--enhancement_strength", 2, "--output", tmp_path / "out").status == 2
