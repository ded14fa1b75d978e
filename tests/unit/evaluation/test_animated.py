"""The adapter between animation and its measures: frames with the flow by which they were made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fom_core.errors import UnsupportedModel
from fom_core.evaluation.animated import AnimatedPicture, features_size, generator_flow
from fom_core.evaluation.view import moved
from fom_core.faces.regions import whole_picture
from fom_core.geometry import identity_grid
from fom_core.networks import create_model
from fom_core.pipeline import driving_keypoints
from fom_core.types import FaceRegion, FaceSet, MotionTransfer

FRAME = (120, 160)
CROP = (40.0, 30.0, 104.0, 94.0)


def a_face(roll_deg: float = 0.0) -> FaceRegion:
    return FaceRegion(CROP, CROP, 1.0, 0, FRAME, roll_deg=roll_deg)


def shifted(x: float, y: float) -> torch.Tensor:
    """A deformation on 16x16 that reads everything this far away, in halves of the picture."""
    grid = identity_grid(16, 16, like=torch.zeros(1))
    return (grid + torch.tensor([x, y]))[None]


def test_a_shift_is_told_in_pixels_of_the_picture_and_nothing_moves_outside_the_crop(tiny_config):
    config = replace(tiny_config, displacement_flow=True)

    (flow,) = generator_flow(shifted(0.25, -0.5), config, a_face())

    inside = flow[30:94, 40:104]
    step = 64 / 32 * 31 / 2  # features of 32 pixels, corner-aligned, under a crop of 64
    np.testing.assert_allclose(inside, np.broadcast_to([0.25 * step, -0.5 * step], inside.shape), atol=1e-3)
    inside[...] = 0
    assert not flow.any()


def test_the_flow_of_a_rolled_head_is_rolled(tiny_config):
    config = replace(tiny_config, displacement_flow=True)

    (upright,), (turned,) = (generator_flow(shifted(0.25, 0), config, a_face(roll)) for roll in (0, 90))

    middle = 62, 72
    assert turned[middle] == pytest.approx([0, upright[middle][0]], abs=1e-4)  # to the right became downward


def test_places_that_are_resized_pull_the_crop_together_and_displacement_does_not(tiny_config):
    still = shifted(0, 0)
    places = replace(tiny_config, displacement_flow=False)

    (pulled,) = generator_flow(still, places, a_face())
    (kept,) = generator_flow(still, replace(places, displacement_flow=True), a_face())

    assert pulled[62, 100, 0] > 0.5  # to the right of the middle it reads from further out
    assert np.abs(kept).max() < 1e-4


@pytest.mark.parametrize("displacement_flow", [False, True])
def test_the_flow_is_the_one_that_the_generator_warps_by(tiny_config, displacement_flow):
    torch.manual_seed(0)
    model = create_model(replace(tiny_config, displacement_flow=displacement_flow)).eval()
    size = features_size(model.config)
    y, x = np.mgrid[: size[0], : size[1]]
    picture = (128 + 60 * np.sin(x / 5) + 50 * np.cos(y / 4)).astype(np.float32)
    deformation = shifted(0, 0) * 0.8 + 0.05 * torch.sin(6 * shifted(0, 0).flip(-1))

    (flow,) = generator_flow(deformation, model.config, whole_picture(size)[0])
    expected = model.generator.deform(torch.from_numpy(picture)[None, None], deformation)[0, 0].detach().numpy()

    assert np.abs(flow).max() > 1
    assert np.abs(moved(picture, flow) - expected)[2:-2, 2:-2].max() < 2


def test_the_border_blend_holds_the_border(tiny_config):
    config = replace(tiny_config, displacement_flow=True, border_blend=True)

    (flow,) = generator_flow(shifted(0.25, 0), config, a_face())

    assert flow[62, 72, 0] > 7
    assert abs(flow[62, 40, 0]) < 0.5


def test_frames_come_in_the_order_of_their_numbers_and_chunks_do_not_matter(tiny_model, clip):
    driving = driving_keypoints(tiny_model, clip)
    moving = AnimatedPicture(tiny_model, clip[0], whole_picture(clip.shape[1:3]))

    parts = list(moving.frames(driving, [7, 2, 7], chunk_size=2))
    frames, flows = (np.concatenate(part) for part in zip(*parts, strict=True))
    ((alone, flow),) = moving.frames(driving, [2])

    assert [len(part[0]) for part in parts] == [2, 1]
    assert frames.shape == (3, 80, 80, 3)
    assert flows.shape == (3, 80, 80, 2)
    np.testing.assert_array_equal(frames[0], frames[2])
    assert np.abs(frames[1].astype(int) - alone[0]).max() <= 1
    np.testing.assert_allclose(flows[1], flow[0], atol=1e-3)
    assert np.abs(flows[0] - flows[1]).max() > 0.1


def test_pixels_outside_the_crop_stay_and_the_transfer_is_heeded(tiny_model, clip):
    faces = FaceSet.from_crops([(20, 20, 44, 44)], (80, 80))
    driving = driving_keypoints(tiny_model, clip)

    moving = AnimatedPicture(tiny_model, clip[0], faces)

    ((frames, _),) = moving.frames(driving, [5])
    ((_, frozen),) = moving.frames(driving, [0, 5], transfer=MotionTransfer(gain=0))

    np.testing.assert_array_equal(frames[0, 60:], clip[0, 60:])
    assert (frames[0] != clip[0]).any()
    np.testing.assert_allclose(frozen[0], frozen[1], atol=1e-4)


def test_a_model_without_flow_is_refused(tiny_config, clip):
    model = create_model(replace(tiny_config, generator=replace(tiny_config.generator, dense_motion=None))).eval()

    with pytest.raises(UnsupportedModel, match="dense motion"):
        AnimatedPicture(model, clip[0], whole_picture(clip.shape[1:3]))


def test_the_flows_of_several_faces_are_one(tiny_model, clip):
    left, right = (0, 0, 30, 30), (50, 50, 80, 80)
    driving = driving_keypoints(tiny_model, clip)

    def flow_of(*crops):
        ((_, flow),) = AnimatedPicture(tiny_model, clip[0], FaceSet.from_crops(crops, (80, 80))).frames(driving, [6])
        return flow

    np.testing.assert_allclose(flow_of(left, right), flow_of(left) + flow_of(right), atol=1e-3)
    assert np.abs(flow_of(left)).max() > 0.1
