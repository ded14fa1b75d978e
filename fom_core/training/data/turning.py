"""Portraits with their heads turned in depth by their mesh, and with somebody else's change of expression.

Out of one portrait this makes a pair of which it is known where each pixel comes from, without the mistakes of a mesh.
Where it is known which pixels are the person, the head may move as hair and neck do, before a background that stays;
else the border of the picture holds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .face_shape import OVAL, RIGID, SKULL, FaceShape, known_meshes, similarity
from .mesh import CHIN, FOREHEAD, five_points, looks_of
from .sampler import RawPairs

ANGLES_DEG = (9.0, 6.0, 5.0)  # turn, nod and tilt at strength 1, standard deviations
LARGEST_DEG = 22.0  # turn
ZOOM, SHIFT = 0.04, 0.05  # relative, and in half sides; standard deviations
BORROWS, MUCH = 0.7, (0.5, 1.2)  # share of portraits that take over an expression, and how much of it
MAY_PART = (0.02, 0.5)  # by so much of the eyes' distance, or of how far they are apart, lips may part further
GRID = 40  # side of the maps
AROUND = (1.5, 2.3)  # of the face's outline, rings in the depth of the skull: one turns with it, the other tells which
SHOULDERS = 0.1  # half sides below the middle of the face, where heads end
BORDER = [(x, y) for y in np.linspace(-1.15, 1.15, 6) for x in np.linspace(-1.15, 1.15, 6) if max(abs(x), abs(y)) > 1.1]
"""Points beyond the picture, which stay where they are."""
HAIR = (1.45, 2.0)  # of the face's outline, rings of hair: as stiff as the skull
HAIR_ENDS = (-0.12, 0.15)  # heights of faces: these rings below the chin and the middle of the face, which is their end
BODY = (0.55, 0.75, 0.35)  # shoulders: heights of faces below the chin, but at least half sides; from there to below
ACROSS = (-1.2, -0.6, 0.0, 0.6, 1.2)  # half sides, where they are held
ROAMS = (1.0, 2.0, 4.0)  # how much further heads shift there, each as often: some by a third of the picture
SWAY = 0.7  # the largest share of it that shoulders take over
STIFF = 2e-3  # of the thin plate: how little it follows single points


@dataclass(frozen=True)
class HeadTurns:
    """How heads move, of each portrait of a batch.

    turn:   (B, 3, 3), around the middle of the skull.
    zoom:   (B,) factors; ``shift`` (B, 3) in half sides.
    borrow: (B,) how much of somebody's change of expression they take over, 0 for none.
    layered: (B,) bool, those that move before a background that stays; ``roam`` (B,) how much further these shift, and
             ``sway`` (B,) the share of it in their shoulders.
    """

    turn: np.ndarray
    zoom: np.ndarray
    shift: np.ndarray
    borrow: np.ndarray
    layered: np.ndarray
    roam: np.ndarray
    sway: np.ndarray

    @classmethod
    def random(cls, batch: int, strength: float, random: torch.Generator, *, layered: float = 0.0) -> HeadTurns:
        """Drawn for a whole batch. ``layered``: share of it."""
        normal = torch.randn(batch, 6, generator=random, dtype=torch.float64).numpy() * strength
        even = torch.rand(batch, 2, generator=random, dtype=torch.float64).numpy()
        angles = normal[:, :3] * ANGLES_DEG
        angles[:, 0] = angles[:, 0].clip(-LARGEST_DEG, LARGEST_DEG)
        shift = np.pad(normal[:, 4:] * SHIFT, ((0, 0), (0, 1)))
        much = MUCH[0] + (MUCH[1] - MUCH[0]) * even[:, 1]
        borrow = np.where(even[:, 0] < BORROWS, much, 0.0)
        chosen, roam, sway = np.zeros(batch, bool), np.ones(batch), np.zeros(batch)
        if layered:
            drawn = torch.rand(batch, 3, generator=random, dtype=torch.float64).numpy()
            chosen, sway = drawn[:, 0] < layered, drawn[:, 1] * SWAY
            roam = np.array(ROAMS)[(drawn[:, 2] * len(ROAMS)).astype(int)]
        return cls(rotations(angles), np.exp(normal[:, 3] * ZOOM), shift, borrow, chosen, roam, sway)

    def __getitem__(self, rows: slice | np.ndarray) -> HeadTurns:
        return HeadTurns(*(value[rows] for value in vars(self).values()))


@dataclass(frozen=True)
class TurnedPortraits:
    """The driving side of a batch after some of its portraits were turned.

    rows:      (R,) numbers of these.
    maps:      (R, G, G, 2) where in the portrait each place of the turned one is.
    layered:   (B,) bool, those of which this is true of the person alone: the background stays.
    landmarks: (B, 5, 2), ``mesh`` (B, 468, 3): of all rows, NaN where unknown.
    """

    rows: Tensor
    maps: Tensor
    layered: Tensor
    landmarks: Tensor
    mesh: Tensor


def rotations(angles_deg: np.ndarray) -> np.ndarray:
    """(B, 3, 3) nods, then turns about the vertical axis, then tilts, by angles (B, 3): turn, nod, tilt."""
    (turn, nod, tilt), (turn_sine, nod_sine, tilt_sine) = (f(np.radians(angles_deg)).T for f in (np.cos, np.sin))
    none, one = np.zeros_like(turn), np.ones_like(turn)

    def matrix(*values: np.ndarray) -> np.ndarray:
        return np.stack(values, axis=-1).reshape(-1, 3, 3)

    return (
        matrix(tilt, -tilt_sine, none, tilt_sine, tilt, none, none, none, one)
        @ matrix(turn, none, turn_sine, none, one, none, -turn_sine, none, turn)
        @ matrix(one, none, none, none, nod, -nod_sine, none, nod_sine, nod)
    )


def turn_portraits(shape: FaceShape, raw: RawPairs, turns: HeadTurns) -> TurnedPortraits:
    """Turn the portraits of a batch that have a mesh; those without a matte are not layered."""
    assert raw.driving_mesh is not None
    turning = raw.still.numpy() & known_meshes(raw.driving_mesh.numpy())
    layered = turns.layered & turning & (raw.matted.numpy() if raw.matted is not None else False)
    shift = np.where(layered, turns.roam, 1.0)[:, None] * turns.shift
    turns, rows = replace(turns, layered=layered, shift=shift), np.flatnonzero(turning)
    landmarks, meshes = raw.driving_landmarks.clone(), raw.driving_mesh.clone()
    maps = torch.empty(len(rows), GRID, GRID, 2)
    if len(rows):
        before = meshes[rows].double().numpy()
        changed = before
        if raw.lent is not None:
            change = borrowed(raw.lent[rows].double().numpy(), before)
            changed = before + _unopened(before, turns.borrow[rows, None, None] * change)
        after, rings = moved_heads(shape, before, changed, turns[rows])
        for number, each in enumerate(_maps(shape, before, after, rings, turns[rows])):
            maps[number] = torch.from_numpy(each)
        landmarks[rows] += torch.from_numpy(five_points(after) - five_points(before)).float()
        meshes[rows] = torch.from_numpy(after).float()
    return TurnedPortraits(torch.from_numpy(rows), maps, torch.from_numpy(layered), landmarks, meshes)


def borrowed(lent: np.ndarray, meshes: np.ndarray) -> np.ndarray:
    """What changes from the first to the second of two faces (R, 2, 468, 3) but their pose, on other ones (R, 468, 3).

    0 where one of the two is unknown.
    """
    each = known_meshes(lent)
    known = (each[:, 0] & each[:, 1])[:, None, None]
    first, second = (np.where(known, lent[:, number], meshes) for number in (0, 1))
    scale, turn, shift = similarity(first[:, RIGID], second[:, RIGID])
    change = (second - shift[:, None]) @ turn / scale[:, None, None] - first
    scale, turn, _ = similarity(first[:, RIGID], meshes[:, RIGID])
    return scale[:, None, None] * change @ turn.swapaxes(1, 2)


def _unopened(before: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Changes of meshes (R, 468, 3), so much of each that lips part hardly further.

    A mouth is opened here by stretching what there is, lips, which nobody should learn: the clips show what is inside.
    """
    apart, parted = looks_of(before)[0], looks_of(before + change)[0]
    allowed = np.maximum(MAY_PART[0], MAY_PART[1] * apart)
    return change * np.minimum(1, allowed / np.maximum(parted - apart, allowed))[..., None]


@dataclass(frozen=True)
class _Rings:
    """Rings of points around heads (R, 4, P, 3), before and after these moved: of :data:`AROUND` and :data:`HAIR`."""

    before: np.ndarray
    after: np.ndarray


def moved_heads(
    shape: FaceShape, before: np.ndarray, changed: np.ndarray, turns: HeadTurns
) -> tuple[np.ndarray, _Rings]:
    """Meshes (R, 468, 3) after their heads moved, once ``before`` has the expression of ``changed``; what is around."""
    scale, pose, shift = similarity(shape.face[RIGID], before[:, RIGID])
    skull = (scale[:, None] * (pose @ SKULL) + shift)[:, None]

    def moved(points: np.ndarray) -> np.ndarray:
        there = turns.zoom[:, None, None] * (points - skull) @ turns.turn.swapaxes(1, 2)
        return there + skull + turns.shift[:, None]

    middle, outline = before[:, RIGID].mean(axis=1, keepdims=True), before[:, OVAL]
    rings = np.stack([middle + (outline - middle) * size for size in (*AROUND, *HAIR)], axis=1)
    rings[..., 2] = skull[:, None, :, 2]
    return moved(changed), _Rings(rings, moved(rings.reshape(len(rings), -1, 3)).reshape(rings.shape))


def _maps(shape: FaceShape, before: np.ndarray, after: np.ndarray, rings: _Rings, turns: HeadTurns) -> list[np.ndarray]:
    """(G, G, 2) of each head: where in the picture before each place of the one after is."""
    seen = (shape.seen(before) & shape.seen(after))[:, shape.controls]
    axis = np.linspace(-1, 1, GRID)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    maps = []
    for row, layered in enumerate(turns.layered):
        face, ring, ring_after = shape.controls[seen[row]], rings.before[row, ..., :2], rings.after[row, ..., :2]
        if layered:
            there, here = _on_shoulders(before[row], ring[2:], ring_after[2:], turns.sway[row] * turns.shift[row, :2])
        else:
            there, here = _held_by_border(before[row], ring[:2], ring_after[0])
        there = np.concatenate([before[row, face, :2], there])
        here = np.concatenate([after[row, face, :2], here])
        maps.append(thin_plate(here, there, grid).reshape(GRID, GRID, 2))
    return maps


def _held_by_border(mesh: np.ndarray, rings: np.ndarray, turned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of the picture, before and after: one ring of a head, as the other one tells, and the border."""
    head, border = rings[1, :, 1] < mesh[RIGID, 1].mean() + SHOULDERS, np.array(BORDER)
    return np.concatenate([rings[0, head], border]), np.concatenate([turned[head], border])


def _on_shoulders(
    mesh: np.ndarray, rings: np.ndarray, turned: np.ndarray, sway: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of a person, before and after: the hair, as far as heads go, and shoulders that sway by (2,)."""
    height = np.linalg.norm(mesh[FOREHEAD, :2] - mesh[CHIN, :2])
    ends = np.array([mesh[CHIN, 1], mesh[RIGID, 1].mean()]) + np.array(HAIR_ENDS) * height
    hair = rings[..., 1] < ends[:, None]
    top = max(mesh[CHIN, 1] + BODY[0] * height, BODY[1])
    body = np.array([(x, y) for x in ACROSS for y in (top, top + BODY[2])])
    return np.concatenate([rings[hair], body]), np.concatenate([turned[hair], body + sway])


def thin_plate(points: np.ndarray, target: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Where places (N, 2) go when points (P, 2) go about to their targets, with as little bending as can be."""

    def bump(distance: np.ndarray) -> np.ndarray:
        return distance * np.log(distance + 1e-9)  # of squares: r² log r², and 0 at 0

    def plane(at: np.ndarray) -> np.ndarray:
        return np.concatenate([np.ones((len(at), 1)), at], axis=1)

    count = len(points)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = bump(_squares(points, points)) + STIFF * np.eye(count)
    system[:count, count:], system[count:, :count] = plane(points), plane(points).T
    weights = np.linalg.solve(system, np.concatenate([target - points, np.zeros((3, 2))]))
    return places + bump(_squares(places, points)) @ weights[:count] + plane(places) @ weights[count:]


def _squares(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Squares of the distances, (N, P)."""
    between = np.square(here).sum(axis=1)[:, None] + np.square(there).sum(axis=1) - 2 * here @ there.T
    return np.maximum(between, 0)
