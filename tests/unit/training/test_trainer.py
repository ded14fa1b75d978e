"""One step: precision, accumulation, schedule, averaging, and steps that go wrong."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from fom_core.errors import TrainingDiverged
from fom_core.networks.config import DiscriminatorConfig
from fom_core.training.data.augment import Pairs
from fom_core.training.data.feed import CacheFeed
from fom_core.training.perceptual import VggFeatures
from fom_core.training.schedule import learning_rate_factor
from fom_core.training.settings import LossWeights
from fom_core.training.trainer import Trainer

CRITIC = DiscriminatorConfig(block_expansion=4, max_features=8, num_blocks=2)


@pytest.fixture
def pairs(cache, stage) -> Pairs:
    return CacheFeed(cache, replace(stage, batch_size=4), seed=0).draw()[0]


@pytest.fixture
def adversarial(stage):
    weights = replace(stage.weights, generator_gan=1.0, feature_matching=(10.0, 10.0))
    return replace(stage, weights=weights, discriminator=CRITIC)


def test_a_batch_in_parts_gives_the_gradients_of_the_whole(adversarial, pairs, new_trainer):
    weights = replace(adversarial.weights, equivariance_value=0.0, equivariance_jacobian=0.0)
    stage = replace(adversarial, weights=weights, clip_norm=0.0)
    # Equal rows: the normalisation sees no difference. In float64, for random networks amplify rounding.
    rows = {name: value[:1].expand(4, *value.shape[1:]) for name, value in vars(pairs).items() if value is not None}
    alike = replace(Pairs(**rows), source=rows["source"].double(), driving=rows["driving"].double())
    trainers = new_trainer(stage), new_trainer(replace(stage, accumulate=2))
    for trainer in trainers:
        trainer.objective.double()
        trainer.average.double()

    whole, parts = (trainer.step(alike) for trainer in trainers)

    assert parts == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_stays_near_full_precision_and_learns(adversarial, pairs, precision, new_trainer):
    full = new_trainer(adversarial).step(pairs)
    trainer = new_trainer(replace(adversarial, precision=precision, lr=1e-3))

    first, *_, last = [trainer.step(pairs) for _ in range(5)]

    losses = [name for name in full if not name.startswith("norm_")]
    assert {name: first[name] for name in losses} == pytest.approx({name: full[name] for name in losses}, rel=0.05)
    assert last["l1"] < first["l1"]


def test_keypoints_stay_in_single_precision(stage, pairs, new_trainer):
    full, half = new_trainer(stage), new_trainer(replace(stage, precision="bfloat16"))

    ours, theirs = half.model.detect_keypoints(pairs.source), full.model.detect_keypoints(pairs.source)

    assert ours.value.dtype == torch.float32
    assert not torch.equal(ours.value, theirs.value)
    torch.testing.assert_close(ours.value, theirs.value, rtol=0, atol=0.02)


def test_the_memory_layout_leaves_the_losses_unchanged(stage, pairs, new_trainer):
    last = new_trainer(stage).step(pairs)
    first = new_trainer(replace(stage, channels_last=False)).step(pairs)

    assert first == pytest.approx(last, rel=1e-4)


def test_the_learning_rate_rises_drops_behind_milestones_and_ends_at_zero(stage):
    stage = replace(stage, steps=100, warm_up=4, step_milestones=(50, 60), decay_share=0.2)

    factors = [learning_rate_factor(stage, step, step / 100) for step in (0, 4, 49, 50, 60, 100)]

    assert factors == pytest.approx([0.2, 1.0, 1.0, 0.1, 0.01, 0.0])


def test_each_network_has_its_own_learning_rate(adversarial, pairs, new_trainer):
    trainer = new_trainer(replace(adversarial, lr_kp_detector=0.0, lr_discriminator=1e-5, decay_share=0.0))
    before = [parameter.clone() for parameter in trainer.model.keypoint_detector.parameters()]

    trainer.step(pairs)

    assert trainer.optimizers["generator"].param_groups[-1]["lr"] == trainer.stage.lr
    assert trainer.optimizers["discriminator"].param_groups[0]["lr"] == 1e-5
    for old, new in zip(before, trainer.model.keypoint_detector.parameters(), strict=True):
        assert torch.equal(old, new)


def test_clipping_limits_what_one_step_changes(stage, pairs, new_trainer):
    free, tight = new_trainer(stage), new_trainer(replace(stage, clip_norm=1e-9))

    norms = free.step(pairs)["norm_generator"], tight.step(pairs)["norm_generator"]

    assert norms[0] == pytest.approx(norms[1])  # told as they were before clipping
    moments = [trainer.optimizers["generator"].state_dict()["state"][0]["exp_avg"].norm() for trainer in (free, tight)]
    assert moments[1] < 1e-6 * moments[0]


def test_averaged_weights_follow_slowly(stage, pairs, new_trainer):
    trainer = new_trainer(replace(stage, ema=0.5))
    start = trainer.average.generator.final.weight.clone()
    trainer.step_number = 100

    trainer.step(pairs)

    new = trainer.model.generator.final.weight
    torch.testing.assert_close(trainer.average.generator.final.weight, (start + new) / 2)


def test_a_step_without_numbers_names_its_losses_and_its_clips(stage, pairs, new_trainer):
    spoilt = replace(pairs, driving=torch.full_like(pairs.driving, float("nan")))

    with pytest.raises(TrainingDiverged, match=r"Step 1 of tiny.*l1.*on frames of blob.*last checkpoint"):
        new_trainer(stage).step(spoilt, what="frames of blob")


def test_a_gradient_without_numbers_is_noticed_before_anything_is_saved(stage, pairs, new_trainer):
    trainer = new_trainer(stage)
    trainer.model.generator.final.weight.register_hook(lambda gradient: gradient * float("nan"))

    with pytest.raises(TrainingDiverged, match="norm_generator"):
        trainer.step(pairs)


@pytest.mark.slow
def test_compiled_networks_have_the_same_losses(adversarial, pairs, monkeypatch, new_trainer):
    """Captured as graphs, which is where compiling can go wrong; turning them into machine code takes minutes more."""
    compiled = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled(module, backend="aot_eager"))

    ours = new_trainer(replace(adversarial, compile=True, precision="bfloat16")).step(pairs)

    assert ours == pytest.approx(new_trainer(replace(adversarial, precision="bfloat16")).step(pairs), rel=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_recorded_steps_are_those_launched_one_by_one(adversarial, pairs, precision):
    """With a low learning rate, for steps on a GPU differ from run to run and training amplifies that."""
    stage = replace(adversarial, precision=precision, keypoints_every=2, steps=100, lr=1e-6)
    eager, recorded = on_gpu(stage), on_gpu(replace(stage, cuda_graphs=True))

    for shift in range(12):
        batch = replace(pairs, driving=pairs.driving.roll(shift, dims=3))
        expected, actual = eager.step(batch), recorded.step(batch)
        assert actual == pytest.approx(expected, rel=1e-3 if precision == "float32" else 0.05), f"step {shift}"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_steps_learn_and_follow_the_learning_rate(stage, pairs):
    trainer = on_gpu(replace(stage, cuda_graphs=True, steps=60, lr=1e-3, decay_share=0.5))

    begun = time.monotonic()
    losses = [trainer.step(pairs)["l1"] for _ in range(59)]
    assert trainer.seconds > 0.9 * (time.monotonic() - begun)  # of the work, not of its launch
    before = trainer.model.generator.state_dict()["final.weight"].clone()
    trainer.step_number = 60  # behind the end, where the rate is 0
    trainer.step(pairs)

    assert losses[-1] < 0.8 * losses[0]
    assert torch.equal(trainer.model.generator.state_dict()["final.weight"], before)


def on_gpu(stage) -> Trainer:
    return Trainer(stage, VggFeatures((4, 8), seed=0), torch.device("cuda"), seed=0)


def test_without_a_gpu_steps_are_not_recorded(stage, pairs, new_trainer):
    assert new_trainer(replace(stage, cuda_graphs=True)).step(pairs) == new_trainer(stage).step(pairs)


def test_a_training_with_recorded_steps_goes_on_without(stage, pairs, new_trainer):
    """The state of its optimisers says how and with what kind of learning rate they computed."""
    first, second = new_trainer(stage), new_trainer(stage)
    first.step(pairs)
    weights, state = {name: value.clone() for name, value in first.weights().items()}, deepcopy(first.state())
    for optimizer in state["optimizers"].values():
        for group in optimizer["param_groups"]:
            group |= {"fused": True, "capturable": True, "lr": torch.tensor(group["lr"])}

    second.restore(weights, state)

    assert second.step(pairs) == first.step(pairs)


MOTION = LossWeights(perceptual=(0.0,), warp=5.0, visibility=0.0, evidence=1.0, composed=5.0, fold=1.0)


def test_what_is_fixed_stays_as_it_is_and_the_rest_learns(stage, pairs, new_trainer):
    stage = replace(stage, weights=MOTION, fixed=("keypoint_detector", "painter", "statistics"))
    trainer = new_trainer(stage)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}

    losses = trainer.step(pairs)

    changed = {name for name, value in trainer.model.state_dict().items() if not torch.equal(value, before[name])}
    assert {"warp", "evidence", "composed", "fold"} <= set(losses)
    assert changed
    assert all(name.startswith("generator.dense_motion_network.") for name in changed)
    assert not any("running" in name or "num_batches" in name for name in changed)


def test_the_composed_picture_teaches_painting_too(stage, pairs, new_trainer):
    weights = LossWeights(perceptual=(0.0,), composed=5.0, singular=1.0)
    trainer = new_trainer(replace(stage, weights=weights))
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}

    losses = trainer.step(pairs)

    parts = ("keypoint_detector.", "generator.final.", "generator.dense_motion_network.mask.")
    for part in parts:
        assert any(
            not torch.equal(value, before[name])
            for name, value in trainer.model.named_parameters()
            if name.startswith(part)
        )
    assert losses["composed"] > 0
    assert losses["singular"] >= 0
