"""How good a model is on people it has not seen, in a few numbers that are quick to get while training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from ..metrics import l1, psnr_db
from ..networks.model import MotionModel
from ..pictures import resize_picture, to_batch
from .data.frame_cache import FrameCache


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
        """One line for the log; in brackets the same of the source itself."""
        return (
            f"L1 {self.l1:.4f} ({self.copy_l1:.4f} copying), mouth {self.mouth_l1:.4f} "
            f"({self.copy_mouth_l1:.4f}), PSNR {self.psnr_db:.2f} dB ({self.copy_psnr_db:.2f})"
        )

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def batch_of(cache: FrameCache, indices: Iterable[int], size: int) -> Tensor:
    """Frames of the cache as a (T, 3, size, size) batch in [0, 1]."""
    pictures = [resize_picture(np.asarray(cache.frames[index]), (size, size)) for index in indices]
    return to_batch(np.stack(pictures), channels=3, device="cpu")


@torch.inference_mode()
def reconstruction_figures(model: MotionModel, cache: FrameCache, frames_per_clip: int = 8) -> Figures | None:
    """Reconstruct the clips of ``cache``; None when it holds portraits only. The model is left in evaluation mode."""
    model.eval()
    size, device = model.config.image_size[0], model.device
    figures = []  # l1, mouth, PSNR of each frame: of the prediction, then of the source
    for clip in (clip for clip in cache.clips if clip.length > 1):
        chosen = clip.start + np.linspace(0, clip.length - 1, frames_per_clip + 1).round().astype(int)[1:]
        source = batch_of(cache, [clip.start], size).to(device)
        driving = batch_of(cache, chosen, size).to(device)
        prediction = model.generate(model.encode_source(source), model.detect_keypoints(driving)).prediction
        mouths = [_mouth(points, size) for points in cache.landmarks[chosen]]
        for index, (rows, columns) in enumerate(mouths):
            wanted = driving[index : index + 1]
            for shown in (prediction[index : index + 1], source):
                mouth = l1(shown[..., rows, columns], wanted[..., rows, columns])
                figures.append(torch.cat([l1(shown, wanted), mouth, psnr_db(shown, wanted)]).tolist())
    if not figures:
        return None
    ours, copies = np.array(figures[::2]).mean(0).tolist(), np.array(figures[1::2]).mean(0).tolist()
    pairs = [value for pair in zip(ours, copies, strict=True) for value in pair]
    return Figures(*pairs, frames=len(figures) // 2)


def _mouth(landmarks: np.ndarray, size: int) -> tuple[slice, slice]:
    x, y = (0.0, 0.35) if np.isnan(landmarks).any() else landmarks[3:5].mean(axis=0)
    half = size // 8
    column, row = (int(np.clip((v + 1) / 2 * size, half, size - half)) for v in (x, y))
    return slice(row - half, row + half), slice(column - half, column + half)
