"""A tiny model learns one clip by heart, and starts from still frames of reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fom_core.networks.model import create_model
from fom_core.training.data.augment import AugmentConfig
from fom_core.training.data.feed import CacheFeed
from fom_core.training.settings import LossWeights


def test_the_jacobians_of_a_fresh_model_are_the_identity(tiny_config):
    keypoints = create_model(tiny_config).detect_keypoints(torch.rand(2, 3, 64, 64))

    assert keypoints.jacobian is not None
    torch.testing.assert_close(keypoints.jacobian, torch.eye(2).expand_as(keypoints.jacobian))


@pytest.fixture
def thirty_frames(cache, clip):
    """A blob that wanders over a smooth ground: 30 frames."""
    y, x = np.mgrid[:64, :64]
    ground = np.stack([x, y, 63 - x], axis=-1) * 2.0
    frames = []
    for t in np.linspace(0, 2 * np.pi, 30, endpoint=False):
        distance = (x - 32 - 12 * np.cos(t)) ** 2 + (y - 32 - 12 * np.sin(t)) ** 2
        frames.append(ground + 125 * np.exp(-distance / 90)[..., None])
    cache.frames = np.stack(frames).astype(np.uint8)
    cache.landmarks = np.full((30, 5, 2), np.nan, np.float32)
    cache.clips = [replace(cache.clips[0], length=30)]
    return cache


@pytest.mark.slow
def test_a_tiny_model_learns_one_clip_by_heart(stage, thirty_frames, new_trainer):
    weights = LossWeights(perceptual=(1.0, 1.0), l1=10.0)
    stage = replace(
        stage, steps=400, lr=2e-3, batch_size=4, weights=weights, augment=AugmentConfig(0, 0, 0, 0), decay_share=0.3
    )
    trainer, feed = new_trainer(stage), CacheFeed(thirty_frames, stage, seed=0)

    losses = []
    for _ in range(stage.steps):
        figures = trainer.step(feed.draw()[0])
        losses.append(sum(value for name, value in figures.items() if not name.startswith("norm_")))

    assert np.mean(losses[-10:]) < 0.2 * np.mean(losses[:3])
