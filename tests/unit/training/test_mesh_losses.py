"""Losses of the motion where it is known, against known values; and a stage that learns by them alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fom_core.geometry import identity_grid
from fom_core.networks.generator import OcclusionAwareGenerator
from fom_core.training.data.augment import Augment, AugmentConfig, Pairs
from fom_core.training.data.face_shape import FaceShape
from fom_core.training.data.mesh import EYES, LIPS, five_points
from fom_core.training.data.sampler import RawPairs
from fom_core.training.losses import anchor_loss
from fom_core.training.mesh_losses import at_points, mesh_loss, still_flow_loss, still_keypoint_losses
from fom_core.training.settings import LossWeights
from fom_core.types import Keypoints
from tests.drawn_meshes import face, posed

GRID = identity_grid(64, 64, like=torch.zeros(1))
SLOPE, SHIFT = torch.tensor([[0.9, 0.1], [-0.2, 0.8]]), torch.tensor([0.05, -0.03])
MESH = torch.from_numpy(posed(face())[None, :, :2]).float()
ALL = torch.ones(1, 468, dtype=torch.bool)


def moved(points: torch.Tensor) -> torch.Tensor:
    """Where places of the driving frame are in the source."""
    return points @ SLOPE.mT + SHIFT


def test_a_flow_that_takes_the_driving_mesh_to_the_source_s_costs_nothing():
    flow = moved(GRID)[None]

    assert mesh_loss(flow, moved(MESH), MESH, ALL) < 1e-6
    away = mesh_loss(flow, moved(MESH) + torch.tensor([0.1, 0.0]), MESH, ALL)
    assert away == pytest.approx((0.1 - 0.02 / 2) / 2, rel=1e-3), "smooth L1, mean over both axes"


def test_points_that_are_hidden_do_not_count_and_lips_count_most():
    off = moved(MESH).clone()
    off[0, 100] += 0.5
    hidden = ALL.clone()
    hidden[0, 100] = False
    flow = moved(GRID)[None]

    def cost(points: list[int]) -> float:
        shifted = moved(MESH).clone()
        shifted[0, points] += 0.1
        return float(mesh_loss(flow, shifted, MESH, ALL))

    assert mesh_loss(flow, off, MESH, hidden) < 1e-6 < mesh_loss(flow, off, MESH, ALL)
    assert cost(LIPS[:5]) == pytest.approx(3 * cost([100, 101, 102, 103, 104]), rel=1e-3)
    assert cost(EYES[:5]) == pytest.approx(2 * cost([100, 101, 102, 103, 104]), rel=1e-3)


def test_points_beyond_the_driving_frame_where_there_is_no_flow_do_not_count():
    aside = MESH + torch.tensor([0.8, 0.0])
    beyond = int((aside.abs() > 1).any(-1).sum())

    cost = mesh_loss(moved(GRID)[None], moved(aside), aside, ALL)

    assert 0 < beyond < 468
    assert cost < 1e-6


def test_the_mesh_loss_of_a_batch_is_the_mean_of_its_parts_also_where_meshes_are_unknown():
    flow = GRID.expand(4, -1, -1, -1)
    source, driving = moved(MESH).repeat(4, 1, 1), MESH.repeat(4, 1, 1)
    driving[1] = float("nan")
    seen = ALL.repeat(4, 1) & ~driving.isnan().any(-1)

    parts = [mesh_loss(flow[rows], source[rows], driving[rows], seen[rows]) for rows in (slice(2), slice(2, 4))]

    assert parts[0] > 0
    torch.testing.assert_close(mesh_loss(flow, source, driving, seen), torch.stack(parts).mean())


def test_the_flow_of_stills_is_compared_where_their_map_stays_in_the_picture():
    known = GRID[None] * torch.tensor([2.0, 1.0])  # half of it is beyond
    shift = torch.tensor([0.1, 0.0])

    def cost(weight: float) -> float:
        return float(still_flow_loss(known + shift, known, torch.tensor([weight])))

    inside = float((known.abs() < 1).all(-1).float().mean())
    assert cost(1.0) == pytest.approx(0.1 / 2 * inside, rel=1e-3)
    assert cost(3.0) == pytest.approx(3 * cost(1.0))
    assert cost(0.0) == 0


def test_keypoints_and_jacobians_that_move_with_the_portrait_cost_nothing():
    random = torch.Generator().manual_seed(0)
    value = torch.rand(2, 6, 2, generator=random) - 0.5
    jacobian = torch.eye(2) + 0.1 * torch.randn(2, 6, 2, 2, generator=random)
    driving, source = Keypoints(value, jacobian), Keypoints(moved(value), SLOPE @ jacobian)
    known, weight = moved(GRID).expand(2, -1, -1, -1), torch.ones(2)

    right = still_keypoint_losses(source, driving, known, weight)
    wrong = still_keypoint_losses(Keypoints(moved(value) + 0.2, jacobian), driving, known, weight)

    assert right[0] < 1e-5 and right[1] is not None and right[1] < 1e-4
    assert wrong[0] == pytest.approx(0.2, rel=1e-3)
    assert wrong[1] is not None and wrong[1] > 0.05
    assert still_keypoint_losses(Keypoints(value), Keypoints(value), known, weight)[1] is None


def test_jacobians_do_not_count_where_the_map_jumps_and_keypoints_not_where_something_hides_them():
    torn = torch.where((GRID[..., :1] > 0), moved(GRID), GRID)[None]
    value = torch.tensor([[[0.5, 0.1], [-0.5, 0.1], [0.01, 0.1], [0.5, -0.5]]])
    jacobian = torch.eye(2).expand(1, 4, 2, 2)
    source = Keypoints(at_points(torn, value), torch.stack([SLOPE, torch.eye(2), torch.eye(2), SLOPE])[None])
    source.value[:, 3] += 0.3  # what hides it does not move so
    box, nothing = torch.tensor([[0.3, -0.7, 0.7, -0.3]]), torch.full((1, 4), float("nan"))

    hidden, open_, unsaid = (
        still_keypoint_losses(source, Keypoints(value, jacobian), torn, torch.ones(1), hidden=each)
        for each in (box, nothing, None)
    )

    assert hidden[0] < 1e-6 and hidden[1] is not None and hidden[1] < 1e-4
    assert open_[0] == pytest.approx(0.3 / 4, rel=1e-3) and torch.equal(open_[0], unsaid[0])


def test_a_map_is_read_between_its_pixels():
    points = torch.tensor([[[0.123, -0.456], [1.0, -1.0]]])

    torch.testing.assert_close(at_points(GRID[None], points), points, rtol=0, atol=1e-6)


def test_lips_and_chin_are_anchored_to_the_mesh_where_there_is_one():
    five = torch.from_numpy(five_points(posed(face()))[None]).float()
    value = torch.cat([five, MESH[:, [0, 17, 152]]], dim=1)
    unknown = torch.full_like(MESH, float("nan"))

    assert anchor_loss(value, five, MESH) == 0
    off = value.clone()
    off[:, 7, 1] += 0.1
    assert anchor_loss(off, five, MESH) == pytest.approx((0.1 - 0.06) / 8, rel=1e-3)
    torch.testing.assert_close(anchor_loss(off, five, unknown), anchor_loss(off, five))
    assert anchor_loss(off, five) != anchor_loss(off, five, MESH)


@pytest.fixture
def pairs() -> Pairs:
    """Two pairs of meshes that differ, and two of one portrait each."""
    meshes = np.stack([posed(face(), turn) for turn in (0, 10, 5, 5)]).astype(np.float32)
    others = np.stack([posed(face(), turn) for turn in (20, -10, 5, 5)]).astype(np.float32)
    random = torch.Generator().manual_seed(0)
    first, second = torch.randint(256, (2, 4, 64, 64, 3), generator=random, dtype=torch.uint8)
    second[2:] = first[2:]
    here, there = (torch.from_numpy(five_points(each)).float() for each in (meshes, others))
    still = torch.tensor([False, False, True, True])
    raw = RawPairs(first, second, here, there, still, (), torch.from_numpy(meshes), torch.from_numpy(others))
    shape = FaceShape.of_meshes(meshes)
    return Augment(64, AugmentConfig(turn=1.0, apart=0.5), 0, shape=shape, maps=True)(raw)


MOTION = LossWeights(
    perceptual=(1.0, 1.0), mesh=60, still_flow=20, still_value=10, still_jacobian=2, warp=10, visibility=5, fold=8,
    equivariance_value=0, equivariance_jacobian=0,
)  # fmt: skip


def test_a_stage_whose_painter_is_fixed_learns_from_meshes_without_painting(stage, pairs, new_trainer, monkeypatch):
    monkeypatch.setattr(OcclusionAwareGenerator, "paint", None)
    monkeypatch.setattr(OcclusionAwareGenerator, "features", None)
    trainer = new_trainer(replace(stage, weights=MOTION, fixed=("painter",), lr=1e-3, steps=40))

    first, *_, last = [trainer.step(pairs) for _ in range(12)]

    losses = {name for name in first if not name.startswith("norm_")}
    assert losses == {"mesh", "still_flow", "still_value", "still_jacobian", "warp", "visibility", "fold"}
    assert last["mesh"] < 0.9 * first["mesh"]


def test_a_fixed_painter_paints_for_losses_that_look_at_what_it_paints(stage, pairs, new_trainer):
    weights = replace(MOTION, evidence=3.0)

    losses = new_trainer(replace(stage, weights=weights, fixed=("painter",))).step(pairs)

    assert losses["evidence"] > 0


def test_without_meshes_their_losses_are_left_out(stage, pairs, new_trainer):
    plain = Pairs(pairs.source, pairs.driving, pairs.source_landmarks, pairs.driving_landmarks, pairs.still)

    losses = new_trainer(replace(stage, weights=MOTION, fixed=("painter",))).step(plain)

    assert {name for name in losses if not name.startswith("norm_")} == {"warp", "visibility", "fold"}


def test_a_batch_with_meshes_in_parts_gives_the_losses_of_the_whole(stage, pairs, new_trainer):
    weights = replace(MOTION, warp=0, visibility=0)
    whole, parts = (
        new_trainer(replace(stage, weights=weights, fixed=("painter", "statistics"), accumulate=count, clip_norm=0))
        for count in (1, 2)
    )

    assert parts.step(pairs) == pytest.approx(whole.step(pairs), rel=1e-3)
