"""How good a model is: reconstruction of clips, and one person driving another, beside simple baselines.

Methods, all in one table: ``relative`` and ``absolute`` are the model's two modes, as the network paints them;
``composed`` is the relative mode's picture as animation hands it out, where a model tells what composing takes;
``copy`` shows the source unmoved.
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
from ..compose import open_composer
from ..compose.flow import cell_places, displacements
from ..errors import MediaError
from ..faces.points import five_of
from ..metrics import l1, psnr_db, ssim
from ..motion import transfer_motion
from ..pictures import resize_picture, to_batch, to_pictures
from ..types import FaceSet, Generated, MotionTransfer
from .face_points import FacePoints, aligned, turned_deg
from .identity import FaceEmbedding, likeness
from .looks import folded_in, folded_share
from .lpips import Lpips

METHODS = ("relative", "absolute", "composed", "copy")
DRIVING = "driving"  # the row of the driving frames themselves, for figures that need one to mean something
FacePointsInTime = Sequence["np.ndarray | None"]  # of each frame
CHUNK = 8  # frames at a time
TURNS = {"small": 8.0, "middle": 20.0, "large": 360.0}  # degrees of the head against the source, up to
MOUTH = 0.25  # of the picture's width: the side of the square around the mouth that is looked at


@dataclass(frozen=True)
class OptionalMetrics:
    """What needs files of its own; None leaves its columns out."""

    lpips: Lpips | None = None
    face_points: FacePoints | None = None
    identity: FaceEmbedding | None = None


@dataclass
class Scores:
    """Means per method over all frames; figures that some frames lack, for want of a face, over the others.

    Reconstruction: ``l1``, ``psnr_db``, ``ssim``, ``lpips`` against the driving frame, ``l1_mouth`` around its mouth;
    ``akd_px`` is the distance of facial points from the driving frame's, ``missed`` the share of faces that are found
    in the driving frame only, ``motion_px`` as below; ``folded`` the share of the face that the flow folds, or nearly.
    ``identity`` is how like the source's the face is, as :func:`.identity.likeness` tells; a row ``driving`` says it of
    the driving frames: the same person in truth.
    ``turns`` are the same by how far the head is turned: see :data:`TURNS`.
    Animation: ``akd_px`` as above; ``motion_px`` is the same of how far points went since the first frame; ``shape_px``
    their distance from the source's after both lie upon each other: the shape of the face, and its expression.
    ``identity`` as above, where the row ``driving`` is another person's.
    """

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    frames: int = 0
    turns: dict[str, Scores] = field(default_factory=dict)

    def add(self, method: str, figures: Mapping[str, Iterable[float]]) -> None:
        """More frames of a method; NaN where one has no such figure."""
        for name, values in figures.items():
            self.values.setdefault(method, {}).setdefault(name, []).extend(values)

    def add_turned(self, method: str, figures: Mapping[str, Sequence[float]], turns: Sequence[str | None]) -> None:
        """The same figures by the turn of each frame, None where it is not known."""
        for turn in (turn for turn in TURNS if turn in turns):
            rows = [row for row, found in enumerate(turns) if found == turn]
            part = self.turns.setdefault(turn, Scores())
            part.add(method, {name: [values[row] for row in rows] for name, values in figures.items()})
            part.frames += len(rows) if method == METHODS[0] else 0

    def means(self) -> dict[str, dict[str, float]]:
        """Method → figure → mean; a figure that no frame has is left out."""
        means: dict[str, dict[str, float]] = {}
        for method, figures in self.values.items():
            known = {name: [value for value in values if not np.isnan(value)] for name, values in figures.items()}
            means[method] = {name: sum(values) / len(values) for name, values in known.items() if values}
        return means


def reconstruct(model: Backend, frames: np.ndarray, metrics: OptionalMetrics, scores: Scores) -> dict[str, np.ndarray]:
    """Rebuild a clip from its first frame, add its figures to ``scores``, and return source, driving and methods.

    Raises MediaError for a clip of one frame.
    """
    if len(frames) < 2:
        raise MediaError("A clip of one frame cannot be reconstructed. Give clips with motion.")
    shown, folded = animate_by_all(model, frames[0], frames)
    driving = shown["driving"][1:]
    find = metrics.face_points
    theirs = None if find is None else [find(frame) for frame in shown["driving"]]
    mouths, turns = _mouths_and_turns(theirs, driving.shape[1:3])
    alike = _likenesses(metrics.identity, shown)
    for method in (method for method in METHODS if method in shown):
        ours = shown[method][1:]  # the first frame is the source itself
        figures = _picture_figures(ours, driving, metrics.lpips)
        if find is not None and theirs is not None:
            points = [find(frame) for frame in shown[method]]
            figures |= {"l1_mouth": [_l1_in(*each) for each in zip(ours, driving, mouths, strict=True)]}
            figures |= _point_figures(points[1:], theirs[1:])
            figures |= {"motion_px": _distances(_since_first(points), _since_first(theirs))[1:]}
        if method in folded:
            figures |= {"folded": folded[method][1:]}
        if method in alike:
            figures |= {"identity": alike[method][1:]}
        scores.add(method, figures)
        scores.add_turned(method, figures, turns)
    if DRIVING in alike:
        figures = {"identity": alike[DRIVING][1:]}
        scores.add(DRIVING, figures)
        scores.add_turned(DRIVING, figures, turns)
    scores.frames += len(driving)
    return shown


def animate_pair(
    model: Backend, source: np.ndarray, frames: np.ndarray, metrics: OptionalMetrics, scores: Scores
) -> dict[str, np.ndarray]:
    """Let a clip drive another person's picture (H, W, 3) uint8, and judge it by facial points where they are known."""
    shown, folded = animate_by_all(model, source, frames)
    for method, shares in folded.items():
        scores.add(method, {"folded": shares})
    if metrics.face_points is not None:
        still = metrics.face_points(shown["source"][0])
        theirs = [metrics.face_points(frame) for frame in shown["driving"]]
        for method in (method for method in METHODS if method in shown):
            ours = [metrics.face_points(frame) for frame in shown[method]]
            figures = _point_figures(ours, theirs)
            figures["motion_px"] = _distances(_since_first(ours), _since_first(theirs))
            if still is not None:
                figures["shape_px"] = _distances(
                    [p if p is None else aligned(p, still) for p in ours], [still] * len(ours)
                )
            scores.add(method, figures)
    for method, values in _likenesses(metrics.identity, shown).items():
        scores.add(method, {"identity": values})
    scores.frames += len(frames)
    return shown


@torch.inference_mode()
def animate_by_all(
    model: Backend, source: np.ndarray, frames: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """What each of :data:`METHODS` makes of a picture, and the folded share of its flow, of each frame.

    The pictures are (T, h, w, 3) uint8 at the model's size; ``source`` and ``driving`` are among them. Shares are NaN
    where nothing flows, and a method that a model does not tell enough for is left out.
    """
    still = _batch(model, [source])
    features = model.encode_source(still)
    picture = to_pictures(still)[0]
    height, width = picture.shape[:2]
    crop = (0.0, 0.0, float(width), float(height))
    composer = None
    if model.config.generator.dense_motion is not None and picture.shape[2] == 3:
        composer = open_composer(model, picture, FaceSet.from_crops([crop], (height, width)), [features])
    first, shown = None, {name: [] for name in ("driving", *METHODS)}
    folded: dict[str, list[float]] = {name: [] for name in METHODS[:3]}
    for start in range(0, len(frames), CHUNK):
        driving = _batch(model, frames[start : start + CHUNK])
        keypoints = model.detect_keypoints(driving)
        first = keypoints[:1] if first is None else first
        moved = transfer_motion(features.keypoints, keypoints, first, MotionTransfer())
        shown["driving"].append(to_pictures(driving))
        shown["copy"].append(to_pictures(still.expand_as(driving)))
        for mode, pose in (("relative", moved), ("absolute", keypoints)):
            generated = model.generate(features, pose)
            shown[mode].append(to_pictures(generated.prediction))
            folded[mode] += _folded(generated, model.config.flow_unit)
            if composer is not None and mode == "relative":
                shown["composed"].append(composer([generated]))
                folded["composed"] += [folded_in(flow, crop) for flow in composer.flows([generated])]
    pictures = {name: np.concatenate(parts) for name, parts in shown.items() if parts}
    return {"source": to_pictures(still)} | pictures, {name: shares for name, shares in folded.items() if shares}


def _folded(generated: Generated, flow_unit: float) -> list[float]:
    """Of each frame's flow as the network gives it."""
    if generated.dense_motion is None:
        return [float("nan")] * len(generated.prediction)
    return [folded_share(d, cell_places(d)) for d in displacements(generated.dense_motion, flow_unit)]


def _likenesses(embed: FaceEmbedding | None, shown: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    """How like the source's every frame's face is, by method and of the driving frames; nothing without a network."""
    if embed is None:
        return {}
    source = embed(shown["source"][0])
    return {name: likeness(embed, source, shown[name]) for name in (*METHODS, DRIVING) if name in shown}


def _mouths_and_turns(
    points: FacePointsInTime | None, size: tuple[int, int]
) -> tuple[list[tuple[slice, slice] | None], list[str | None]]:
    """Where the mouth is in each frame but the first, and how far the head is turned against that one."""
    first, *others = [None] if points is None else [five_of(each) for each in points]
    mouths, turns = [], []
    for five in others:
        mouths.append(None if five is None else _around(five[3:].mean(0), size))
        turn = None if first is None or five is None else turned_deg(five, first)
        turns.append(None if turn is None else next(name for name, most in TURNS.items() if turn <= most))
    return mouths, turns


def _around(middle: np.ndarray, size: tuple[int, int]) -> tuple[slice, slice]:
    half = max(1, round(size[1] * MOUTH / 2))
    y, x = (round(float(np.clip(place, half, side - half))) for place, side in zip(middle[::-1], size, strict=True))
    return slice(y - half, y + half), slice(x - half, x + half)


def _l1_in(ours: np.ndarray, theirs: np.ndarray, where: tuple[slice, slice] | None) -> float:
    """Mean difference of values in [0, 1] in a part of two pictures; NaN where that is not known."""
    return float("nan") if where is None else float(np.abs(ours[where] / 255.0 - theirs[where] / 255.0).mean())


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


def _point_figures(ours: FacePointsInTime, theirs: FacePointsInTime) -> dict[str, list[float]]:
    missed = [
        float("nan") if wanted is None else float(found is None) for found, wanted in zip(ours, theirs, strict=True)
    ]
    return {"akd_px": _distances(ours, theirs), "missed": missed}


def _distances(ours: FacePointsInTime, theirs: FacePointsInTime) -> list[float]:
    """Mean distance of the points of each frame; NaN where one of the two has none."""
    return [
        float("nan") if first is None or second is None else float(np.linalg.norm(first - second, axis=1).mean())
        for first, second in zip(ours, theirs, strict=True)
    ]


def _since_first(points: FacePointsInTime) -> list[np.ndarray | None]:
    first = points[0]
    return [None if first is None or each is None else each - first for each in points]
