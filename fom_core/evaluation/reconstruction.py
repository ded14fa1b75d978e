"""How good a model is: reconstruction of clips, and one person driving another, beside simple baselines.

Methods, all in one table: ``relative`` and ``absolute`` are the model's two modes, ``copy`` shows the source unmoved.
In reconstruction the first frame is the source and the initial frame at once, so that both modes must agree there;
they part ways when one person drives another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..backends import Backend
from ..errors import MediaError
from ..metrics import l1, psnr_db, ssim
from ..motion import transfer_motion
from ..pictures import resize_picture, to_batch, to_pictures
from ..types import MotionTransfer
from .face_points import FacePoints, aligned
from .lpips import Lpips

METHODS = ("relative", "absolute", "copy")
CHUNK = 8  # frames at a time


@dataclass(frozen=True)
class OptionalMetrics:
    """What needs files of its own; None leaves its columns out."""

    lpips: Lpips | None = None
    face_points: FacePoints | None = None


@dataclass
class Scores:
    """Means per method over all frames; figures that some frames lack, for want of a face, over the others.

    Reconstruction: ``l1``, ``psnr_db``, ``ssim``, ``lpips`` against the driving frame; ``akd_px`` is the distance of
    facial points from the driving frame's, ``missed`` the share of faces that are found in the driving frame only.
    Animation: ``akd_px`` as above; ``motion_px`` is the same of how far points went since the first frame; ``shape_px``
    their distance from the source's after both lie upon each other: the shape of the face, and its expression.
    """

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    frames: int = 0

    def add(self, method: str, figures: Mapping[str, Iterable[float]]) -> None:
        for name, values in figures.items():
            self.values.setdefault(method, {}).setdefault(name, []).extend(values)

    def means(self) -> dict[str, dict[str, float]]:
        """Method → figure → mean; a figure that no frame has is left out."""
        return {
            method: {name: sum(values) / len(values) for name, values in figures.items() if values}
            for method, figures in self.values.items()
        }


def reconstruct(model: Backend, frames: np.ndarray, metrics: OptionalMetrics, scores: Scores) -> dict[str, np.ndarray]:
    """Rebuild a clip from its first frame, add its figures to ``scores``, and return source, driving and methods.

    Raises MediaError for a clip of one frame.
    """
    if len(frames) < 2:
        raise MediaError("A clip of one frame cannot be reconstructed. Give clips with motion.")
    shown = animate_by_all(model, frames[0], frames)
    driving = shown["driving"][1:]
    theirs = [None if metrics.face_points is None else metrics.face_points(frame) for frame in driving]
    for method in METHODS:
        ours = shown[method][1:]  # the first frame is the source itself
        figures = _picture_figures(ours, driving, metrics.lpips)
        if metrics.face_points is not None:
            figures |= _point_figures([metrics.face_points(frame) for frame in ours], theirs)
        scores.add(method, figures)
    scores.frames += len(driving)
    return shown


def animate_pair(
    model: Backend, source: np.ndarray, frames: np.ndarray, metrics: OptionalMetrics, scores: Scores
) -> dict[str, np.ndarray]:
    """Let a clip drive another person's picture (H, W, 3) uint8, and judge it by facial points where they are known."""
    shown = animate_by_all(model, source, frames)
    if metrics.face_points is not None:
        still = metrics.face_points(shown["source"][0])
        theirs = [metrics.face_points(frame) for frame in shown["driving"]]
        for method in METHODS:
            ours = [metrics.face_points(frame) for frame in shown[method]]
            figures = _point_figures(ours, theirs)
            figures["motion_px"] = _distances(_since_first(ours), _since_first(theirs))
            if still is not None:
                figures["shape_px"] = _distances(
                    [p if p is None else aligned(p, still) for p in ours], [still] * len(ours)
                )
            scores.add(method, figures)
    scores.frames += len(frames)
    return shown


@torch.inference_mode()
def animate_by_all(model: Backend, source: np.ndarray, frames: np.ndarray) -> dict[str, np.ndarray]:
    """``source`` and ``driving`` at the model's size, and what each of :data:`METHODS` makes of them."""
    still = _batch(model, [source])
    features = model.encode_source(still)
    first, shown = None, {name: [] for name in ("driving", *METHODS)}
    for start in range(0, len(frames), CHUNK):
        driving = _batch(model, frames[start : start + CHUNK])
        keypoints = model.detect_keypoints(driving)
        first = keypoints[:1] if first is None else first
        moved = transfer_motion(features.keypoints, keypoints, first, MotionTransfer())
        shown["driving"].append(to_pictures(driving))
        shown["relative"].append(to_pictures(model.generate(features, moved).prediction))
        shown["absolute"].append(to_pictures(model.generate(features, keypoints).prediction))
        shown["copy"].append(to_pictures(still.expand_as(driving)))
    return {"source": to_pictures(still)} | {name: np.concatenate(parts) for name, parts in shown.items()}


def _batch(model: Backend, pictures: Sequence[np.ndarray] | np.ndarray) -> Tensor:
    sized = [resize_picture(np.asarray(picture), model.config.image_size) for picture in pictures]
    return to_batch(np.stack(sized), channels=model.config.num_channels, device=model.device)


def _picture_figures(ours: np.ndarray, theirs: np.ndarray, lpips: Lpips | None) -> dict[str, list[float]]:
    """Pictures are compared as they would be stored, in 8 bits."""
    figures: dict[str, list[float]] = {}
    metrics = {"l1": l1, "psnr_db": psnr_db, "ssim": ssim} | ({} if lpips is None else {"lpips": lpips})
    for start in range(0, len(ours), CHUNK):
        pair = [to_batch(part[start : start + CHUNK], channels=3, device="cpu") for part in (ours, theirs)]
        for name, metric in metrics.items():
            figures.setdefault(name, []).extend(metric(*pair).tolist())
    return figures


FacePointsInTime = Sequence["np.ndarray | None"]  # of each frame


def _point_figures(ours: FacePointsInTime, theirs: FacePointsInTime) -> dict[str, list[float]]:
    missed = [float(found is None) for found, wanted in zip(ours, theirs, strict=True) if wanted is not None]
    return {"akd_px": _distances(ours, theirs), "missed": missed}


def _distances(ours: FacePointsInTime, theirs: FacePointsInTime) -> list[float]:
    """Mean distance of the points, for the frames that have both."""
    return [
        float(np.linalg.norm(first - second, axis=1).mean())
        for first, second in zip(ours, theirs, strict=True)
        if first is not None and second is not None
    ]


def _since_first(points: FacePointsInTime) -> list[np.ndarray | None]:
    first = points[0]
    return [None if first is None or each is None else each - first for each in points]
