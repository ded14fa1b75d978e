"""People before backgrounds of their own, and pieces of other pictures before both frames."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from fom_core.pictures import LUMA
from fom_core.training.data.augment import Augment, AugmentConfig, Pairs
from fom_core.training.data.face_shape import FaceShape
from fom_core.training.data.feed import CacheFeed
from fom_core.training.data.layers import Behind, Layers, Pieces, background, fill_holes, hidden_points
from fom_core.training.data.mesh import five_points
from fom_core.training.data.sampler import PairSampler, RawPairs
from fom_core.training.data.tones import recoloured, with_gamma
from fom_core.training.mesh_losses import at_points
from fom_core.training.settings import LossWeights
from tests.drawn_people import SIDE, drawn_cache

PLAIN = AugmentConfig(zoom=0, shift=0, rotation_deg=0, colour=0)
EVERYTHING = AugmentConfig(
    apart=0.3, turn=1.0, layered=0.7, behind=0.4, occlude=0.5, reshape=0.8, saturation=0.5, gamma=0.3
)


@pytest.fixture
def cache(tmp_path):
    return drawn_cache(tmp_path)


def drawn(cache, count: int, still_share: float) -> RawPairs:
    return PairSampler(cache, 1, still_share=still_share, mattes=True, others=True).draw(count)


def changed(cache, raw: RawPairs, **changes: float) -> Pairs:
    shape = FaceShape.of_meshes(cache.mesh)
    return Augment(SIDE, replace(PLAIN, **changes), 2, shape=shape, maps=True)(raw)


def sampled(pictures: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    return F.grid_sample(pictures, maps, align_corners=True)


def grown(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """(B, S, S) bool, with what is around it."""
    return F.max_pool2d(mask[:, None].float(), 2 * pixels + 1, 1, pixels)[:, 0] > 0


def test_heads_turn_before_a_background_that_stays(cache):
    raw = drawn(cache, 16, still_share=1.0)
    assert raw.matted is not None

    pairs = changed(cache, raw, turn=1.0, layered=1.0)

    assert pairs.known_map is not None
    resting = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, SIDE)] * 2, indexing="xy"), dim=-1)
    person = (pairs.known_map - resting).abs().amax(-1) > 1e-5
    error = (sampled(pairs.source, pairs.known_map) - pairs.driving).abs().mean(1)
    layered = raw.matted
    assert 0 < layered.sum() < 16
    assert error[person & ~grown(~person, 4)].mean() < 0.01, "the person is where the map says"
    shown = ~grown(person, 4) & ~grown(pairs.source.mean(1) > 0.45, 4)
    assert error[layered][shown[layered]].mean() < 0.005, "the background is where it was"
    assert (pairs.source - pairs.driving).abs().mean(1)[layered][person[layered]].mean() > 0.02
    assert person[~layered].float().mean() > 0.95, "without a matte that holds the face, all of the picture turns"


def test_meshes_of_layered_portraits_are_where_their_map_says(cache):
    pairs = changed(cache, drawn(cache, 16, still_share=1.0), turn=1.0, layered=1.0, behind=0.5, reshape=1.0)

    assert pairs.known_map is not None and pairs.seen is not None
    assert pairs.source_mesh is not None and pairs.driving_mesh is not None
    inside = pairs.seen & (pairs.driving_mesh.abs() < 0.97).all(-1)
    apart = (at_points(pairs.known_map, pairs.driving_mesh) - pairs.source_mesh).norm(dim=-1)[inside]
    assert apart.mean() < 0.01
    assert (pairs.driving_mesh - pairs.source_mesh).norm(dim=-1)[inside].mean() > 0.04


def test_both_frames_of_a_video_get_the_same_background_of_another_picture(cache):
    raw = drawn(cache, 16, still_share=0.0)
    before = changed(cache, raw)

    pairs = changed(cache, raw, behind=1.0)

    somebody = grown(before.source.mean(1) > 0.45, 3) | grown(before.driving.mean(1) > 0.45, 3)
    torch.testing.assert_close(
        pairs.source.movedim(1, -1)[~somebody], pairs.driving.movedim(1, -1)[~somebody], rtol=0, atol=1e-6
    )
    other = (pairs.source - before.source).abs().mean(1)
    assert other[~somebody].mean() > 0.05
    inner = ~grown(before.source.mean(1) < 0.45, 3)
    assert other[inner].max() < 1e-6, "people stay as they are"


def test_a_background_is_guessed_from_around_the_person(cache):
    raw = drawn(cache, 4, still_share=0.0)
    assert raw.source_matte is not None

    behind, guessed = background(raw.source, raw.source_matte)

    assert behind.max() < 0.45, "nothing of the bright person is left"
    pictures = raw.source[:, ::2, ::2].movedim(-1, 1) / 255
    person = pictures.mean(1) > 0.45
    assert (guessed[:, 0][person] == 1).all()
    far = ~grown(person, 8)
    torch.testing.assert_close(behind.movedim(1, -1)[far], pictures.movedim(1, -1)[far])
    assert guessed[:, 0][far].max() == 0


def test_holes_are_filled_with_colours_from_around_them():
    flat, known = torch.full((2, 3, 27, 27), 0.3), torch.ones(2, 1, 27, 27)
    known[0, :, 5:20, 5:20] = 0
    ramp = flat * torch.linspace(0, 3, 27)

    torch.testing.assert_close(fill_holes(torch.where(known > 0, flat, 9.0), known), flat)
    found = fill_holes(torch.where(known > 0, ramp, 9.0), known)
    torch.testing.assert_close(found[1], ramp[1])
    assert (found[0] - ramp[0]).abs().max() < 0.25
    assert found[0, 0, 12, 6] < found[0, 0, 12, 18]


def test_pieces_hide_the_same_part_of_both_frames_and_nothing_is_known_of_what_they_hide(cache):
    raw = drawn(cache, 24, still_share=0.5)
    before = changed(cache, raw, turn=1.0)

    pairs = changed(cache, raw, turn=1.0, occlude=0.7)

    assert pairs.hidden is not None and pairs.known_map is not None and pairs.seen is not None
    resting = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, SIDE)] * 2, indexing="xy"), dim=-1)
    hidden = hidden_points(pairs.hidden, resting.reshape(1, -1, 2)).view(-1, SIDE, SIDE)
    with_piece = hidden.flatten(1).any(1)
    assert 0.4 < with_piece.float().mean() < 0.9
    assert torch.equal(with_piece, ~pairs.hidden.isnan().any(1))
    assert (hidden[with_piece].float().mean((1, 2)) > 0.005).all() and hidden.float().mean() < 0.15
    assert torch.equal(pairs.source.movedim(1, -1)[hidden], pairs.driving.movedim(1, -1)[hidden])
    assert torch.equal(pairs.driving.movedim(1, -1)[~hidden], before.driving.movedim(1, -1)[~hidden])
    torch.testing.assert_close(pairs.known_map[hidden], resting.expand(24, -1, -1, -1)[hidden])
    assert pairs.source_mesh is not None and before.seen is not None
    assert not (pairs.seen & hidden_points(pairs.hidden, pairs.source_mesh)).any()
    assert torch.equal(pairs.seen[~with_piece], before.seen[~with_piece])


def test_landmarks_stay_where_the_mesh_of_a_reshaped_face_has_them(cache):
    pairs = changed(cache, drawn(cache, 16, still_share=0.0), reshape=1.0, zoom=0.15, apart=0.5)

    assert pairs.source_mesh is not None and pairs.driving_mesh is not None
    nose = [torch.from_numpy(five_points(each.numpy()))[:, 2] for each in (pairs.source_mesh, pairs.driving_mesh)]
    torch.testing.assert_close(pairs.source_landmarks[:, 2], nose[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(pairs.driving_landmarks[:, 2], nose[1], rtol=0, atol=1e-4)


def test_reshaped_pictures_show_their_meshes_points(cache):
    """The brightest pixel of a frame that is black but for a spot on one point of the mesh."""
    raw = drawn(cache, 12, still_share=0.0)
    assert raw.source_mesh is not None
    point = 5
    places = (raw.source_mesh[:, point, :2] + 1) / 2 * (SIDE - 1)
    axis = torch.arange(SIDE)
    distance = (axis - places[:, :1]).square()[:, None] + (axis - places[:, 1:]).square()[:, :, None]
    spots = (255 * torch.exp(-distance / 8)).byte()[..., None].expand(-1, -1, -1, 3)

    pairs = changed(cache, replace(raw, source=spots), reshape=1.0)

    assert pairs.source_mesh is not None
    found = pairs.source[:, 0].flatten(1).argmax(1)
    found = torch.stack([found % SIDE, found // SIDE], dim=1) / (SIDE - 1) * 2 - 1
    assert (found - pairs.source_mesh[:, point]).abs().max() < 2.5 / SIDE
    assert (pairs.source_mesh - raw.source_mesh[..., :2]).norm(dim=-1).mean() > 0.03


def test_parts_of_a_batch_with_everything_are_those_of_the_whole(cache, stage):
    weights = LossWeights(mesh=1, still_flow=1)
    stage = replace(stage, batch_size=12, still_share=0.5, weights=weights, augment=EVERYTHING)

    def made(part: slice) -> Pairs:
        feed = CacheFeed(cache, stage, seed=1)
        feed.part = part
        feed.draw()
        return feed.draw()[0]

    whole = made(slice(0, 12))
    assert whole.hidden is not None and whole.known_map is not None and whole.seen is not None
    for rows in (slice(0, 5), slice(5, 12)):
        ours = made(rows)
        assert vars(ours).keys() == vars(whole).keys()
        for name, value in ((name, value) for name, value in vars(whole[rows]).items() if value is not None):
            torch.testing.assert_close(getattr(ours, name), value, rtol=0, atol=1e-5, equal_nan=True, msg=name)


def test_batches_with_everything_go_on_exactly_where_they_stopped(cache, stage):
    stage = replace(stage, batch_size=6, still_share=0.5, weights=LossWeights(still_flow=1), augment=EVERYTHING)
    feed, other = CacheFeed(cache, stage, seed=1), CacheFeed(cache, stage, seed=2)
    feed.draw()
    other.restore(feed.state())

    expected, found = vars(feed.draw()[0]), vars(other.draw()[0])

    assert expected["hidden"] is not None and expected["known_map"] is not None
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0, equal_nan=True, msg=name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_with_everything_made_on_a_gpu_are_those_of_the_processor(cache, stage):
    weights = LossWeights(mesh=1, still_flow=1)
    stage = replace(stage, batch_size=12, still_share=0.5, weights=weights, augment=EVERYTHING)
    here, there = CacheFeed(cache, stage, 0), CacheFeed(cache, stage, 0, "cuda")

    for _ in range(3):
        expected, actual = here.draw()[0], there.draw()[0]
        assert actual.source.device.type == "cuda"
        for name, value in ((name, value) for name, value in vars(expected).items() if value is not None):
            apart = (
                getattr(actual, name).cpu().float() - value.float()
            ).abs()  # a pixel may be on either side of an edge
            assert float((apart.nan_to_num() > 1e-3).float().mean()) < 1e-3, name


def test_heads_without_a_matte_shift_no_further(cache):
    raw = replace(drawn(cache, 16, still_share=1.0), matted=None)

    plain, layered = (changed(cache, raw, turn=1.0, layered=share) for share in (0.0, 1.0))

    assert plain.driving_mesh is not None and layered.driving_mesh is not None
    torch.testing.assert_close(plain.driving_mesh, layered.driving_mesh)


def test_some_heads_before_a_background_shift_far(cache):
    raw = drawn(cache, 64, still_share=1.0)

    pairs = changed(cache, raw, turn=1.0, layered=1.0, zoom=0.0, rotation_deg=0.0, shift=0.0)

    assert pairs.source_mesh is not None and pairs.driving_mesh is not None
    moved = (pairs.driving_mesh - pairs.source_mesh).nanmean(dim=1).norm(dim=1)
    moved = moved[moved.isfinite()]
    assert moved.max() > 0.3 and moved.median() < 0.2


def test_without_mattes_backgrounds_stay_and_the_rest_is_done(cache, stage):
    cache.matte = None
    stage = replace(stage, batch_size=8, still_share=0.5, weights=LossWeights(still_flow=1), augment=EVERYTHING)

    feed = CacheFeed(cache, stage, seed=1)

    assert feed.sampler.draw(8).matted is None
    pairs = feed.draw()[0]
    assert pairs.hidden is not None and pairs.source.isfinite().all()


def test_nobody_is_moved_where_no_matte_holds_the_face(cache):
    raw = drawn(cache, 8, still_share=0.0)
    assert raw.matted is not None
    behind = Behind.random(8, 1.0, torch.Generator().manual_seed(0))

    assert Layers.of_pairs(replace(raw, matted=torch.zeros(8, dtype=torch.bool)), behind, None) is None
    rows = Layers.of_pairs(replace(raw, matted=torch.arange(8) < 3), behind, None)
    assert rows is not None and rows.rows.tolist() == [0, 1, 2]


def test_shares_of_pairs_get_what_they_are_to_get():
    random = torch.Generator().manual_seed(0)

    behind, pieces = Behind.random(2000, 0.4, random), Pieces.random(2000, 0.2, random)

    assert behind.chosen.float().mean() == pytest.approx(0.4, abs=0.05)
    assert (~pieces.boxes.isnan()).all(1).float().mean() == pytest.approx(0.2, abs=0.04)
    boxes = pieces.boxes[~pieces.boxes.isnan().any(1)]
    assert (boxes.abs() <= 1 + 1e-6).all() and (boxes[:, 2:] > boxes[:, :2]).all()


def test_colours_fade_to_grey_and_light_follows_a_power():
    picture = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))

    faded = recoloured(picture, torch.tensor([0.0, 1.0]), torch.full((2, 3, 1, 1), 0.5), torch.full((2, 3, 1, 1), 0.1))

    grey = (picture[0] * torch.tensor(LUMA)[:, None, None]).sum(0)
    torch.testing.assert_close(faded[0], (0.5 * grey + 0.1).expand(3, -1, -1))
    torch.testing.assert_close(faded[1], 0.5 * picture[1] + 0.1)
    torch.testing.assert_close(
        with_gamma(picture, torch.tensor([2.0, 0.5])), torch.stack([picture[0] ** 2, picture[1] ** 0.5])
    )


@pytest.mark.parametrize("still_share", [0.0, 1.0])
def test_a_process_whose_share_has_no_portraits_or_nothing_else_makes_its_batch(cache, stage, still_share):
    weights = LossWeights(mesh=1, still_flow=1)
    stage = replace(stage, batch_size=1, still_share=still_share, weights=weights, augment=EVERYTHING)
    feed = CacheFeed(cache, stage, seed=1)

    for _ in range(8):
        pairs = feed.draw()[0]
        assert pairs.known_map is not None
        assert pairs.source.isfinite().all() and pairs.driving.isfinite().all() and pairs.known_map.isfinite().all()
