"""Finding clips, caching frames, drawing and augmenting pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.errors import MediaError
from fom_core.faces.detection import Detection
from fom_core.media import write_picture
from fom_core.training.data.augment import Augment, AugmentConfig
from fom_core.training.data.clips import find_entries
from fom_core.training.data.feed import CacheFeed
from fom_core.training.data.frame_cache import MOST_THREADS, FrameCache, map_in_threads
from fom_core.training.data.sampler import PairSampler, RawPairs

STILL = AugmentConfig(zoom=0, shift=0, rotation_deg=0, colour=0)


def write_frames(folder: Path, brightness: list[int]) -> None:
    folder.mkdir(parents=True)
    for number, value in enumerate(brightness):
        write_picture(folder / f"{number:03d}.png", np.full((24, 24, 3), value, np.uint8))


@pytest.fixture
def cache(tmp_path: Path) -> FrameCache:
    """Two people: one with a long clip of brightness 0..., one with a short clip of brightness 200..."""
    write_frames(tmp_path / "data" / "long", list(range(0, 60, 3)))
    write_frames(tmp_path / "data" / "short", [200, 210, 220])
    return FrameCache.build(tmp_path / "cache", find_entries(tmp_path / "data"), size=16)


def test_an_index_is_filtered_by_split_and_licence_class(tmp_path):
    (tmp_path / "index.csv").write_text(
        "file,kind,split,identity,licence_class\n"
        "a.mp4,video,train,a,permissive\nb.mp4,video,train,b,none\nc.jpg,still,val,c,permissive\n"
    )

    entries = find_entries(tmp_path, "train", ["permissive"])

    assert [(entry.path.name, entry.identity) for entry in entries] == [("a.mp4", "a")]


def test_a_folder_without_clips_is_refused_with_a_hint(tmp_path):
    with pytest.raises(MediaError, match=r"index\.csv"):
        find_entries(tmp_path)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((), "Wanted clips in . and found none. Give"),
        (("val",), "Wanted clips in . of the split val and found none. Give"),
        (
            ("val", ["free", "mit"]),
            "Wanted clips in . of the split val of the licence class free or mit and found none.",
        ),
    ],
)
def test_clips_that_are_not_there_are_told_by_what_was_asked(tmp_path, monkeypatch, asked, found):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MediaError) as refusal:
        find_entries(Path(), *asked)
    assert found in str(refusal.value)


def test_frames_are_decoded_once_and_found_again(cache, tmp_path):
    assert [clip.length for clip in cache.clips] == [20, 3]
    assert cache.frames.shape == (23, 16, 16, 3)
    assert cache.frames[0].max() == 0
    assert cache.frames[20].min() == 200
    before = (tmp_path / "cache" / "frames.npy").stat().st_mtime_ns

    FrameCache.build(tmp_path / "cache", find_entries(tmp_path / "data"), size=16)

    assert (tmp_path / "cache" / "frames.npy").stat().st_mtime_ns == before


class Marker:
    """A detector whose landmarks tell the brightness of the picture it was shown."""

    name = "marker"

    def detect(self, image: np.ndarray) -> list[Detection]:
        place = float(image[0, 0, 0])
        return [Detection((0, 0, 9, 9), 1.0, ((place, place),) * 5)]


def test_clips_that_are_decoded_at_the_same_time_keep_their_frames_and_landmarks(tmp_path):
    for number in range(12):
        write_frames(tmp_path / "data" / f"{number:02d}", list(range(20 * number, 20 * number + 12)))

    cache = FrameCache.build(tmp_path / "cache", find_entries(tmp_path / "data"), 16, Marker())

    brightness = np.concatenate([np.arange(20 * number, 20 * number + 12) for number in range(12)])
    assert np.array_equal(cache.frames[:, 0, 0, 0], brightness)
    np.testing.assert_allclose((cache.landmarks[:, 0, 0] + 1) / 2 * 23, brightness, atol=1e-3)
    assert [clip.start for clip in cache.clips] == list(range(0, 144, 12))


def test_work_on_every_processor_is_given_in_order_and_not_all_at_once():
    begun = []

    results = map_in_threads(lambda item: begun.append(item) or item * item, range(1000))

    assert next(results) == 0
    assert len(begun) <= 2 * MOST_THREADS + 1
    assert list(results) == [item * item for item in range(1, 1000)]


def test_people_are_drawn_equally_often_whatever_the_length_of_their_clips(cache):
    raw = PairSampler(cache, seed=0).draw(400)

    share = (raw.source[:, 0, 0, 0] >= 200).float().mean()

    assert 0.4 < share < 0.6


def test_both_frames_of_a_pair_show_the_same_person(cache):
    raw = PairSampler(cache, seed=1).draw(100)

    assert torch.equal(raw.source[:, 0, 0, 0] >= 200, raw.driving[:, 0, 0, 0] >= 200)


def test_frames_of_a_pair_differ_more_than_by_chance(cache):
    chosen, chance = (PairSampler(cache, seed=2, candidates=count).draw(300) for count in (4, 1))

    def difference(raw: RawPairs) -> float:
        return float((raw.source.float() - raw.driving.float()).abs().mean())

    assert difference(chosen) > 1.2 * difference(chance)


def test_poses_decide_where_they_are_asked_to(cache):
    """The face of frame n of the long clip has its nose n hundredths to the right of where it was in the first."""
    landmarks = np.array([[-0.3, -0.3], [0.3, -0.3], [0, 0], [-0.2, 0.4], [0.2, 0.4]], np.float32)
    cache.landmarks = np.repeat(landmarks[None], len(cache.frames), axis=0)
    long = next(clip for clip in cache.clips if clip.identity == "long")
    cache.landmarks[long.start : long.start + long.length, 2, 0] += 0.01 * np.arange(long.length)

    def apart(pose_share: float) -> float:
        raw = PairSampler(cache, seed=2, candidates=3, mouth_share=0.0, pose_share=pose_share, still_share=0).draw(400)
        return float((raw.source_landmarks - raw.driving_landmarks).abs()[:, 2, 0].mean())

    cache.frames = np.zeros_like(cache.frames)  # nothing else to go by
    assert apart(1.0) > 1.3 * apart(0.0)


def test_where_no_landmarks_are_known_the_face_decides_instead_of_the_pose(cache):
    by_pose, by_face = (PairSampler(cache, seed=2, mouth_share=0.0, pose_share=share).draw(50) for share in (1.0, 0.0))

    assert torch.equal(by_pose.driving, by_face.driving)


def test_tones_and_damage_are_drawn_for_their_share_of_the_pairs():
    frame, points = picture_with_marks()
    changes = replace(STILL, tone=1.0, damage=0.5)

    pairs = Augment(64, changes, seed=0)(unmoved(frame, points, 200))

    plain = Augment(64, STILL, seed=0)(unmoved(frame, points, 200))
    grey = (pairs.source.std(1).amax(dim=(1, 2)) < 1e-5).float().mean()
    assert 0.1 < grey < 0.5  # a third, less those with coloured noise
    assert all(not torch.equal(ours, theirs) for ours, theirs in zip(pairs.source, plain.source, strict=True))


def test_parts_of_a_batch_are_changed_as_they_are_in_the_whole(cache):
    changes = AugmentConfig(tone=0.5, damage=1.0)
    whole = Augment(16, changes, seed=0)(PairSampler(cache, seed=1).draw(24))

    for part in (slice(0, 12), slice(12, 24)):
        ours = Augment(16, changes, seed=0)(PairSampler(cache, seed=1).draw(24, part), 24, part)
        for name, value in vars(whole[part]).items():
            torch.testing.assert_close(getattr(ours, name), value, rtol=0, atol=1e-6, equal_nan=True, msg=name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_made_on_a_gpu_are_those_of_the_processor(cache, stage):
    stage = replace(stage, batch_size=8)
    here, there = CacheFeed(cache, stage, 0), CacheFeed(cache, stage, 0, "cuda")

    for _ in range(3):
        (expected, what), (actual, same) = here.draw(), there.draw()
        assert actual.source.device.type == "cuda"
        assert same == what
        for name, value in ((name, value) for name, value in vars(expected).items() if value is not None):
            torch.testing.assert_close(getattr(actual, name).cpu(), value, rtol=0, atol=1e-4, equal_nan=True, msg=name)


def picture_with_marks() -> tuple[np.ndarray, np.ndarray]:
    """A bright square around each landmark, one row of colours apart."""
    points = np.array([[-0.4, -0.3], [0.4, -0.3], [0.0, 0.0], [-0.3, 0.4], [0.3, 0.4]], np.float32)
    frame = np.zeros((64, 64, 3), np.uint8)
    for index, (x, y) in enumerate(points):
        column, row = round((x + 1) * 31.5), round((y + 1) * 31.5)
        frame[row - 2 : row + 3, column - 2 : column + 3] = [0, 255, 0] if index == 2 else [255, 0, 0]
    return frame, points


def unmoved(frame: np.ndarray, points: np.ndarray, count: int, still: bool = False) -> RawPairs:
    """Pairs of a frame with itself."""
    frames, marks = (torch.from_numpy(np.stack([each] * count)) for each in (frame, points))
    return RawPairs(frames, frames, marks, marks, torch.full((count,), still))


def test_landmarks_stay_on_what_they_mark_when_the_picture_is_turned_and_mirrored():
    frame, points = picture_with_marks()
    raw = unmoved(frame, points, 8)

    pairs = Augment(64, AugmentConfig(colour=0), seed=3)(raw)

    for picture, marks in zip(pairs.driving, pairs.driving_landmarks, strict=True):
        column, row = ((marks + 1) * 31.5).round().long().unbind(-1)
        assert picture[1, row[2], column[2]] > 0.5
        assert (picture[0, row[[0, 1, 3, 4]], column[[0, 1, 3, 4]]] > 0.5).all()
        assert marks[0, 0] < marks[1, 0], "the right eye stays on the left side of the picture"


def test_both_frames_are_turned_and_coloured_alike():
    frame, points = picture_with_marks()
    raw = unmoved(frame, points, 4)

    pairs = Augment(32, AugmentConfig(), seed=4)(raw)

    torch.testing.assert_close(pairs.source, pairs.driving)
    torch.testing.assert_close(pairs.source_landmarks, pairs.driving_landmarks)


def test_a_still_becomes_a_pair_that_differs_by_a_warp():
    frame, points = picture_with_marks()
    raw = unmoved(frame, points, 4, still=True)

    pairs = Augment(64, STILL, seed=5)(raw)

    assert (pairs.source - pairs.driving).abs().mean() > 0.005
    known = [~marks.isnan().any(-1).any(-1) for marks in (pairs.source_landmarks, pairs.driving_landmarks)]
    assert torch.equal(known[0], ~known[1]), "the warped side has no landmarks"
