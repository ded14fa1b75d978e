import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from fom_core.compose.canvas import FACE, canvases, face_in_crop
from fom_core.compose.flow import LASTS, Follower, areas, face_share, soft_limit, unfolded, unlike_a_plane
from fom_core.faces.regions import regions_from_boxes
from fom_core.geometry import identity_grid
from fom_core.types import DenseMotion, FaceSet

N = 32
Y, X = (axis.astype(np.float32) / N * 2 - 1 for axis in np.mgrid[:N, :N] + 0.5)


def motion(displacement, visible=1.0):
    flow = identity_grid(N, N, like=torch.zeros(1)) + torch.as_tensor(displacement, dtype=torch.float32)
    return DenseMotion(flow[None], torch.full((1, 1, N, N), visible), torch.zeros(1, 1, N, N))


def shift(right, down=0.0):
    return np.full((N, N, 2), (right, down), np.float32)


def follower(crop=(100, 100, 200, 200), size=(300, 300), visible=1.0, scale=1.0):
    (canvas,) = canvases(FaceSet.from_crops([crop], size))
    return Follower(canvas, motion(shift(0), visible), scale), canvas


def squeezed(strength):
    """A movement towards a line, which folds from a strength of 1 on."""
    bump = np.exp(-((X / 0.3) ** 2)) * np.exp(-((Y / 0.5) ** 2))
    return np.stack([-strength * X * bump, np.zeros_like(X)], axis=-1).astype(np.float32)


def test_at_rest_nothing_moves_and_nothing_is_painted():
    follow, _ = follower(visible=0.2)
    course = follow(motion(shift(0), visible=0.2))
    assert not course.displacement.any() and not course.share.any()


def test_a_small_shift_is_kept_in_the_middle_and_gone_on_the_rim():
    follow, canvas = follower()
    course = follow(motion(shift(0.1)))
    middle = np.abs(canvas.places).max(axis=-1) < 0.9
    assert course.displacement[0][middle][:, 0].numpy() == pytest.approx(5.0, rel=0.02)  # of half a side of 50 pixels
    assert course.displacement[0][middle][:, 1].abs().max() == 0
    assert course.displacement[0][canvas.room == 0].abs().max() == 0


def test_the_flow_counts_in_the_models_own_unit():
    whole, _ = follower()
    smaller, _ = follower(scale=0.5)
    np.testing.assert_allclose(
        smaller(motion(shift(0.1))).displacement, whole(motion(shift(0.05))).displacement, atol=1e-5
    )


def test_however_far_a_driver_moves_nothing_comes_from_outside_of_the_canvas_or_the_picture():
    follow, canvas = follower(crop=(-10, 100, 90, 200))
    course = follow(motion(shift(-3.0, 3.0)))
    x, y = (
        canvas.corner[axis] + (np.arange(count) + 0.5) * canvas.cell - 0.5
        for axis, count in enumerate(canvas.room.shape[::-1])
    )
    inside = (x[None] >= 0) & (canvas.room > 0)
    from_x = (x[None] + course.displacement[0, ..., 0].numpy())[inside]
    from_y = (y[:, None] + course.displacement[0, ..., 1].numpy())[inside]
    assert course.displacement.abs().max() > 10
    assert from_x.min() > -0.5 and from_y.max() < canvas.rect[3]


def test_what_is_hidden_now_and_was_not_is_painted_inside_the_crop():
    follow, canvas = follower()
    course = follow(motion(shift(0), visible=0.1))
    away = np.abs(canvas.places).max(axis=-1)
    assert course.share[0][away < 0.6].min() > 0.99
    assert course.share[0][away > 1.0].max() == 0


def test_what_was_never_seen_is_no_reason_to_paint():
    follow, _ = follower(visible=0.35)
    assert not follow(motion(shift(0.02), visible=0.35)).share.any()


def test_parts_that_move_unlike_one_another_bring_the_network_in():
    apart = np.stack([0.3 * np.sign(X) * (1 - np.abs(Y)), np.zeros_like(X)], axis=-1).astype(np.float32)
    turned, _ = follower()
    moved, canvas = follower()
    middle = np.abs(canvas.places).max(axis=-1) < 0.6
    assert turned(motion(apart)).share[0][middle].mean() > 0.5
    assert not moved(motion(shift(0.3))).share.any()  # a head that only moves keeps its own pixels


def test_a_movement_of_a_plane_is_no_turn():
    plane = np.stack([0.2 * X - 0.1 * Y + 0.3, 0.05 * X], axis=-1)
    assert unlike_a_plane(plane) < 1e-6
    assert unlike_a_plane(plane + squeezed(0.5)) > 0.01


def test_a_wall_that_stays_beside_a_head_is_no_turn_of_it():
    away = 0.4 * np.clip((X + 0.85) / 0.3, 0, 1)  # the head went to the right: the wall where it was stretches

    assert unlike_a_plane(np.stack([-away, np.zeros_like(away)], axis=-1)) < 0.01


def test_a_head_that_left_the_crop_does_not_turn():
    assert unlike_a_plane(np.full((N, N, 2), 3.0) + squeezed(2.0)) == 0


def test_areas_grow_shrink_and_fold_with_the_flow():
    assert areas(np.stack([0.2 * X, 0.1 * Y], axis=-1)) == pytest.approx(1.32, abs=1e-4)
    assert areas(squeezed(0.3)).min() > 0 > areas(squeezed(2.0)).min()


BOX = (40.0, 60.0, 120.0, 170.0)


@pytest.mark.parametrize("margin", [0.0, 0.75, 1.5])
def test_the_face_is_where_its_box_is_in_the_crop(margin):
    (face,) = regions_from_boxes([BOX], (300, 300), margin=margin)
    left, top, right, bottom = face.crop_px
    places = np.array([[(80.0, 115.0), (80.0, 145.0), (80.0, 168.0), BOX[:2], (BOX[2], BOX[3])]])  # of the picture

    share = face_share(2 * (places - (left, top)) / (right - left, bottom - top) - 1, face_in_crop(face))[0]

    assert share[:3] == pytest.approx(1, abs=0.02)  # middle, mouth and chin
    assert share[3:].max() < 0.1  # corners of the box


def test_without_a_box_the_face_is_where_usual_crops_have_it():
    (face,) = regions_from_boxes([BOX], (300, 300))

    assert face_in_crop(face) == pytest.approx(FACE, abs=0.02)
    assert face_in_crop(replace(face, roll_deg=20.0)) == face_in_crop(replace(face, box_px=face.crop_px)) == FACE


@pytest.mark.parametrize("strength", [1.2, 2.0])
def test_folds_are_calmed_and_the_rest_of_the_flow_stays(strength):
    folded = squeezed(strength) + shift(0.2)
    whole, calmed = unfolded(folded)
    assert areas(folded).min() < 0 < areas(whole).min()
    assert 0 < calmed < 0.3
    np.testing.assert_allclose(whole[:2], folded[:2], atol=1e-3)


def test_a_wall_that_stays_beside_a_head_may_stretch_and_leaves_the_head_as_it_is():
    away = 0.35 * np.clip((X + 0.85) / 0.3, 0, 1)  # the head left of its old place: a wall where its edge was
    moved = np.stack([-away, np.zeros_like(away)], axis=-1)

    whole, calmed = unfolded(moved)

    assert areas(moved).min() < 0 and calmed < 0.05
    np.testing.assert_allclose(whole, moved, atol=0.03)


def test_a_flow_without_folds_stays_as_it_is():
    gentle = squeezed(0.3)
    whole, calmed = unfolded(gentle)
    assert whole is gentle and calmed == 0


def test_a_driver_who_tears_the_face_is_told_of_once(caplog):
    follow, _ = follower()
    torn = motion(squeezed(4.0))
    with caplog.at_level(logging.WARNING):
        for _ in range(3 * LASTS):
            follow(torn)
    assert [record.getMessage()[:28] for record in caplog.records] == ["The driver moves further tha"]


def test_a_limit_leaves_small_lengths_alone_and_is_never_passed():
    lengths = torch.tensor([0.0, 0.01, 0.1, 1.0, 10.0])
    kept = lengths * soft_limit(lengths, torch.full((5,), 0.5))
    torch.testing.assert_close(kept[:3], lengths[:3], rtol=1e-3, atol=0)
    assert (kept < 0.5 + 1e-6).all()
    assert soft_limit(lengths, torch.zeros(5)).tolist() == [0.0] * 5
