"""Every picture by every driver, as a table, a file and a sheet."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch

from fom_core.errors import MediaError
from fom_core.evaluation.animated import AnimatedPicture
from fom_core.evaluation.looks_report import COLUMNS, TILE, LooksSource, NamedMotion, evaluate_looks, moments
from fom_core.faces.regions import whole_picture
from fom_core.media import read_picture
from fom_core.pipeline import read_motion
from fom_core.types import FaceSet, Keypoints, Motion, MotionTransfer


def a_motion(places: list[float]) -> Motion:
    """One point that is in these places, frame by frame."""
    value = torch.tensor(places)[:, None, None].expand(-1, 1, 2)
    return Motion(Keypoints(value), 25, "tiny", (64, 64))


def test_frames_are_spread_and_those_for_flicker_are_where_it_moves_fastest():
    still, fast = [0.0] * 20, [0.1, 0.3, 0.5, 0.7]

    spread, consecutive = moments(a_motion([*still, *fast, *[0.7] * 16]), 5)

    assert spread == [4, 12, 20, 28, 36]
    assert consecutive == [20, 21, 22, 23]


def test_a_short_driver_is_used_up():
    assert moments(a_motion([0.0, 1.0, 0.0]), 2) == ([0, 2], [0, 1, 2])


def test_a_driver_that_shows_no_movement_is_refused():
    with pytest.raises(MediaError, match="at least 3"):
        moments(a_motion([0.0, 1.0]), 5)


@pytest.fixture(scope="module")
def drivers(tiny_model, clip):
    return [
        NamedMotion("round.mp4", read_motion(tiny_model, clip, 25)),
        NamedMotion("back.mp4", read_motion(tiny_model, clip[::-1], 25)),
    ]


def test_every_picture_moves_by_every_driver(tiny_model, clip, drivers, tmp_path):
    faces = FaceSet.from_crops([(6, 6, 66, 66)], (80, 80))
    sources = [LooksSource("one.png", clip[0], faces), LooksSource("two.png", clip[6], whole_picture((80, 80)))]
    heard = []

    table = evaluate_looks(
        tiny_model, sources, drivers, tmp_path, frames=3, progress=lambda done, total: heard.append((done, total))
    )

    told = json.loads((tmp_path / "looks.json").read_text())
    assert [(run["picture"], run["driver"]) for run in told["runs"]] == [
        ("one.png", "round.mp4"),
        ("one.png", "back.mp4"),
        ("two.png", "round.mp4"),
        ("two.png", "back.mp4"),
    ]
    assert told["runs"][0]["crop"] == [6, 6, 66, 66]
    assert all(run["flicker_face"] > 0 for run in told["runs"])
    assert told["means"]["step"] == pytest.approx(np.mean([run["step"] for run in told["runs"]]))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert read_picture(tmp_path / "looks.png").shape == (4 * TILE, (1 + 3) * TILE, 3)
    assert [line.split("|")[2].strip() for line in table.splitlines() if line.startswith("| ")][2:] == [
        *["one.png"] * 2,
        *["two.png"] * 2,
        "mean",
    ]
    assert f"{told['runs'][0]['at_rest']:.2f}" in table


def test_faults_of_an_animation_are_found(tiny_model, drivers, tmp_path, monkeypatch):
    """Frames that are half moved, whatever the model says."""
    noise = np.random.default_rng(0).normal(size=(80, 80)).astype(np.float32)
    luma = np.clip(128 + 220 * cv2.GaussianBlur(noise, (0, 0), 2), 0, 255)
    picture, shift = np.repeat(luma[..., None], 3, axis=2).astype(np.uint8), np.full((80, 80, 2), 6, np.float32)
    doubled = ((picture.astype(np.uint16) + np.roll(picture, (-6, -6), (0, 1))) // 2).astype(np.uint8)

    def half_moved(chunk):
        count = len(chunk[0].prediction)
        return np.stack([doubled] * count), np.stack([shift] * count)

    monkeypatch.setattr(AnimatedPicture, "_composing", lambda _: half_moved)
    evaluate_looks(tiny_model, [LooksSource("one.png", picture, whole_picture((80, 80)))], drivers[:1], tmp_path)

    (run,) = json.loads((tmp_path / "looks.json").read_text())["runs"]
    assert set(COLUMNS) < set(run)
    assert run["ghost"] > 0.9
    assert run["at_rest"] > 10
    assert run["sharpness"] < 0.9
    assert run["flicker_face"] == run["folded"] == 0


def test_what_cannot_be_measured_is_null_and_an_empty_cell(tiny_model, clip, drivers, tmp_path):
    frozen = MotionTransfer(gain=0)

    table = evaluate_looks(
        tiny_model, [LooksSource("one.png", np.full_like(clip[0], 90), whole_picture((80, 80)))], drivers[:1], tmp_path,
        transfer=frozen,
    )  # fmt: skip

    (run,) = json.loads((tmp_path / "looks.json").read_text(), parse_constant=pytest.fail)["runs"]
    assert run["ghost"] is None
    assert table.splitlines()[4].split("|")[7].strip() == ""
