"""The visible mark: in its corner, legible on light and dark, and nowhere else."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from fom_core.media import VideoWriter, read_picture
from fom_core.media.mark import Corner, mark_for, marked

CORNERS = get_args(Corner)


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("size", [(720, 1280), (200, 90), (64, 64)])
def test_the_mark_lies_in_its_corner_and_changes_nothing_else(corner, size):
    height, width = size
    frames = np.full((2, height, width, 3), 128, np.uint8)

    changed = (marked(frames, corner) != frames).any(axis=(0, 3))

    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert (rows.mean() > height / 2) == corner.startswith("bottom")
    assert (columns.mean() > width / 2) == corner.endswith("right")
    assert changed.mean() < 0.1
    np.testing.assert_array_equal(frames, 128)


@pytest.mark.parametrize("ground", [0, 64, 128, 192, 255])
def test_letters_stand_out_on_any_ground(ground):
    picture = np.full((1, 256, 256, 3), ground, np.uint8)

    x0, y0, x1, y1 = mark_for(256, 256, "bottom right").place
    spot = marked(picture, "bottom right")[0, y0:y1, x0:x1, 0].astype(int)

    letters = spot[len(spot) // 4 : -len(spot) // 4]
    assert letters.max() > 230 and letters.max() - letters.min() > 120
    assert abs(spot - ground).max() > 90


def test_the_mark_grows_with_the_picture_and_fits_into_tiny_ones():
    heights = []
    for side in (512, 1024, 2048):
        _, y0, _, y1 = mark_for(side, side, "top left").place
        heights.append(y1 - y0)
    assert heights == [31, 61, 123]
    for size in ((1, 1), (5, 200), (200, 5), (16, 16)):
        assert marked(np.zeros((1, *size, 3), np.uint8), "bottom right").shape == (1, *size, 3)


def test_transparent_pictures_are_opaque_under_the_mark():
    clear = np.zeros((1, 128, 128, 4), np.uint8)

    alpha = marked(clear, "top left")[0, ..., 3]

    assert alpha.max() == 255 and (alpha > 0).mean() < 0.1


def test_a_writer_marks_every_frame_only_when_asked(tmp_path):
    frames = np.full((3, 96, 96, 3), 100, np.uint8)
    with VideoWriter(tmp_path / "plain_%d.png", 25) as writer:
        writer.write(frames)
    with VideoWriter(tmp_path / "marked_%d.png", 25, mark="top right") as writer:
        writer.write(frames)

    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(read_picture(tmp_path / f"plain_{number}.png"), frame)
        expected = marked(frame[None], "top right")[0]
        np.testing.assert_array_equal(read_picture(tmp_path / f"marked_{number}.png"), expected)
