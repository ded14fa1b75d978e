"""Runs a tiny training in a process of its own, alone or as one of several: started by tests, not collected.

python train_blob.py CACHE OUTPUT BATCH_SIZE STEPS EVERY
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from fom_core.networks import DenseMotionConfig, GeneratorConfig, HourglassConfig, KeypointDetectorConfig, ModelConfig
from fom_core.networks.config import DiscriminatorConfig
from fom_core.parallel.distributed import rank, training_group
from fom_core.training.checkpoint import Checkpointing
from fom_core.training.data.augment import AugmentConfig
from fom_core.training.data.feed import CacheFeed
from fom_core.training.data.frame_cache import FrameCache
from fom_core.training.loop import train_stage
from fom_core.training.perceptual import VggFeatures
from fom_core.training.settings import LossWeights, Stage
from fom_core.training.trainer import Trainer
from tests.drawn_meshes import face, posed

TINY = ModelConfig(
    KeypointDetectorConfig(HourglassConfig.regular(8, 16, 2), num_kp=8),
    GeneratorConfig.regular(8, 16, 1, 1, DenseMotionConfig(HourglassConfig.regular(8, 16, 2)), num_kp=8),
    image_size=(64, 64),
)
WEIGHTS = LossWeights(
    perceptual=(1.0, 1.0),
    l1=10.0,
    generator_gan=1.0,
    feature_matching=(10.0, 10.0),
    anchor=5.0,
    mouth=3.0,
    eyes=2.0,
    mesh=5.0,
    still_flow=2.0,
    still_value=2.0,
    still_jacobian=1.0,
)
FACE = ((-0.2, -0.2), (0.2, -0.2), (0.0, 0.05), (-0.15, 0.3), (0.15, 0.3))
DISCRIMINATOR = DiscriminatorConfig(block_expansion=4, max_features=8, num_blocks=2)


class Doubled(CacheFeed):
    """Pictures in float64: random networks amplify rounding, which would hide what is compared."""

    def draw(self):
        pairs, what = super().draw()
        given = {name: value for name, value in vars(pairs).items() if value is not None}
        values = {name: value.double() if value.is_floating_point() else value for name, value in given.items()}
        return type(pairs)(**values), what


def drawn(count: int) -> np.ndarray:
    """Meshes of a head that turns, two of three frames without one."""
    meshes = np.full((count, 468, 3), np.nan, np.float32)
    for number in range(0, count, 3):
        meshes[number] = posed(face(), 3 * number)
    return meshes


def main(cache: str, output: str, batch_size: int, steps: int, every: int) -> None:
    stage = Stage(
        "blob",
        TINY,
        steps,
        batch_size=batch_size,
        warm_up=0,
        scales=(1.0, 0.5),
        weights=WEIGHTS,
        augment=AugmentConfig(tone=0.5, damage=1.0, apart=0.5, turn=1.0),
        still_share=0.4,
        video_still_share=1.0,
        discriminator=DISCRIMINATOR,
    )
    with training_group("cpu") as device:
        trainer = Trainer(stage, VggFeatures((4, 8), seed=0), device, seed=0)
        trainer.objective.double()
        trainer.average.double()
        steps_made = []
        step = trainer.step
        trainer.step = lambda *args, **options: steps_made.append(step(*args, **options)) or steps_made[-1]
        frames = FrameCache(Path(cache))
        frames.mesh = drawn(frames.landmarks.shape[0])
        frames.landmarks[::3] = FACE  # so some pictures of a batch have landmarks, in one process more than in another
        feed = Doubled(frames, stage, seed=0)
        train_stage(
            trainer,
            feed,
            None,
            Path(output),
            checkpointing=Checkpointing(every),
            report=lambda line: print(line, flush=True),
        )
        (Path(output) / f"losses-{rank()}.json").write_text(json.dumps(steps_made))
        torch.save(trainer.weights(), Path(output) / f"weights-{rank()}.pt")


if __name__ == "__main__":
    batch_size, steps, every = map(int, sys.argv[3:])
    main(sys.argv[1], sys.argv[2], batch_size, steps, every)
