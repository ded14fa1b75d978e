"""A tiny training on the blob clip: it learns, resumes exactly, and hands over between stages."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.errors import TrainingDiverged, UsageError
from fom_core.networks.config import DiscriminatorConfig
from fom_core.networks.model import create_model
from fom_core.training.checkpoint import Checkpointing, carry_over, latest_checkpoint, load_latest
from fom_core.training.config import load_config
from fom_core.training.contact_sheet import contact_sheet
from fom_core.training.data.augment import Augment, AugmentConfig
from fom_core.training.data.feed import CacheFeed
from fom_core.training.data.frame_cache import CachedClip
from fom_core.training.data.sampler import PairSampler
from fom_core.training.figures import reconstruction_figures
from fom_core.training.loop import train, train_stage
from fom_core.training.settings import TrainConfig

ROOT = Path(__file__).resolve().parents[3]


def test_a_few_steps_lower_the_loss(stage, cache, new_trainer):
    trainer = new_trainer(replace(stage, steps=100, lr=2e-3))
    augment, sampler = Augment(64, AugmentConfig(0, 0, 0, 0), 0), PairSampler(cache, 0)

    losses = [trainer.step(augment(sampler.draw(2)))["l1"] for _ in range(25)]

    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_an_interrupted_training_goes_on_exactly(stage, cache, tmp_path, new_trainer):
    whole, resumed = new_trainer(stage), new_trainer(stage)
    train_stage(whole, CacheFeed(cache, stage, 0), None, tmp_path / "whole", checkpointing=Checkpointing(2))
    shutil.copytree(tmp_path / "whole" / "step-000002", tmp_path / "resumed" / "step-000002")

    train_stage(resumed, CacheFeed(cache, stage, 0), None, tmp_path / "resumed", checkpointing=Checkpointing(2))

    assert resumed.step_number == 4
    for name, value in whole.weights().items():
        torch.testing.assert_close(resumed.weights()[name], value, msg=name)


def test_a_time_limit_ends_a_stage_early(stage, cache, tmp_path, new_trainer):
    trainer = new_trainer(replace(stage, steps=10_000, minutes=0.01))

    train_stage(trainer, CacheFeed(cache, stage, 0), None, tmp_path)

    assert 0 < trainer.step_number < 1000
    assert latest_checkpoint(tmp_path) is not None


def test_stages_hand_over_what_fits_and_finished_ones_are_skipped(stage, cache, tmp_path):
    deeper = replace(stage.model, generator=replace(stage.model.generator, bottleneck=(16, 16)))
    config = TrainConfig("two", (stage, replace(stage, name="deeper", model=deeper)), perceptual_widths=(4, 8))
    lines: list[str] = []

    model = train(config, cache, cache, tmp_path / "run", checkpointing=Checkpointing(4), report=lines.append)
    again = train(config, cache, cache, tmp_path / "run", checkpointing=Checkpointing(4))

    assert len(model.config.generator.bottleneck) == 2
    (line,) = [line for line in lines if "start fresh" in line]
    assert line.startswith("deeper: ") and "such as generator.bottleneck" in line
    assert (tmp_path / "run" / "2-deeper" / "sheet-000004.png").is_file()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, msg=name)


class Spoilt(CacheFeed):
    """Draws a picture without numbers in its third batch."""

    drawn = 0

    def draw(self):
        pairs, what = super().draw()
        self.drawn += 1
        return (replace(pairs, source=pairs.source * float("nan")) if self.drawn == 3 else pairs), what


def test_a_batch_without_numbers_is_named_and_leaves_the_last_good_checkpoint(stage, cache, tmp_path, new_trainer):
    with pytest.raises(TrainingDiverged, match="frames of blob"):
        train_stage(new_trainer(stage), Spoilt(cache, stage, 0), None, tmp_path, checkpointing=Checkpointing(1))

    found = load_latest(tmp_path)

    assert found is not None
    assert found[1]["step"] == 2
    assert all(value.isfinite().all() for value in found[0].values())


def test_a_training_starts_from_the_weights_that_are_given(stage, cache, tmp_path):
    still = replace(stage, steps=1, lr=0.0)
    given = create_model(stage.model)

    model = train(TrainConfig("fine", (still,), perceptual_widths=(4, 8)), cache, None, tmp_path, init=given)

    for (name, ours), theirs in zip(model.named_parameters(), given.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, msg=name)


def test_between_its_turns_the_keypoint_detector_keeps_its_weights(stage, cache, tmp_path, new_trainer):
    trainer = new_trainer(replace(stage, keypoints_every=3))
    before = [parameter.clone() for parameter in trainer.model.keypoint_detector.parameters()]
    trainer.step_number = 1
    augment, sampler = Augment(64, stage.augment, 0), PairSampler(cache, 0)

    losses = trainer.step(augment(sampler.draw(2)))

    assert "equivariance_value" not in losses
    for old, new in zip(before, trainer.model.keypoint_detector.parameters(), strict=True):
        assert torch.equal(old, new)
    trainer.step_number = 3
    assert "equivariance_value" in trainer.step(augment(sampler.draw(2)))


def test_a_discriminator_adds_its_losses(stage, cache, new_trainer):
    weights = replace(stage.weights, generator_gan=1.0, feature_matching=(10.0, 10.0))
    discriminator = DiscriminatorConfig(block_expansion=4, max_features=8, num_blocks=2)
    trainer = new_trainer(replace(stage, weights=weights, discriminator=discriminator))

    losses = trainer.step(Augment(64, stage.augment, 0)(PairSampler(cache, 0).draw(2)))

    assert {"generator_gan", "feature_matching", "discriminator_gan"} <= set(losses)


def test_carrying_over_leaves_out_other_shapes_and_the_blur_of_the_input(tiny_config):
    small = create_model(tiny_config)
    detector = replace(tiny_config.keypoint_detector, scale_factor=0.5)
    other = create_model(replace(tiny_config, keypoint_detector=detector))

    fresh = carry_over(other, small.state_dict())

    assert fresh == []
    ours, theirs = other.state_dict(), small.state_dict()
    assert torch.equal(ours["keypoint_detector.kp.weight"], theirs["keypoint_detector.kp.weight"])
    assert ours["keypoint_detector.down.weight"].shape[-1] == 5


def test_figures_of_a_still_clip_say_that_copying_is_perfect(tiny_config, cache):
    cache.frames = np.stack([cache.frames[0]] * len(cache.frames))

    figures = reconstruction_figures(create_model(tiny_config), cache, frames_per_clip=3)

    assert figures is not None
    assert figures.copy_l1 == 0
    assert figures.l1 > 0
    assert figures.frames == 3


def test_portraits_alone_have_a_contact_sheet_but_no_figures(tiny_config, cache):
    cache.clips = [CachedClip(name, name, "still", index, 1) for index, name in enumerate("ab")]
    model = create_model(tiny_config)

    assert reconstruction_figures(model, cache) is None
    assert contact_sheet(model, cache).shape == (2 * 128, 2 * 7 * 128, 3)


def test_a_contact_sheet_has_a_row_per_person(tiny_config, cache):
    assert contact_sheet(create_model(tiny_config), cache).shape == (128, 2 * 7 * 128, 3)


def test_the_configuration_of_mini_is_read_whole():
    config = load_config(ROOT / "fom_core" / "configs" / "mini.yaml")

    motion, picture, *_ = config.stages
    assert config.dataset.licence_classes == ("permissive",)
    assert motion.model.keypoint_detector.scale_factor == 2 * picture.model.keypoint_detector.scale_factor
    assert picture.model.image_size == (128, 128)
    assert config.needs_landmarks


def test_an_unknown_key_is_refused_by_name(tmp_path):
    text = (ROOT / "fom_core" / "configs" / "mini.yaml").read_text()
    (tmp_path / "bad.yaml").write_text(text.replace("  batch_size:", "  batch_sice:"))

    with pytest.raises(UsageError, match="batch_sice"):
        load_config(tmp_path / "bad.yaml")
