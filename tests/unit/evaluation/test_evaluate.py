"""Evaluation of a tiny model on small clips: figures, baselines, tables, grids and errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fom_core.errors import MediaError
from fom_core.evaluation.evaluate import evaluate_folder
from fom_core.evaluation.face_points import turned_deg
from fom_core.evaluation.reconstruction import OptionalMetrics, Scores, animate_pair, reconstruct
from fom_core.media import VideoReader, VideoWriter, write_picture


def square_around_the_blob(picture: np.ndarray) -> np.ndarray | None:
    """Four "facial points"; none in pictures without a blob."""
    y, x = np.nonzero(picture.mean(2) > 170)
    return np.array([x.mean(), y.mean()]) + np.array([[0, 0], [4, 0], [4, 4], [0, 4]]) if len(x) else None


JUDGES = OptionalMetrics(face_points=square_around_the_blob)


@pytest.fixture(scope="module")
def data(clip, tmp_path_factory) -> Path:
    """Two clips for validation and a portrait."""
    folder = tmp_path_factory.mktemp("data")
    for name, frames in (("anna", clip), ("bert", clip[::-1])):
        with VideoWriter(folder / "val" / f"{name}.mp4", 25, crf=1) as writer:
            writer.write(np.ascontiguousarray(frames))
    return folder


def test_in_reconstruction_both_modes_agree_and_copying_leaves_the_points_behind(tiny_model, clip):
    scores = Scores()

    shown = reconstruct(tiny_model, clip, JUDGES, scores)

    means = scores.means()
    assert scores.frames == len(clip) - 1
    assert means["relative"]["l1"] == pytest.approx(means["absolute"]["l1"], abs=2e-3)
    assert set(means["copy"]) == {"l1", "psnr_db", "ssim", "akd_px", "missed", "motion_px"}
    assert all(0 <= means[method]["folded"] <= 1 for method in ("relative", "absolute", "composed"))
    assert means["copy"]["akd_px"] > 5  # of 64 pixels, on a circle of 11 pixels' radius
    assert means["copy"]["missed"] == 0
    assert (shown["copy"] == shown["source"]).all()


def test_a_perfect_model_has_perfect_figures(tiny_model, clip):
    scores = Scores()

    reconstruct(tiny_model, np.stack([clip[0]] * 3), JUDGES, scores)

    perfect = {"l1": 0, "psnr_db": 80, "ssim": 1, "akd_px": 0, "missed": 0, "motion_px": 0}
    assert scores.means()["copy"] == pytest.approx(perfect)
    assert scores.means()["composed"] == pytest.approx({**perfect, "folded": 0})


def test_a_pair_is_judged_by_where_points_are_how_they_move_and_what_shape_they_make(tiny_model, clip):
    scores = Scores()

    animate_pair(tiny_model, clip[3], clip, JUDGES, scores)

    copy = scores.means()["copy"]
    assert copy["motion_px"] > 5
    assert copy["akd_px"] > 5
    assert copy["shape_px"] == pytest.approx(0, abs=1e-9)


FACE = np.array([[20.0, 20], [40, 20], [30, 30], [24, 42], [36, 42]])  # eyes, nose, mouth corners


def test_a_turn_is_told_by_the_nose_and_a_tilt_by_the_eyes():
    shifted, turned, tilted = FACE * 1.5 + 3, FACE.copy(), (FACE - 30) @ np.array([[0.0, 1], [-1, 0]]) + 30
    turned[2, 0] += 0.6 * 22 * 0.5  # half of what stands out: asin(0.5)

    assert turned_deg(FACE, shifted) == pytest.approx(0)
    assert turned_deg(FACE, turned) == pytest.approx(30)
    assert turned_deg(tilted, FACE) == pytest.approx(90)


def test_figures_are_split_by_the_turn_and_look_at_the_mouth(tiny_model, clip):
    nose = np.array([[0, 0], [0, 0], [1, 0], [0, 0], [0, 0]])
    places = iter([FACE + dx * nose for dx in (0.0, 0.0, 3.0, 6.6)] * 5)
    scores = Scores()

    reconstruct(tiny_model, clip[:4], OptionalMetrics(face_points=lambda _: next(places)), scores)

    assert {turn: part.frames for turn, part in scores.turns.items()} == {"small": 1, "middle": 1, "large": 1}
    assert scores.turns["large"].values["copy"]["l1"] == scores.values["copy"]["l1"][2:]
    assert all(0 < value < 1 for value in scores.values["copy"]["l1_mouth"])


def test_a_clip_of_one_frame_is_refused(tiny_model, clip):
    with pytest.raises(MediaError, match="one frame"):
        reconstruct(tiny_model, clip[:1], JUDGES, Scores())


def test_an_evaluation_writes_tables_figures_and_grids(tiny_model, data, tmp_path):
    text = evaluate_folder(tiny_model, data, tmp_path / "out", JUDGES, frames=5)

    results = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert results["reconstruction"]["clips"] == 2
    assert results["reconstruction"]["frames"] == 8
    assert results["animation"]["pairs"] == 2
    assert set(results["animation"]["methods"]) == {"relative", "absolute", "composed", "copy"}
    assert text == (tmp_path / "out" / "evaluation.md").read_text()
    assert text.count("| copy |") == 2
    grid = VideoReader(tmp_path / "out" / "reconstruction.mp4")
    assert grid.size == (2 * 128, 4 * 128)
    assert grid.frame_count == 5


def test_pairs_come_from_a_list(tiny_model, data, tmp_path):
    (tmp_path / "pairs.csv").write_text("source,driving\nanna.mp4,val/bert.mp4\n")

    evaluate_folder(tiny_model, data, tmp_path / "out", JUDGES, frames=3, pairs=tmp_path / "pairs.csv")

    results = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert results["animation"]["pairs"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,driving\nanna.mp4,carl.mp4\n", "carl.mp4, which is not in this split"),
        ("a,b\n1,2\n", "columns source and driving"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tiny_model, data, tmp_path, text, message):
    (tmp_path / "pairs.csv").write_text(text)

    with pytest.raises(MediaError, match=message):
        evaluate_folder(tiny_model, data, tmp_path / "out", JUDGES, pairs=tmp_path / "pairs.csv")


def test_portraits_alone_are_refused(tiny_model, clip, tmp_path):
    (tmp_path / "val").mkdir()
    write_picture(tmp_path / "val" / "anna.png", clip[0])
    (tmp_path / "index.csv").write_text(
        "file,kind,split,identity,licence_class\nval/anna.png,still,val,anna,permissive\n"
    )

    with pytest.raises(MediaError, match="are portraits"):
        evaluate_folder(tiny_model, tmp_path, tmp_path / "out", JUDGES)
