"""Puts a trained ``mini`` into the package: the model in half precision, its motions, and its figures.

    python -m fom_core.training.export_mini RUN --clips FOLDER

``RUN`` is the output folder of ``fom train``, also of one that is still going on. Keypoints mean nothing to another
model, so the motions are made anew each time.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from ..errors import UsageError
from ..media import VideoReader
from ..motion import save_motion
from ..networks.model import MotionModel, create_model
from ..pictures import resize_picture, to_batch
from ..types import Motion
from ..weights.load import load_model, save_model
from .checkpoint import latest_checkpoint, load_checkpoint, part
from .config import TrainConfig, load_config
from .dataset import FrameCache
from .evaluate import contact_sheet, measure

log = logging.getLogger(__name__)

ASSETS = Path(__file__).resolve().parents[1] / "assets"
CONFIG = Path(__file__).resolve().parents[1] / "configs" / "mini.yaml"


@dataclass(frozen=True)
class Excerpt:
    """A part of a driving clip that becomes an embedded motion. Its first frame looks straight, mouth closed."""

    file: str
    start: int
    stop: int
    origin: str  # where the clip comes from, and its licence


MOTIONS = {
    "motion_talk": Excerpt(
        "video/xzy_c9809_0.mp4", 24, 152, "HelloVision/HelloMeme, data/drive_videos/xzy3.mp4, MIT licence"
    ),
}


def averaged_model(config: TrainConfig, run: Path) -> tuple[MotionModel, str]:
    """The averaged weights of the newest checkpoint of the last stage that has one, and where they stand."""
    for number in range(len(config.stages), 0, -1):
        stage = config.stages[number - 1]
        found = latest_checkpoint(run / f"{number}-{stage.name}")
        if found is not None:
            weights, state = load_checkpoint(found)
            model = create_model(stage.model)
            model.load_state_dict(part("average", weights))
            return model.eval(), f"stage {stage.name}, step {state['step']}, {state['seconds'] / 60:.0f} minutes"
    raise UsageError(f"Wanted a checkpoint below {run} and found none. Give the output folder of `fom train`.")


@torch.inference_mode()
def record_motion(model: MotionModel, clips: Path, excerpt: Excerpt) -> Motion:
    """The model's keypoints of an excerpt."""
    reader = VideoReader(clips / excerpt.file)
    size = model.config.image_size
    frames = [resize_picture(frame, size) for frame in islice(reader, excerpt.start, excerpt.stop)]
    keypoints = model.detect_keypoints(to_batch(np.stack(frames), channels=model.config.num_channels, device="cpu"))
    return Motion(keypoints, reader.fps, model.name, size, {"origin": excerpt.origin})


def export(run: Path, clips: Path, config_path: Path = CONFIG, assets: Path = ASSETS) -> MotionModel:
    """Write model and motions into ``assets`` and return the model as it opens from there."""
    config = load_config(config_path)
    model, where = averaged_model(config, run)
    path = save_model(model, assets / f"{config.name}.safetensors", half=True, name=config.name)
    log.info("%s: %s, %.1f MB", path, where, path.stat().st_size / 1e6)
    embedded = load_model(path, device="cpu")
    for name, excerpt in MOTIONS.items():
        save_motion(record_motion(embedded, clips, excerpt), assets / f"{name}.safetensors")
    return embedded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fom_core.training.export_mini", description=__doc__)
    parser.add_argument("run", type=Path, help="output folder of `fom train`")
    parser.add_argument("--clips", type=Path, required=True, help="folder with the clips of the motions")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--validation", type=Path, help="frame cache to measure the exported model on")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = export(args.run, args.clips, args.config)
    if args.validation is not None:
        cache = FrameCache(args.validation)
        figures = measure(model, cache)
        log.info("%s", figures.line())
        (args.run / "figures.json").write_text(json.dumps(figures.to_dict()) + "\n")
        contact_sheet(model, cache, args.run / "sheet-exported.png")


if __name__ == "__main__":
    main()
