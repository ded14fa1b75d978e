"""How far an exported model is from PyTorch's, on real frames: what decides whether its files are kept."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..backends import Backend
from ..backends.exported import Run
from ..errors import MediaError
from ..files.paths import ASSETS
from ..media import VideoReader
from ..metrics import psnr_db
from ..motion import transfer_motion
from ..networks import MotionModel
from ..networks.config import ModelConfig
from ..pictures import resize_picture, to_batch
from ..types import Keypoints, MotionTransfer
from .parts import AS_PADDLEGAN

FRAMES = 32
CHUNK = 8
CLIP = ASSETS / "check_frames.mp4"
LARGEST = {"float32": 1e-3, "archive": 1e-3, "float16": 2e-2}  # difference of a pixel in [0, 1] that is allowed
LEAST_DB = {"int8": 30.0}  # PSNR that must be reached
NOISE_FACTOR = 5  # as for the results of the original code, which are held to this many times their own rounding
FULL = MotionTransfer()


@dataclass(frozen=True)
class CheckFrames:
    """Pictures to compare on: source (1, C, H, W) and driving (T, C, H, W) in [0, 1]; ``name`` tells their origin.

    calibration: (N, C, H, W) other frames of the same video where it has enough, to learn the range of values from.
    """

    source: Tensor
    driving: Tensor
    calibration: Tensor
    name: str

    def double(self) -> CheckFrames:
        """The same in float64."""
        return CheckFrames(self.source.double(), self.driving.double(), self.calibration.double(), self.name)


def read_check_frames(config: ModelConfig, path: Path | None = None, count: int = FRAMES) -> CheckFrames:
    """Frames of a video at the model's size, spread over it, the first one as source; by default an embedded clip.

    Raises MediaError for a video with fewer than two frames.
    """
    with VideoReader(path or CLIP) as reader:
        places = np.linspace(0, max(reader.frame_count - 1, 0), 2 * count - 1).round().astype(int)
        wanted, others = set(places[::2].tolist()), set(places[1::2].tolist())
        frames = {i: resize_picture(frame, config.image_size) for i, frame in enumerate(reader) if i in wanted | others}
    chosen = [frame for i, frame in frames.items() if i in wanted]
    between = [frame for i, frame in frames.items() if i in others - wanted]
    if len(chosen) < 2:
        raise MediaError(f"{path} is a still. Comparing an export needs a video in which somebody moves.")
    batch, rest = (
        to_batch(np.stack(part), channels=config.num_channels, device="cpu") for part in (chosen, between or chosen)
    )
    return CheckFrames(batch[:1], batch, rest, f"{len(batch)} frames of {path.name if path else 'the embedded clip'}")


FramesPoints = tuple[Keypoints, Keypoints]
"""Of the source, and of the driving frames."""


@dataclass(frozen=True)
class Rendered:
    """An animation of the frames, and the driver's keypoints that it came from."""

    keypoints: Keypoints
    pictures: Tensor


@torch.inference_mode()
def render(
    frames: CheckFrames,
    model: Backend,
    transfer: MotionTransfer = FULL,
    initial: int = 0,
    *,
    points: FramesPoints | None = None,
    **other: Backend,
) -> Rendered:
    """Animate the source by the driving frames; ``other`` computes single parts in ``model``'s place.

    ``initial`` is the driving frame that corresponds to the source. ``points`` are the keypoints, where they are known
    already. ``other`` may name keypoint_detector, source_encoder and generator.
    """
    detector, encoder = other.get("keypoint_detector", model), other.get("source_encoder", model)
    generator = other.get("generator", model)
    source_keypoints, driving = points or frames_keypoints(frames, detector)
    source = replace(encoder.encode_source(frames.source), keypoints=source_keypoints)
    moved = transfer_motion(source_keypoints, driving, driving[initial : initial + 1], transfer)
    pictures = [generator.generate(source, moved[i : i + CHUNK]).prediction for i in range(0, len(moved), CHUNK)]
    return Rendered(driving, torch.cat(pictures))


@torch.inference_mode()
def render_relative(frames: CheckFrames, points: FramesPoints, run: Run) -> Rendered:
    """The same with a relative generator. The initial frame is one amid the others."""
    source_keypoints, driving = points
    middle = _middle(frames)
    pictures = []
    for start in range(0, len(driving), CHUNK):
        who = {
            "driving": driving[start : start + CHUNK],
            "initial": driving[middle : middle + 1],
            "source": source_keypoints,
        }
        pictures.append(torch.from_numpy(run({"source": frames.source.numpy()} | arrays(who))["prediction"]))
    return Rendered(driving, torch.cat(pictures))


@torch.inference_mode()
def calibration_samples(frames: CheckFrames, model: Backend) -> dict[str, list[dict[str, np.ndarray]]]:
    """Inputs of every graph, frame by frame, by the name of the part."""
    source = model.encode_source(frames.source)
    images = [image[None] for image in frames.calibration]
    driving = Keypoints.cat([model.detect_keypoints(image) for image in images])
    moved = transfer_motion(source.keypoints, driving, driving[:1], FULL)
    features = {"features": source.features.numpy(), "small": source.small.numpy()}
    samples: dict[str, list[dict[str, np.ndarray]]] = {
        "keypoint_detector": [{"image": image.numpy()} for image in images],
        "source_encoder": [{"source": image.numpy()} for image in images],
        "generator": [],
        "relative_generator": [],
    }
    for i in range(len(images)):
        who = {"source": source.keypoints, "driving": moved[i : i + 1]}
        samples["generator"].append(features | arrays(who))
        who = {"driving": driving[i : i + 1], "initial": driving[:1], "source": source.keypoints}
        samples["relative_generator"].append({"source": frames.source.numpy()} | arrays(who))
    return samples


def arrays(who: dict[str, Keypoints]) -> dict[str, np.ndarray]:
    """Keypoints as a graph takes them: ``driving_value``, ``driving_jacobian``, and so on."""
    named = {}
    for name, points in who.items():
        named[f"{name}_value"] = points.value.numpy()
        if points.jacobian is not None:
            named[f"{name}_jacobian"] = points.jacobian.numpy()
    return named


def differences(found: Rendered, wanted: Rendered) -> dict[str, float]:
    """Largest difference of pictures and of keypoints, and PSNR in dB."""
    apart = {
        "prediction_max": _largest(found.pictures, wanted.pictures),
        "prediction_psnr_db": _psnr_db(found.pictures, wanted.pictures),
        "value_max": _largest(found.keypoints.value, wanted.keypoints.value),
    }
    if found.keypoints.jacobian is not None and wanted.keypoints.jacobian is not None:
        apart["jacobian_max"] = _largest(found.keypoints.jacobian, wanted.keypoints.jacobian)
    return apart


def verdict(variant: str, apart: dict[str, float], noise: float = 0.0) -> str | None:
    """Why differences are too large for a variant; None when they are not.

    ``noise`` is how far float32 leads PyTorch itself from float64: an export cannot be held to less.
    """
    if variant in LEAST_DB:
        found, least = apart["prediction_psnr_db"], LEAST_DB[variant]
        return None if found >= least else f"PSNR {found:.1f} dB, wanted {least:g} dB"
    found, largest = apart["prediction_max"], max(LARGEST[variant], NOISE_FACTOR * noise)
    return None if found <= largest else f"largest difference {found:.2g}, wanted {largest:g}"


class ExportCheck:
    """Compares variants of a model's parts with the plain networks."""

    def __init__(self, plain: MotionModel, frames: CheckFrames) -> None:
        self.plain = plain
        self.frames = frames
        self._points = frames_keypoints(frames, plain)
        self._wanted = render(frames, plain, points=self._points)
        self._wanted_relative = render(frames, plain, AS_PADDLEGAN, _middle(frames), points=self._points)

    @cached_property
    def noise(self) -> float:
        """Largest difference of the plain networks in float32 from themselves in float64."""
        precise = render(self.frames.double(), copy.deepcopy(self.plain).double())
        return _largest(self._wanted.pictures, precise.pictures)

    def verdict(self, variant: str, apart: dict[str, float]) -> str | None:
        """:func:`verdict`, with this model's noise where that decides: random networks have much of it."""
        return verdict(variant, apart) and verdict(variant, apart, self.noise)

    def of_part(self, name: str, exported: Backend) -> dict[str, float]:
        """Differences when this part alone is not the plain one."""
        points = None if name == "keypoint_detector" else self._points
        return differences(render(self.frames, self.plain, FULL, 0, points=points, **{name: exported}), self._wanted)

    def of_relative(self, run: Run) -> dict[str, float]:
        """Differences of a relative generator."""
        return differences(render_relative(self.frames, self._points, run), self._wanted_relative)

    def of_all(self, exported: Backend) -> dict[str, float]:
        """Differences of a whole animation without PyTorch."""
        return differences(render(self.frames, exported), self._wanted)


@torch.inference_mode()
def frames_keypoints(frames: CheckFrames, detector: Backend) -> FramesPoints:
    """The keypoints of the frames."""
    source_keypoints = detector.detect_keypoints(frames.source)
    return source_keypoints, Keypoints.cat([detector.detect_keypoints(part) for part in frames.driving.split(CHUNK)])


def _middle(frames: CheckFrames) -> int:
    """A frame that is not the source, which the first one is."""
    return len(frames.driving) // 2


def _largest(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max())  # NaN stays NaN, and no bound holds for it


def _psnr_db(found: Tensor, wanted: Tensor) -> float:
    """Of all pictures together; finite for equal ones, because JSON knows no infinity."""
    return float(psnr_db(found.double()[None], wanted.double()[None], most=200))
