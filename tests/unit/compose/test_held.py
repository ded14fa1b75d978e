"""The picture stays as it is where no face's mask is white."""

import numpy as np
import pytest

from fom_core.compose.canvas import REACH, canvas_box
from fom_core.compose.held import HeldBack
from fom_core.errors import UsageError
from fom_core.faces.regions import regions_from_boxes

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_frames_count_where_a_mask_is_white_and_the_picture_elsewhere(dtype):
    faces = regions_from_boxes([(40, 40, 80, 80)], (120, 160))
    picture, frames = (RNG.integers(0, 255, (*shape, 3)).astype(dtype) for shape in ((120, 160), (2, 120, 160)))
    mask = np.zeros((70, 70), np.float32)
    mask[20:50, 20:50] = 1
    held = HeldBack(picture, faces, [mask])(frames.copy())
    x0, y0, _, _ = map(int, faces[0].crop_px)
    left, top, right, bottom = canvas_box(faces[0], REACH)
    moves = np.zeros((120, 160), bool)
    moves[y0 + 22 : y0 + 48, x0 + 22 : x0 + 48] = True  # white
    assert held.dtype == dtype and (held[:, moves] == frames[:, moves]).all()
    moves[y0 + 18 : y0 + 52, x0 + 18 : x0 + 52] = True  # and what lies between
    black = np.zeros_like(moves)
    black[top:bottom, left:right] = True
    black &= ~moves
    assert (held[:, black] == picture[black]).all() and black.sum() > 5000


def test_two_faces_keep_what_either_shows():
    faces = regions_from_boxes([(30, 40, 60, 70), (90, 40, 120, 70)], (120, 160))
    picture, frames = np.zeros((120, 160, 3), np.uint8), np.full((1, 120, 160, 3), 200, np.uint8)
    held = HeldBack(picture, faces, [np.zeros((9, 9)), np.ones((9, 9))])(frames)
    assert held[0, 55, 105, 0] == 200 and held[0, 55, 30, 0] == 0


def test_masks_of_another_number_are_refused():
    faces = regions_from_boxes([(30, 40, 60, 70), (90, 40, 120, 70)], (120, 160))
    with pytest.raises(UsageError, match="one face mask for all faces or 2"):
        HeldBack(np.zeros((120, 160, 3), np.uint8), faces, [np.ones((4, 4))] * 3)
