"""Pairs with meshes: which are drawn, and what is known of where their pixels come from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fom_core.errors import MediaError
from fom_core.faces.detection import Detection
from fom_core.media import write_picture
from fom_core.training.data.augment import Augment, AugmentConfig, Pairs
from fom_core.training.data.clips import find_entries
from fom_core.training.data.face_shape import FaceShape
from fom_core.training.data.feed import CacheFeed
from fom_core.training.data.frame_cache import CachedClip, FrameCache
from fom_core.training.data.mesh import POINTS, five_points
from fom_core.training.data.sampler import PairSampler, RawPairs
from fom_core.training.mesh_losses import at_points
from fom_core.training.settings import LossWeights, Stage
from tests.drawn_meshes import face, opened, posed

PLAIN = AugmentConfig(zoom=0, shift=0, rotation_deg=0, colour=0)
FRAMES, STILLS, SIDE = 8, 3, 48


def scene(seed: int) -> np.ndarray:
    """A picture without edges, so that it can be sampled anywhere."""
    noise = torch.from_numpy(np.random.default_rng(seed).uniform(0, 255, (1, 3, 5, 5)))
    smooth = F.interpolate(noise, (SIDE, SIDE), mode="bicubic", align_corners=True)[0]
    return smooth.permute(1, 2, 0).clamp(0, 255).byte().numpy()


@pytest.fixture
def cache(tmp_path: Path) -> FrameCache:
    """A clip whose head turns further in every frame, one whose mouth opens, and portraits; the last has no mesh."""
    turning = [posed(face(), 5 * number) for number in range(FRAMES)]
    opening = [posed(opened(face(), 0.06 * number), -3) for number in range(FRAMES)]
    meshes = np.stack([*turning, *opening, *[posed(face(), 4 * number) for number in range(STILLS)]]).astype(np.float32)
    landmarks = five_points(meshes).astype(np.float32)
    meshes[-1] = np.nan
    videos = [CachedClip(name, name, "video", FRAMES * number, FRAMES) for number, name in enumerate(("anna", "bert"))]
    stills = [CachedClip(f"s{n}", f"s{n}", "still", 2 * FRAMES + n, 1) for n in range(STILLS)]
    np.save(tmp_path / "frames.npy", np.stack([scene(number) for number in range(len(meshes))]))
    np.save(tmp_path / "landmarks.npy", landmarks)
    np.save(tmp_path / "mesh.npy", meshes)
    (tmp_path / "clips.json").write_text(json.dumps([vars(clip) for clip in [*videos, *stills]]))
    return FrameCache(tmp_path)


@pytest.fixture
def meshed(stage: Stage) -> Stage:
    """A stage with all that meshes are for."""
    weights = LossWeights(mesh=60, still_flow=20, still_value=10, still_jacobian=2, anchor=0)
    changes = AugmentConfig(apart=0.5, turn=1.0, tone=0.3)
    shares = {"still_share": 0.5, "video_still_share": 0.4, "mouth_share": 0.3, "pose_share": 0.3}
    return replace(stage, batch_size=12, weights=weights, augment=changes, **shares)


def turned_far(raw: RawPairs) -> float:
    """How differently heads of a batch are turned, by how far the ears' depths are apart."""
    assert raw.source_mesh is not None and raw.driving_mesh is not None
    depths = [mesh[:, 234, 2] - mesh[:, 454, 2] for mesh in (raw.source_mesh, raw.driving_mesh)]
    return float((depths[0] - depths[1]).abs().nanmean())


def opened_far(raw: RawPairs) -> float:
    assert raw.source_mesh is not None and raw.driving_mesh is not None
    gaps = [mesh[:, 14, 1] - mesh[:, 13, 1] for mesh in (raw.source_mesh, raw.driving_mesh)]
    return float((gaps[0] - gaps[1]).abs().nanmean())


def test_meshes_decide_on_mouths_and_poses(cache):
    def drawn(mouth_share: float = 0.0, pose_share: float = 0.0) -> RawPairs:
        shares = {"mouth_share": mouth_share, "pose_share": pose_share}
        return PairSampler(cache, 1, still_share=0, candidates=3, **shares).draw(300)  # type: ignore[arg-type]

    by_mouth, by_pose, one = drawn(mouth_share=1.0), drawn(pose_share=1.0), drawn()
    chance = PairSampler(cache, 1, still_share=0, candidates=1).draw(300)

    assert opened_far(by_mouth) > 1.3 * opened_far(chance)
    assert turned_far(by_pose) > 1.3 * turned_far(chance)
    assert min(opened_far(one) / opened_far(chance), turned_far(one) / turned_far(chance)) > 1.2, "the whole face"


def test_frames_of_videos_take_the_place_of_portraits(cache):
    def of_videos(share: float) -> float:
        raw = PairSampler(cache, 1, still_share=1.0, video_still_share=share).draw(200)
        assert torch.equal(raw.source, raw.driving)
        return float(np.mean([name in ("anna", "bert") for name in raw.names]))

    assert of_videos(0.0) == 0
    assert 0.2 < of_videos(0.3) < 0.4


def test_without_portraits_frames_of_videos_are_all_there_is(cache):
    cache.clips = cache.clips[:2]

    plain, all_videos = (
        PairSampler(cache, 1, still_share=0.5, video_still_share=share).draw(100).still for share in (0.0, 0.3)
    )

    assert not plain.any()
    assert 0.3 < all_videos.float().mean() < 0.7


def test_stills_count_as_the_whole_of_a_mean_over_them(cache):
    sampler, same = PairSampler(cache, 1, still_share=0.3), PairSampler(cache, 1, still_share=0.3)
    whole, part = sampler.draw(20), same.draw(20, slice(0, 10))

    assert whole.still_weight is not None and part.still_weight is not None
    assert float(whole.still_weight.mean()) == pytest.approx(1)
    assert torch.equal(whole.still_weight > 0, whole.still)
    assert torch.equal(part.still_weight, whole.still_weight[:10])


def test_the_known_map_leads_from_each_pixel_of_a_portrait_s_pair_to_where_it_came_from(cache, meshed):
    changes = replace(meshed.augment, colour=0.0, tone=0.0, zoom=0.05, shift=0.02, rotation_deg=5)
    feed = CacheFeed(cache, replace(meshed, still_share=1.0, video_still_share=0.5, augment=changes), seed=1)

    pairs = feed.draw()[0]

    assert pairs.known_map is not None and pairs.seen is not None
    found = F.grid_sample(pairs.source, pairs.known_map, align_corners=True)
    inside = (pairs.known_map.abs() < 0.97).all(-1)[:, None].expand_as(found)
    assert float((found - pairs.driving).abs()[inside].mean()) < 0.02
    assert float((pairs.source - pairs.driving).abs()[inside].mean()) > 0.05
    assert pairs.source_mesh is not None and pairs.driving_mesh is not None
    flat = pairs.driving_mesh.isnan().flatten(1).any(1)
    assert 0 < flat.sum() < len(flat), "one portrait has no mesh, and is warped flat"
    apart = (at_points(pairs.known_map, pairs.driving_mesh) - pairs.source_mesh).norm(dim=-1)[pairs.seen]
    assert float(apart.mean()) < 0.01
    assert not pairs.seen[flat].any()


def test_meshes_stay_on_what_they_mark_when_pairs_are_framed_apart_and_mirrored(cache):
    shape = FaceShape.of_meshes(cache.mesh)
    raw = PairSampler(cache, 0, still_share=0, candidates=1).draw(24)
    changes = AugmentConfig(colour=0, apart=0.5)

    pairs = Augment(64, changes, seed=3, shape=shape)(raw)

    assert pairs.source_mesh is not None and pairs.driving_mesh is not None
    for landmarks, mesh in ((pairs.source_landmarks, pairs.source_mesh), (pairs.driving_landmarks, pairs.driving_mesh)):
        torch.testing.assert_close(torch.from_numpy(five_points(mesh.numpy())), landmarks, rtol=0, atol=1e-4)
    assert raw.source_mesh is not None and raw.driving_mesh is not None
    still = (raw.source_mesh - raw.driving_mesh).abs().flatten(1).amax(1) < 1e-6  # the same frame twice
    moved = (pairs.source - pairs.driving).abs().mean((1, 2, 3))[still] > 1e-3
    assert len(set(moved.tolist())) == 2, "some are framed apart, and some are not"


def test_parts_of_a_batch_with_meshes_are_those_of_the_whole(cache, meshed):
    def made(part: slice) -> Pairs:
        feed = CacheFeed(cache, meshed, seed=1)
        feed.part = part
        return feed.draw()[0]

    whole = made(slice(0, 12))

    for rows in (slice(0, 5), slice(5, 12)):
        ours = made(rows)
        assert vars(ours).keys() == vars(whole).keys()
        for name, value in vars(whole[rows]).items():
            torch.testing.assert_close(getattr(ours, name), value, rtol=0, atol=1e-6, equal_nan=True, msg=name)


def test_a_feed_goes_on_where_it_was(cache, meshed):
    feed, other = CacheFeed(cache, meshed, seed=1), CacheFeed(cache, meshed, seed=2)
    feed.draw()

    other.restore(feed.state())

    ours, theirs = feed.draw()[0], other.draw()[0]
    assert ours.known_map is not None and ours.seen is not None
    for name, value in vars(ours).items():
        torch.testing.assert_close(getattr(theirs, name), value, rtol=0, atol=0, equal_nan=True, msg=name)


class Finder:
    """Finds the same mesh in every frame, as a file of that digest would."""

    def __init__(self, digest: str, turn: float = 0) -> None:
        self.digest, self.mesh, self.asked = digest, posed(face(), turn), 0

    def __call__(self, picture, square):
        self.asked += 1
        return (self.mesh + np.array([1, 1, 0])) * (len(picture) - 1) / 2

    def around(self, picture, square):
        return square


class Detector:
    """Sees the five points of that mesh."""

    name = "drawn"

    def detect(self, image):
        points = (five_points(posed(face())) + 1) / 2 * (len(image) - 1)
        return [Detection((0, 0, 9, 9), 1.0, tuple(map(tuple, points.tolist())))]


@pytest.fixture
def build(tmp_path):
    folder = tmp_path / "data" / "anna"
    folder.mkdir(parents=True)
    for number in range(3):
        write_picture(folder / f"{number}.png", np.full((SIDE, SIDE, 3), 40 * number, np.uint8))

    def made(mesh: Finder | None, detector: Detector | None = None) -> FrameCache:
        entries = find_entries(tmp_path / "data")
        return FrameCache.build(tmp_path / "cache", entries, 32, detector or Detector(), mesh=mesh)  # type: ignore[arg-type]

    return made


def test_meshes_are_kept_with_the_frames_until_another_file_finds_them(build, tmp_path):
    first, again, other = Finder("a"), Finder("a"), Finder("b", turn=3)

    kept = build(first)
    assert build(again).mesh is not None and again.asked == 0
    changed = build(other)
    small = changed.resized(tmp_path / "small", 16)

    assert kept.mesh is not None and changed.mesh is not None and small.mesh is not None
    np.testing.assert_allclose(kept.mesh[1], first.mesh, atol=1e-5)
    np.testing.assert_allclose(changed.mesh[1], other.mesh, atol=1e-5)
    assert np.array_equal(small.mesh, changed.mesh) and small.mesh.dtype == np.float32
    assert build(None).mesh is None and not (tmp_path / "cache" / "mesh.npy").exists()


def test_a_mesh_that_lies_elsewhere_than_the_face_is_none(build):
    assert np.isnan(build(Finder("a", turn=60)).mesh).all()


def test_meshes_that_do_not_belong_to_the_frames_are_told(build, tmp_path):
    build(Finder("a"))
    np.save(tmp_path / "cache" / "mesh.npy", np.zeros((2, POINTS, 3), np.float32))

    with pytest.raises(MediaError, match="do not belong together"):
        FrameCache(tmp_path / "cache")
