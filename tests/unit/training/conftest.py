"""A tiny data set and a tiny stage for tests of training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.networks.config import ModelConfig
from fom_core.training.data.frame_cache import CachedClip, FrameCache
from fom_core.training.perceptual import VggFeatures
from fom_core.training.settings import LossWeights, Stage
from fom_core.training.trainer import Trainer


@pytest.fixture(scope="session")
def blob_cache(clip: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of one clip, decoded, without landmarks; treat it as read-only."""
    folder = tmp_path_factory.mktemp("cache")
    np.save(folder / "frames.npy", clip[:, 8:72, 8:72])
    np.save(folder / "landmarks.npy", np.full((len(clip), 5, 2), np.nan, np.float32))
    (folder / "clips.json").write_text(json.dumps([vars(CachedClip("blob", "blob", "video", 0, len(clip)))]))
    return folder


@pytest.fixture
def cache(blob_cache: Path) -> FrameCache:
    return FrameCache(blob_cache)


@pytest.fixture
def stage(tiny_config: ModelConfig) -> Stage:
    weights = LossWeights(perceptual=(1.0, 1.0), l1=10.0)
    return Stage("tiny", tiny_config, steps=4, batch_size=2, warm_up=0, scales=(1.0, 0.5), weights=weights)


@pytest.fixture
def new_trainer():
    """Makes trainers that start alike."""

    def make(stage: Stage) -> Trainer:
        return Trainer(stage, VggFeatures((4, 8), seed=0), torch.device("cpu"), seed=0)

    return make
