"""A motion at other places of the face: mirrored, or carried to the keypoints of another model."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import UsageError
from ..geometry import inverse_2x2
from ..types import Keypoints, Motion
from .directions import load_directions
from .notes import changed
from .rest import anchored, rested

log = logging.getLogger(__name__)
PLACES, REACH = 81, 0.2  # places across in which the middle of a face is sought, and how far from its keypoints' mean


def mirrored(motion: Motion) -> Motion:
    """Left and right change places.

    A keypoint moves as the face does at its mirror image. Keypoints are seldom quite symmetric, so the movement there
    is that of the keypoints around it, nearer ones first, each with how space stretches at it.
    """
    motion = rested(motion)
    rest = motion.neutral
    assert rest is not None
    shift, change = moves_at(motion.keypoints, rest, _mirror_image(rest.value[0]))
    flip = torch.diag(shift.new_tensor([-1.0, 1.0]))
    value = rest.value + shift @ flip
    if change is None or rest.jacobian is None:
        return replace(motion, keypoints=Keypoints(value), metadata=changed(motion))
    points = Keypoints(value, flip @ change @ flip @ rest.jacobian)
    return replace(motion, keypoints=points, metadata=changed(motion))


def carried(motion: Motion, model: str) -> Motion:
    """The motion for the keypoints of another model, where the usual faces of both are known.

    Poses are learnt on one canonical face, so the usual faces of two models lie upon one another: what moves a place of
    the one moves the same place of the other. Gives the motion back as it is for its own model, and where either face
    is unknown, for those who use it to refuse.
    """
    if motion.model == model:
        return motion
    try:
        ours, theirs = load_directions(model), load_directions(motion.model)
    except UsageError:
        return motion
    if ours.neutral.jacobian is None or theirs.neutral.jacobian is None or motion.keypoints.jacobian is None:
        return motion
    log.info("The motion was read with the model %s, and is carried to the keypoints of %s.", motion.model, model)
    on_usual_face = anchored(motion, theirs.neutral)
    size = ours.face / theirs.face
    shift, change = moves_at(on_usual_face, theirs.neutral, ours.neutral.value[0] / size)
    assert change is not None
    points = Keypoints(ours.neutral.value + shift * size, change @ ours.neutral.jacobian)
    return Motion(points, motion.fps, model, ours.image_size, changed(motion), motion.seen, neutral=ours.neutral)


def moves_at(points: Keypoints, rest: Keypoints, places: Tensor) -> tuple[Tensor, Tensor | None]:
    """How a face moves at places (P, 2) that lie among its keypoints: the shift (T, P, 2), and the change (T, P, 2, 2).

    points: (T, K) of the moving face; ``rest`` (1, K) before. Without jacobians there is no change.
    """
    offsets = places[:, None] - rest.value[0]  # (P, K, 2), from the keypoints to the places
    weights = _nearness(offsets)
    shift = points.value - rest.value
    if points.jacobian is None or rest.jacobian is None:
        return torch.einsum("pk,tkc->tpc", weights, shift), None
    change = points.jacobian @ inverse_2x2(rest.jacobian)
    stretch = torch.einsum("tkab,pkb->tpka", change - torch.eye(2).to(change), offsets)
    moved = torch.einsum("pk,tpka->tpa", weights, shift[:, None] + stretch)
    return moved, torch.einsum("pk,tkab->tpab", weights, change)


def _mirror_image(points: Tensor) -> Tensor:
    """Keypoints (K, 2) mirrored about the upright line for which they come nearest to keypoints."""
    middles = points[:, 0].mean() + torch.linspace(-REACH, REACH, PLACES).to(points)
    images = torch.stack([2 * middles[:, None] - points[:, 0], points[:, 1].expand(PLACES, -1)], dim=-1)
    distances = torch.cdist(images, points.expand(PLACES, -1, -1)).amin(dim=-1).mean(dim=-1)
    return images[distances.argmin()]


def _nearness(offsets: Tensor) -> Tensor:
    """Weights (P, K) that fall with the distance, as fast as the nearest keypoint is near."""
    square = offsets.square().sum(dim=-1)
    near = square.amin(dim=1, keepdim=True).clamp(min=1e-4)
    return torch.softmax(-square / (2 * near), dim=1)
