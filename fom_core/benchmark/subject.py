"""What is measured: a model, where and how it runs; and frames to run it on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..backends.load import load_model
from ..backends.pytorch import PyTorchModel
from ..errors import UsageError
from ..faces.regions import crop_face
from ..media import VideoReader, VideoWriter
from ..networks import MotionModel, create_model
from ..pictures import resize_picture
from ..types import FaceSet
from ..weights.config_file import read_config
from ..weights.load import save_model

RATE = Fraction(25)


@dataclass(frozen=True)
class Subject:
    """A model as a command can hand it to another process.

    model:  name or weights file.
    config: YAML; without ``model`` it is built with random weights, which take as long as learnt ones.
    size:   side of the pictures that the networks see, None for the model's own.
    """

    model: str | None = None
    config: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    size: int | None = None

    def open(self, folder: Path) -> PyTorchModel:
        """The model as it animates. Random weights are put into ``folder`` first, for every process the same.

        Raises UsageError for a size that its networks do not take.
        """
        name, config = self.model, self.config
        if name is None:
            path = folder / "random.safetensors"
            if not path.exists():
                assert config is not None
                save_model(_random(Path(config)), path)
            name, config = str(path), None
        model = load_model(name, config=config, device=self.device, dtype=self.dtype)
        if self.size is None:
            return model
        learnt = model.at_learnt_size()
        multiple = learnt.config.size_multiple
        if self.size % multiple:
            near = multiple * max(1, round(self.size / multiple))
            raise UsageError(
                f"The size must be divisible by {multiple} for {model.name}; found {self.size}. Choose another, "
                f"such as {near}."
            )
        return learnt.sized_as(replace(learnt.config, image_size=(self.size, self.size)))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _random(config: Path) -> MotionModel:
    """Random weights whose normalisation fits them, so that values stay in the range of a trained network's."""
    torch.manual_seed(0)
    model = create_model(read_config(config))
    model.name = config.stem
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean of what it sees
    pictures = torch.rand(2, model.config.num_channels, *model.config.image_size)
    with torch.no_grad():
        source = model.encode_source(pictures)
        model.generate(source, source.keypoints)
    return model.eval()


def moving_frames(count: int, size: tuple[int, int]) -> np.ndarray:
    """(T, H, W, 3) uint8: a bright spot that wanders over a smooth ground."""
    height, width = size
    ground = _smooth(size, 0)
    y, x = np.mgrid[:height, :width]
    frames = np.empty((count, height, width, 3), np.uint8)
    for index in range(count):
        turn = 2 * np.pi * index / 50
        centre = width / 2 + 0.18 * width * np.cos(turn), height / 2 + 0.18 * height * np.sin(turn)
        spot = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (0.04 * width * height))
        frames[index] = ground * 0.6 + 100 * spot[..., None]
    return frames


def driving_frames(video: str | None, count: int, size: tuple[int, int]) -> np.ndarray:
    """The first frames of a video, its middle square at ``size``, played again from the start where it is short."""
    if video is None:
        return moving_frames(count, size)
    with VideoReader(video) as reader:
        height, width = reader.size
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        box = (float(left), float(top), float(left + side), float(top + side))
        frames = [crop_face(frame, box, size) for frame, _ in zip(reader, range(count), strict=False)]
    return np.stack([frames[index % len(frames)] for index in range(count)])


def write_clip(path: Path, frames: np.ndarray) -> None:
    """Frames as an H.264 video."""
    with VideoWriter(path, RATE, synthetic=False) as writer:
        writer.write(frames)


def picture_with_faces(width: int, height: int, faces: int) -> tuple[np.ndarray, FaceSet]:
    """A picture and where its faces would be: squares side by side, nine tenths of their share of the width."""
    picture = _smooth((height, width), 1)
    side = int(min(0.9 * width / faces, 0.7 * height))
    top = (height - side) // 2
    lefts = [round((index + 0.5) * width / faces - side / 2) for index in range(faces)]
    crops = [(float(left), float(top), float(left + side), float(top + side)) for left in lefts]
    return picture, FaceSet.from_crops(crops, (height, width))


def _smooth(size: tuple[int, int], seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return resize_picture(small, size)
