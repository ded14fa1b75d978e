"""What was painted comes back as the same bytes, in order, and in no more room than was given."""

from __future__ import annotations

import pytest
import torch

from fom_core.compose.paintings import Paintings
from fom_core.pictures import to_pictures
from fom_core.types import DenseMotion, Generated


def painted(frames: range) -> list[Generated]:
    """Of one face, frames that are told apart by their pictures and by their flow."""
    picture = torch.rand(len(frames), 3, 8, 8, generator=torch.Generator().manual_seed(frames.start))
    flow = torch.tensor(frames, dtype=torch.float32)[:, None, None, None].expand(-1, 2, 2, 2)
    return [Generated(picture, DenseMotion(flow, flow[:, None, ..., 0], torch.ones(len(frames), 3, 2, 2)))]


def motion_of(generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
    """Its flow and its occlusion map."""
    motion = generated.dense_motion
    assert motion is not None and motion.occlusion_map is not None
    return motion.deformation, motion.occlusion_map


SIZE = 3 * 64 + 2 * 2 * 2 * 4 + 2 * 2 * 4  # bytes of a frame: picture, flow and occlusion


@pytest.fixture
def asked() -> list[range]:
    return []


@pytest.fixture
def paint(asked):
    def paint(frames: range):
        asked.append(frames)
        for start in range(frames.start, frames.stop, 4):
            yield painted(range(start, min(start + 4, frames.stop)))

    return paint


def test_a_clip_is_painted_once_and_comes_back_with_the_same_bytes_and_flow(paint, asked):
    paintings = Paintings()
    first = list(paintings.open("clip", 100 * SIZE).completed(10, paint))
    second = list(paintings.open("clip", 100 * SIZE).completed(10, paint))

    assert asked == [range(10), range(10, 10)]
    assert paintings.size == 10 * SIZE
    for (ours,), (expected,) in zip(second, first, strict=True):
        assert (to_pictures(ours.prediction) == to_pictures(expected.prediction)).all()
        assert all(map(torch.equal, motion_of(ours), motion_of(expected)))


def test_of_a_long_clip_the_first_frames_are_kept_and_the_rest_is_painted_each_time(paint, asked):
    paintings = Paintings()
    for _ in range(3):
        chunks = list(paintings.open("clip", 9 * SIZE).completed(14, paint))
        assert sum(len(chunk[0].prediction) for chunk in chunks) == 14
        assert [int(motion_of(chunk[0])[0][0, 0, 0, 0]) for chunk in chunks] == [0, 4, 8, 12]

    assert asked == [range(14), range(8, 14), range(8, 14)]
    assert paintings.size == 8 * SIZE


def test_a_clip_that_was_cut_short_goes_on_where_it_was(paint, asked):
    paintings = Paintings()
    begun = paintings.open("clip", 100 * SIZE).completed(10, paint)
    next(begun)
    begun.close()
    list(paintings.open("clip", 100 * SIZE).completed(10, paint))

    assert asked == [range(10), range(4, 10)]


def test_another_clip_takes_the_place_of_the_last_one(paint, asked):
    paintings = Paintings()
    for clip in ("a", "b", "a"):
        list(paintings.open(clip, 100 * SIZE).completed(4, paint))

    assert asked == [range(4)] * 3
    assert paintings.size == 4 * SIZE


def test_less_room_than_before_is_kept_to(paint):
    paintings = Paintings()
    list(paintings.open("clip", 100 * SIZE).completed(8, paint))
    list(paintings.open("clip", 5 * SIZE).completed(8, paint))

    assert paintings.size == 4 * SIZE


def test_room_that_shrinks_before_the_clip_is_full_is_kept_to(paint):
    paintings = Paintings()
    begun = paintings.open("clip", 100 * SIZE).completed(12, paint)
    next(begun)
    begun.close()
    list(paintings.open("clip", 9 * SIZE).completed(12, paint))

    assert paintings.size == 8 * SIZE


def test_more_room_than_before_holds_the_rest_of_the_clip_too(paint, asked):
    paintings = Paintings()
    for room in (9 * SIZE, 100 * SIZE, 100 * SIZE):
        chunks = list(paintings.open("clip", room).completed(14, paint))
        assert [int(motion_of(chunk[0])[0][0, 0, 0, 0]) for chunk in chunks] == [0, 4, 8, 12]

    assert asked == [range(14), range(8, 14), range(14, 14)]
    assert paintings.size == 14 * SIZE
