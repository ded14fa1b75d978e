"""Restoring the face of a clip, with a stand-in for the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fom_core.enhance.alignment import FACE_SIZE, Alignment
from fom_core.enhance.restore import FaceEnhancer, full_size, restore, soft_square, warp_affine
from fom_core.errors import UsageError
from fom_core.types import FaceRegion


def alignment(scale: float, left: float, top: float, angle: float = 0.0) -> Alignment:
    """A square of 512 / scale pixels whose corner lies at (left, top)."""
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Alignment(np.column_stack([turn, -turn @ [left, top]]))


def smooth_clip(length: int, height: int = 96, width: int = 128) -> torch.Tensor:
    """Waves that move, without detail finer than 16 pixels."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = [torch.sin((x + 2 * t) / 9 + c) * torch.cos((y - t) / 11) for t in range(length) for c in range(3)]
    return (torch.stack(waves).reshape(length, 3, height, width) * 0.4 + 0.5).float()


@pytest.mark.parametrize("chunk_size", [2, 5, 8])
def test_chunk_size_leaves_the_frames_unchanged(negative, chunk_size):
    clip, place = smooth_clip(5), alignment(8, 30, 20, angle=0.2)
    expected = restore(negative, clip, place, chunk_size=1)
    torch.testing.assert_close(restore(negative, clip, place, chunk_size=chunk_size), expected, rtol=0, atol=1e-6)


def test_memory_that_runs_short_changes_nothing_but_the_number_at_a_time(negative, cramped):
    clip, place = smooth_clip(5), alignment(8, 30, 20)
    actual = restore(cramped, clip, place, chunk_size=4)
    torch.testing.assert_close(actual, restore(negative, clip, place), rtol=0, atol=1e-6)


def test_a_face_that_does_not_fit_alone_raises_the_devices_error(negative):
    negative.room = 0
    with pytest.raises(RuntimeError, match="out of memory"):
        restore(negative, smooth_clip(2), alignment(8, 30, 20))


def test_the_middle_of_the_face_is_the_restorers(negative):
    clip = smooth_clip(1)
    restored = restore(negative, clip, alignment(8, 30, 20), strength=1.0)  # the square is 64 pixels wide
    middle = (slice(None), slice(None), slice(42, 62), slice(52, 72))
    torch.testing.assert_close(restored[middle], 1 - clip[middle], rtol=0, atol=0.02)


def test_away_from_the_face_every_pixel_stays_as_it_is(negative):
    clip = smooth_clip(2)
    restored = restore(negative, clip, alignment(8, 30, 20), strength=1.0)
    outside = torch.ones(96, 128, dtype=torch.bool)
    outside[19:85, 29:95] = False  # the square, and the pixels that its border touches
    assert torch.equal(restored[..., outside], clip[..., outside])
    assert not torch.equal(restored, clip)


def test_the_frames_given_are_not_changed(negative):
    clip = smooth_clip(2)
    before = clip.clone()
    restore(negative, clip, alignment(8, 30, 20))
    assert torch.equal(clip, before)


def test_strength_blends_between_the_frame_and_the_restored_face(negative):
    clip, place = smooth_clip(1), alignment(8, 30, 20)
    none, half, full = (restore(negative, clip, place, strength=strength) for strength in (0.0, 0.5, 1.0))
    assert torch.equal(none, clip)
    torch.testing.assert_close(half, (none + full) / 2, rtol=0, atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_zero_to_one_is_refused(negative, strength):
    with pytest.raises(UsageError, match="between 0"):
        restore(negative, smooth_clip(1), alignment(8, 30, 20), strength=strength)


def test_every_frame_shows_the_restorer_the_same_part(negative):
    still = smooth_clip(1).repeat(3, 1, 1, 1)
    restored = restore(negative, still, alignment(8, 30, 20), chunk_size=1)
    assert torch.equal(restored[0], restored[1]) and torch.equal(restored[0], restored[2])
    assert all(torch.equal(faces, negative.seen[0]) for faces in negative.seen)


@pytest.mark.parametrize("size", [None, (192, 256), (160, 300)])
def test_alpha_and_size_are_kept_through_the_restoration(negative, size):
    clip = torch.cat([smooth_clip(2), torch.full((2, 1, 96, 128), 0.25)], dim=1)
    restored = restore(negative, clip, alignment(8, 30, 20), size=size)
    assert restored.shape == (2, 4, *(size or (96, 128)))
    torch.testing.assert_close(restored[:, 3], torch.full_like(restored[:, 3], 0.25))


def test_the_face_stays_in_place_when_the_frame_grows(negative):
    clip, place = smooth_clip(1), alignment(8, 30, 20)
    small = restore(negative, clip, place, strength=1.0)
    large = restore(negative, clip, place, strength=1.0, size=(96 * 4, 128 * 4))
    shrunk = torch.nn.functional.avg_pool2d(large, 4)
    assert (shrunk - small)[..., 4:-4, 4:-4].abs().max() < 0.03


def test_the_full_size_gives_each_pixel_of_the_restored_face_one_of_the_frame():
    assert full_size(alignment(2.5, 0, 0), (256, 200)) == (640, 500)
    assert full_size(alignment(0.5, 0, 0), (2000, 1500)) == (2000, 1500)
    assert full_size(alignment(50, 0, 0), (100, 100)) == (800, 800)


def test_a_large_face_is_averaged_when_it_shrinks_into_the_restorer(negative):
    checks = (torch.arange(1536)[:, None] + torch.arange(1536)[None]) % 2
    restore(negative, checks.float().expand(1, 3, -1, -1), alignment(1 / 3, 0, 0))
    inside = negative.seen[0][..., 8:-8, 8:-8]
    assert (inside - 0.5).abs().max() < 0.1


def test_a_warp_by_the_identity_changes_nothing():
    clip = smooth_clip(1)
    torch.testing.assert_close(warp_affine(clip, np.eye(2, 3), (96, 128)), clip, rtol=0, atol=1e-5)


def test_the_soft_square_is_one_inside_and_ends_before_the_border():
    square = soft_square()[0, 0]
    assert square[FACE_SIZE // 2, FACE_SIZE // 2] == 1
    assert square[0].max() < 1e-3 and square[:, -1].max() < 1e-3
    assert (square[256, 1:257] >= square[256, :256]).all()


def face(crop: float) -> FaceRegion:
    """A face of a picture whose crop is so many pixels wide."""
    box = tuple(value * crop for value in (0.25, 0.15, 0.75, 0.85))
    return FaceRegion(box, (0.0, 0.0, crop, crop), score=1.0, id=0, frame_size=(2000, 2000))  # type: ignore[arg-type]


@pytest.mark.parametrize(("crop", "side"), [(40.0, 64), (150.0, 150), (1900.0, 482)])
def test_generated_faces_grow_to_their_crop_but_not_beyond_the_restorers_detail(negative, crop, side):
    restored = FaceEnhancer(negative)(smooth_clip(2, 64, 64), face(crop))
    assert restored.shape[2:] == (pytest.approx(side, abs=40), pytest.approx(side, abs=40))


def test_grey_faces_come_back_in_three_channels(negative):
    assert FaceEnhancer(negative)(smooth_clip(2, 64, 64)[:, :1], face(64.0)).shape == (2, 3, 64, 64)
