"""A whole training from a folder of clips to a model file."""

from __future__ import annotations

from pathlib import Path

import torch

from ..errors import UsageError
from ..faces.yunet import YuNetDetector
from ..weights.load import load_model, save_model
from .config import TrainConfig, load_config
from .dataset import FrameCache, find_entries
from .loop import train
from .perceptual import VggFeatures
from .processes import first_alone, joined, rank


def train_from_folder(
    data: Path,
    config_path: Path,
    output: Path,
    *,
    yunet: Path | None = None,
    vgg: Path | None = None,
    init_from: str | Path | None = None,
    device: str = "cpu",
    every: int = 250,
    keep: int = 2,
) -> Path:
    """Train what ``config_path`` describes on the clips in ``data`` and return the model's file in ``output``.

    The split "val" of an index, or a subfolder of that name, is used for figures and contact sheets. Under torchrun
    every process takes part; the first one decodes, keeps the books and writes. ``init_from`` is a model's name or
    file to start from.
    """
    config = load_config(config_path)
    if (config.needs_landmarks) and yunet is None:
        raise UsageError(
            f"{config_path.name} weighs mouth and eyes, and YuNet's weights are needed to find them. "
            "Give --yunet FILE, or set the loss weights anchor, mouth and eyes to 0."
        )
    init = None if init_from is None else load_model(init_from, device="cpu")
    features = None
    if vgg is not None:
        features = VggFeatures.from_state_dict(torch.load(vgg, weights_only=True, map_location="cpu"))
    with joined(device) as own_device:
        clips, validation = _caches(config, data, output, yunet)
        model = train(
            config,
            clips,
            validation,
            output,
            features=features,
            init=init,
            device=own_device,
            every=every,
            keep=keep,
        )
        path = output / f"{config.name}.safetensors"
        return path if rank() else save_model(model, path, name=config.name)


def _caches(config: TrainConfig, data: Path, output: Path, yunet: Path | None) -> tuple[FrameCache, FrameCache | None]:
    """The training clips, decoded, and those for validation."""
    detector = None if yunet is None else YuNetDetector(yunet, threshold=0.5)
    classes = config.dataset.licence_classes
    size = max(round(stage.model.image_size[0] * config.dataset.oversize) for stage in config.stages)
    validation = None
    with first_alone():
        clips = FrameCache.build(output / "frames-train", find_entries(data, "train", classes), size, detector)
        if (data / "index.csv").is_file() or (data / "val").is_dir():
            validation = FrameCache.build(output / "frames-val", find_entries(data, "val", classes), size, detector)
    return clips, validation
