"""How far an exported model is from PyTorch's, on real frames: what decides whether its files are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..backends import Backend
from ..errors import MediaError
from ..files import ASSETS
from ..media import VideoReader
from ..motion import transfer_motion
from ..networks.config import ModelConfig
from ..pictures import resize_picture, to_batch
from ..types import Keypoints, MotionTransfer

FRAMES = 32
CHUNK = 8
CLIP = ASSETS / "check_frames.mp4"
LARGEST = {"float32": 1e-3, "float16": 2e-2}  # difference of a pixel in [0, 1] that a precision may make
LEAST_DB = {"int8": 30.0}  # PSNR that it must reach


@dataclass(frozen=True)
class Frames:
    """Pictures to compare on: source (1, C, H, W) and driving (T, C, H, W) in [0, 1]; ``name`` tells their origin."""

    source: Tensor
    driving: Tensor
    name: str


def read_frames(config: ModelConfig, path: Path | None = None, count: int = FRAMES) -> Frames:
    """Frames of a video at the model's size, spread over it, the first one as source; by default an embedded clip.

    Raises MediaError for a video with fewer than two frames.
    """
    with VideoReader(path or CLIP) as reader:
        wanted = set(np.linspace(0, max(reader.frame_count - 1, 0), count).round().astype(int).tolist())
        chosen = [resize_picture(frame, config.image_size) for i, frame in enumerate(reader) if i in wanted]
    if len(chosen) < 2:
        raise MediaError(f"{path} is a still. Comparing an export needs a video in which somebody moves.")
    batch = to_batch(np.stack(chosen), channels=config.num_channels, device="cpu")
    return Frames(batch[:1], batch, f"{len(batch)} frames of {path.name if path else 'the embedded clip'}")


@dataclass(frozen=True)
class Rendered:
    """An animation of the frames, and the keypoints it came from."""

    keypoints: Keypoints
    pictures: Tensor


@torch.inference_mode()
def render(frames: Frames, model: Backend, **other: Backend) -> Rendered:
    """Animate the source by the driving frames, relative motion; ``other`` computes single parts in ``model``'s place.

    ``other`` may name keypoint_detector, source_encoder and generator.
    """
    detector, encoder = other.get("keypoint_detector", model), other.get("source_encoder", model)
    generator = other.get("generator", model)
    still = detector.detect_keypoints(frames.source)
    parts = frames.driving.split(CHUNK)
    driving = Keypoints.cat([detector.detect_keypoints(part) for part in parts])
    source = replace(encoder.encode_source(frames.source), keypoints=still)
    moved = transfer_motion(still, driving, driving[:1], MotionTransfer())
    pictures = [generator.generate(source, moved[i : i + CHUNK]).prediction for i in range(0, len(moved), CHUNK)]
    return Rendered(driving, torch.cat(pictures))


def differences(found: Rendered, wanted: Rendered) -> dict[str, float]:
    """Largest difference of pictures and of keypoints, and PSNR in dB."""
    apart = {
        "prediction_max": _largest(found.pictures, wanted.pictures),
        "prediction_psnr_db": psnr_db(found.pictures, wanted.pictures),
        "value_max": _largest(found.keypoints.value, wanted.keypoints.value),
    }
    if found.keypoints.jacobian is not None and wanted.keypoints.jacobian is not None:
        apart["jacobian_max"] = _largest(found.keypoints.jacobian, wanted.keypoints.jacobian)
    return apart


def verdict(precision: str, apart: dict[str, float]) -> str | None:
    """Why differences are too large for a precision; None when they are not."""
    if precision in LEAST_DB:
        found, least = apart["prediction_psnr_db"], LEAST_DB[precision]
        return None if found >= least else f"PSNR {found:.1f} dB, wanted {least:g} dB"
    found, largest = apart["prediction_max"], LARGEST[precision]
    return None if found <= largest else f"largest difference {found:.2g}, wanted {largest:g}"


def psnr_db(found: Tensor, wanted: Tensor) -> float:
    """Peak signal-to-noise ratio of pictures in [0, 1], at most 200."""
    error = float((found.double() - wanted.double()).square().mean())
    return 200.0 if error < 1e-20 else (math.nan if math.isnan(error) else -10 * math.log10(error))


def _largest(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max())  # NaN stays NaN, and no bound holds for it
