"""How good a model is on people it has not seen, in numbers and in a picture to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..media import write_picture
from ..motion import transfer_motion
from ..networks.model import MotionModel
from ..pictures import resize_picture, to_batch, to_pictures
from ..types import Keypoints, MotionTransfer
from .dataset import Clip, FrameCache


@dataclass(frozen=True)
class Figures:
    """Reconstruction with a clip's first frame as source, mean over frames drawn evenly from each clip.

    ``copy_*`` are the same measures for showing the source itself; ``mouth_*`` look at the mouth alone (a square a
    quarter of the picture wide). L1 is of values in [0, 1].
    """

    l1: float
    copy_l1: float
    mouth_l1: float
    copy_mouth_l1: float
    psnr_db: float
    copy_psnr_db: float
    frames: int

    def line(self) -> str:
        """One line for the log."""
        return (
            f"L1 {self.l1:.4f} ({self.l1 / self.copy_l1:.3f} x copying), mouth {self.mouth_l1:.4f} "
            f"({self.mouth_l1 / self.copy_mouth_l1:.3f} x), PSNR {self.psnr_db:.2f} dB ({self.copy_psnr_db:.2f})"
        )

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def _batch(cache: FrameCache, indices: Sequence[int] | np.ndarray, size: int) -> Tensor:
    """Frames of the cache as a (T, 3, size, size) batch in [0, 1]."""
    pictures = [resize_picture(np.asarray(cache.frames[index]), (size, size)) for index in indices]
    return to_batch(np.stack(pictures), channels=3, device="cpu")


@torch.inference_mode()
def measure(model: MotionModel, cache: FrameCache, frames_per_clip: int = 8) -> Figures:
    """Reconstruct the clips of ``cache``; the model is left in evaluation mode."""
    model.eval()
    size, device = model.config.image_size[0], model.device
    rows = []
    for clip in (clip for clip in cache.clips if clip.kind == "video"):
        chosen = clip.start + np.linspace(0, clip.length - 1, frames_per_clip + 1).round().astype(int)[1:]
        source = _batch(cache, [clip.start], size).to(device)
        driving = _batch(cache, chosen, size).to(device)
        prediction = model.generate(model.encode_source(source), model.detect_keypoints(driving)).prediction
        mouths = [_mouth(points, size) for points in cache.landmarks[chosen]]
        for index, box in enumerate(mouths):
            pair = (prediction[index] - driving[index], source[0] - driving[index])
            rows.append(
                [
                    value
                    for difference in pair
                    for value in (
                        difference.abs().mean().item(),
                        difference[:, box[0], box[1]].abs().mean().item(),
                        -10 * difference.square().mean().clamp(min=1e-8).log10().item(),
                    )
                ]
            )
    l1, mouth, psnr, copy_l1, copy_mouth, copy_psnr = np.array(rows).mean(0).tolist()
    return Figures(l1, copy_l1, mouth, copy_mouth, psnr, copy_psnr, len(rows))


def _mouth(landmarks: np.ndarray, size: int) -> tuple[slice, slice]:
    x, y = (0.0, 0.35) if np.isnan(landmarks).any() else landmarks[3:5].mean(axis=0)
    half = size // 8
    column, row = (int(np.clip((v + 1) / 2 * size, half, size - half)) for v in (x, y))
    return slice(row - half, row + half), slice(column - half, column + half)


@torch.inference_mode()
def contact_sheet(model: MotionModel, cache: FrameCache, path: Path, rows: int = 10) -> None:
    """Write a PNG to look at: reconstruction of one person, then one person driving another with relative motion.

    Columns: source, driving, prediction, difference of prediction and driving (or the initial frame), occlusion map
    (dark = painted anew), keypoints of source and driving.
    """
    model.eval()
    size = model.config.image_size[0]
    clips = _one_per_identity(cache, rows)
    lines = []
    for index, clip in enumerate(clips):
        initial = _batch(cache, [clip.start], size)
        driving = _batch(cache, [_most_different(cache, clip)], size)
        lines.append(_line(model, initial, driving, None))
        other = clips[(index + 1) % len(clips)]
        source = _batch(cache, [other.start], size)
        lines.append(_line(model, source, driving, initial))
    sheet = np.concatenate([np.concatenate(lines[0::2]), np.concatenate(lines[1::2])], axis=1)
    write_picture(path, sheet)


def _line(model: MotionModel, source: Tensor, driving: Tensor, initial: Tensor | None) -> np.ndarray:
    features = model.encode_source(source.to(model.device))
    driving_points = model.detect_keypoints(driving.to(model.device))
    moved = driving_points
    if initial is not None:
        first = model.detect_keypoints(initial.to(model.device))
        moved = transfer_motion(features.keypoints, driving_points, first, MotionTransfer())
    out = model.generate(features, moved)
    prediction = out.prediction.cpu()
    fifth = (prediction - driving).abs() * 3 if initial is None else initial
    occlusion = torch.ones_like(prediction)
    if out.dense_motion is not None and out.dense_motion.occlusion_map is not None:
        small = out.dense_motion.occlusion_map.cpu().expand(-1, 3, -1, -1)
        occlusion = torch.nn.functional.interpolate(small, size=prediction.shape[2:])
    pictures = [source, driving, prediction, fifth, occlusion]
    tiles = [to_pictures(picture)[0] for picture in pictures]
    tiles += [_with_points(tiles[0], features.keypoints), _with_points(tiles[1], driving_points)]
    return np.concatenate([cv2.resize(tile, (128, 128)) for tile in tiles], axis=1)


def _with_points(tile: np.ndarray, keypoints: Keypoints) -> np.ndarray:
    tile = cv2.resize(tile, (128, 128))
    for index, (x, y) in enumerate(keypoints.value[0].tolist()):
        hue = np.array([[[180 * index // keypoints.value.shape[1], 255, 255]]], dtype=np.uint8)
        colour = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].tolist()
        cv2.circle(tile, (round((x + 1) * 63.5), round((y + 1) * 63.5)), 2, colour, -1)
    return tile


def _one_per_identity(cache: FrameCache, limit: int) -> list[Clip]:
    found = {clip.identity: clip for clip in reversed(cache.clips) if clip.kind == "video"}
    return list(reversed(found.values()))[:limit]


def _most_different(cache: FrameCache, clip: Clip) -> int:
    first = cache.frames[clip.start].astype(np.int16)
    candidates: Sequence[int] = range(clip.start, clip.start + clip.length, max(1, clip.length // 24))
    return max(candidates, key=lambda index: int(np.abs(cache.frames[index] - first).sum()))
