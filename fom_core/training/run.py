"""A whole training from a folder of clips to a model file."""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.distributed as dist

from ..errors import UsageError
from ..faces.yunet import YuNetDetector
from ..weights.load import save_model
from .config import load_config
from .dataset import FrameCache, find_entries
from .loop import train
from .perceptual import VggFeatures


def train_from_folder(
    data: Path,
    config_path: Path,
    output: Path,
    *,
    yunet: Path | None = None,
    vgg: Path | None = None,
    device: str = "cpu",
    every: int = 250,
) -> Path:
    """Train what ``config_path`` describes on the clips in ``data`` and return the model's file in ``output``.

    The split "val" of an index, or a subfolder of that name, is used for figures and contact sheets. Under torchrun
    every process takes part; the first one decodes, keeps the books and writes.
    """
    config = load_config(config_path)
    if (config.needs_landmarks) and yunet is None:
        raise UsageError(
            f"{config_path.name} weighs mouth and eyes, and YuNet's weights are needed to find them. "
            "Give --yunet FILE, or set the loss weights anchor, mouth and eyes to 0."
        )
    distributed = "RANK" in os.environ
    if distributed and not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        detector = None if yunet is None else YuNetDetector(yunet, threshold=0.5)
        if distributed and dist.get_rank():
            dist.barrier()  # the first process decodes
        classes = config.dataset.licence_classes
        size = max(round(stage.model.image_size[0] * config.dataset.oversize) for stage in config.stages)
        clips = FrameCache.build(output / "frames-train", find_entries(data, "train", classes), size, detector)
        validation = None
        if (data / "index.csv").is_file() or (data / "val").is_dir():
            validation = FrameCache.build(output / "frames-val", find_entries(data, "val", classes), size, detector)
        if distributed and not dist.get_rank():
            dist.barrier()
        features = None
        if vgg is not None:
            features = VggFeatures.from_state_dict(torch.load(vgg, weights_only=True, map_location="cpu"))
        model = train(config, clips, validation, output, features=features, device=device, every=every)
        return save_model(model, output / f"{config.name}.safetensors", name=config.name)
    finally:
        if distributed:
            dist.destroy_process_group()
