"""What a student learns from, and what stays as it is."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from fom_core.compress.distil import Distillation, learning_model
from fom_core.networks import create_model
from fom_core.training.data.augment import Pairs, Transform
from fom_core.training.perceptual import VggFeatures
from fom_core.training.settings import LossWeights, Stage
from fom_core.training.trainer import Trainer

WEIGHTS = LossWeights(
    perceptual=(1.0,), l1=1.0, teacher_value=10.0, teacher_jacobian=1.0, teacher_motion=1.0, teacher_picture=1.0
)
TEACHER_LOSSES = {"teacher_value", "teacher_jacobian", "teacher_motion", "teacher_picture"}


@pytest.fixture
def teacher(tiny_model):
    return copy.deepcopy(tiny_model)


@pytest.fixture
def pairs():
    random = torch.Generator().manual_seed(0)
    source, driving = torch.rand(2, 2, 3, 64, 64, generator=random)
    unknown = torch.full((2, 5, 2), float("nan"))
    return Pairs(source, driving, unknown, unknown, torch.zeros(2, dtype=torch.bool))


def trainer_of(learns, teacher, steps=10):
    student = replace(
        teacher.config,
        keypoint_detector=replace(teacher.config.keypoint_detector, mobile=True),
        generator=replace(teacher.config.generator, mobile=True),
    )
    model = learning_model(Stage("s", student, learns=learns), student, teacher.config)
    stage = Stage(
        "s", model, steps=steps, batch_size=2, warm_up=0, scales=(1.0,), weights=WEIGHTS, learns=learns, lr=1e-3
    )
    make = partial(Distillation, teacher=teacher)
    return Trainer(stage, VggFeatures((4,), seed=0), torch.device("cpu"), 0, make)


@pytest.mark.parametrize(("learns", "fixed"), [("keypoint_detector", "generator"), ("generator", "keypoint_detector")])
def test_one_network_learns_and_the_other_stays_the_teachers(teacher, pairs, learns, fixed):
    trainer = trainer_of(learns, teacher)
    before = copy.deepcopy(trainer.model.state_dict())

    losses = [trainer.step(pairs) for _ in range(3)]

    for name, value in trainer.model.state_dict().items():
        if name.startswith(fixed):
            assert torch.equal(value, teacher.state_dict()[name]), name  # statistics of the normalisation included
        elif name.endswith("weight") and "down.weight" not in name:
            assert not torch.equal(value, before[name]), name
    assert f"norm_{learns}" in losses[0]
    assert f"norm_{fixed}" not in losses[0]
    assert ("equivariance_value" in losses[0]) == (learns == "keypoint_detector")


def test_a_student_comes_nearer_to_its_teacher(teacher, pairs):
    trainer = trainer_of("both", teacher, steps=1000)
    losses = [trainer.step(pairs) for _ in range(30)]
    assert set(losses[0]) >= TEACHER_LOSSES
    for name in ("teacher_value", "teacher_picture"):
        assert losses[-1][name] < 0.8 * losses[0][name]


def test_the_teacher_itself_is_at_no_distance(teacher, pairs):
    stage = Stage("s", teacher.config, steps=1, scales=(1.0,), weights=WEIGHTS)
    objective = Distillation(stage, VggFeatures((4,), seed=0), teacher)
    objective.model.load_state_dict(teacher.state_dict())
    objective.eval()
    warp = Transform.random(2, 0.05, 0.005, 5, torch.Generator().manual_seed(0))

    losses = objective.generator_losses(pairs, warp).losses

    assert {name: float(losses[name].detach()) for name in TEACHER_LOSSES} == dict.fromkeys(TEACHER_LOSSES, 0.0)


def test_the_teacher_gets_no_gradients_and_no_new_statistics(teacher, pairs):
    before = copy.deepcopy(teacher.state_dict())
    trainer_of("both", teacher).step(pairs)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_teacher_of_other_widths_and_resolution_will_do(teacher, pairs, tiny_config):
    motion = replace(tiny_config.generator.dense_motion, scale_factor=0.5)
    other = replace(tiny_config, generator=replace(tiny_config.generator, dense_motion=motion, down=(24,)))
    stage = Stage("s", other, steps=1, batch_size=2, scales=(1.0,), weights=WEIGHTS)
    trainer = Trainer(stage, VggFeatures((4,), seed=0), torch.device("cpu"), 0, partial(Distillation, teacher=teacher))
    assert trainer.step(pairs)["teacher_motion"] > 0
    assert create_model(other).config == trainer.model.config
