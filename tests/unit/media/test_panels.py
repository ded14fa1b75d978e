"""Pictures next to one another."""

from __future__ import annotations

import numpy as np

from fom_core.media.panels import beside, sheet
from fom_core.pictures import fit_picture, resize_frame


def plain(height: int, width: int, level: int, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), level, np.uint8)


def test_panels_are_as_high_as_the_last_one_and_the_row_is_even():
    row = beside([plain(20, 40, 10), plain(100, 60, 90), plain(51, 33, 200)])

    assert row.shape == (52, 102 + 31 + 33, 3)
    assert [row[20, x, 0] for x in (50, 110, 150)] == [10, 90, 200]


def test_a_caption_stands_above_its_panel_and_covers_nothing():
    row = beside([plain(60, 60, 10), plain(60, 60, 200)], ["source", "result"])

    assert row.shape[0] > 60
    np.testing.assert_array_equal(row[-60:], beside([plain(60, 60, 10), plain(60, 60, 200)]))
    assert all(part.max() > 150 for part in (row[:-60, :60], row[:-60, 60:]))


def test_opaque_panels_stand_beside_transparent_ones():
    row = beside([plain(10, 10, 50), plain(10, 10, 70, 4)])

    assert row.shape == (10, 20, 4)
    assert row[0, 0, 3] == 255 and row[0, 19, 3] == 70


def test_a_sheet_has_every_picture_in_reading_order():
    made = sheet([plain(40, 40, 40 * n) for n in range(1, 6)], [f"{n}" for n in range(5)])

    assert made.shape[1] == 80
    tall = made.shape[0] // 3
    assert [made[tall * (n // 2) + tall - 2, 40 * (n % 2) + 38, 0] for n in range(5)] == [40, 80, 120, 160, 200]


def test_a_picture_is_shrunk_to_its_longest_side_and_never_enlarged():
    assert fit_picture(plain(700, 901, 9), 300).shape == (234, 300, 3)
    assert fit_picture(plain(70, 91, 9), 300).shape == (70, 91, 3)
    assert fit_picture(plain(1, 2000, 9), 100).shape == (2, 100, 3)


def test_colours_of_what_is_transparent_stay_out_when_a_frame_is_resized():
    frame = plain(20, 20, 255, 4)
    frame[:, :9] = (255, 0, 0, 0)
    frame[:, 9:, :3] = (0, 0, 255)

    small = resize_frame(frame, (10, 10))

    assert small[5, 4, 3] == 128 and tuple(small[5, 4, :3]) == (0, 0, 255)
