"""People made of portraits: a surface that moves, coloured by the picture where it shows it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingImports]

from fom_core.compose.canvas import smooth_step
from fom_core.training.data.mesh import LEFT_EAR, LOWER_LIP, RIGHT_EAR, UPPER_LIP

from .asset import BODY, EXPRESSIONS, EYES, LASHES, RACES, TEETH, TONGUE, Asset
from .fit import Fit, Fitter
from .hair import hair_volume, hairiness, sheet
from .looks import colours_around, eye_zone, eyes_and_mouth, random_light
from .matte import WORK, background_of, person_matte, silhouette, spread_person
from .motion import Pose
from .render import LOOSE, Surface, normals_of
from .sampling import disc, sample

NECK, CHEST = np.array([0.0, -1.25, -0.85]), np.array([0.0, -3.2, -0.9])  # around which head and body turn
AT_REST = {"mouthFrown": 0.75, "mouthStretch": 0.5, "browDown": 0.35}
"""Most of what fits find of expressions on faces that make none; that much stays, and of others :data:`LITTLE`."""
LITTLE = 0.08
TEETH_AT = np.array([0, -0.085, -0.13])  # lower edge and front of the upper teeth, from between the lips
CHANGES = 14  # shapes that make another person of somebody


@dataclass(frozen=True)
class Person:
    """Somebody who can move: V vertices in decimetres around the middle of the eyes."""

    surface: Surface
    neutral: np.ndarray  # (V, 3)
    expressions: np.ndarray  # (E, V, 3)
    balls: list[np.ndarray]  # vertices of either eye
    follows: np.ndarray  # (V,): how far each vertex turns with the head
    at_rest: np.ndarray  # (E,): expressions of the neutral face
    background: np.ndarray  # (S, S, 3) uint8
    face_side: float

    def posed(self, pose: Pose) -> np.ndarray:
        """(V, 3): where the vertices are then."""
        points = self.neutral + np.tensordot(np.maximum(self.at_rest, pose.expressions), self.expressions, 1)
        gaze = Rotation.from_euler("yx", [pose.gaze[0], -pose.gaze[1]], degrees=True)
        for ball in self.balls:
            middle = points[ball].mean(axis=0)
            points[ball] = gaze.apply(points[ball] - middle) + middle
        head = _turn(pose.head).as_rotvec()
        points = Rotation.from_rotvec(self.follows[:, None] * head).apply(points - NECK) + NECK
        return _turn(pose.body).apply(points - CHEST) + CHEST + pose.shift


def _turn(angles: np.ndarray) -> Rotation:
    """Yaw, pitch (up) and roll in degrees."""
    return Rotation.from_euler("yxz", angles * [1, -1, 1], degrees=True)


class PersonMaker:
    """Makes people of portraits."""

    def __init__(self, asset: Asset, fitter: Fitter) -> None:
        self.asset, self.fitter = asset, fitter
        usual = fitter.shapes.usual
        self._mirror, self._inside = asset.mirror(), asset.inside()
        self._skin = asset.triangles[asset.parts == BODY]
        balls, teeth = asset.vertices(EYES), asset.vertices(TEETH)
        self._balls = [balls[np.sign(usual[balls, 0]) == side] for side in (-1, 1)]
        self._upper_teeth = teeth[usual[teeth, 1] > (usual[teeth, 1].min() + usual[teeth, 1].max()) / 2]
        self._marks = fitter.on_surface(usual)
        self._hairy = hairiness(usual, self._marks, asset.vertices(BODY))
        sides = [name.removesuffix("Left").removesuffix("Right") for name in EXPRESSIONS]
        self._at_rest = np.array([AT_REST.get(name, LITTLE) for name in sides])

    def __call__(self, picture: np.ndarray, fit: Fit, rng: np.random.Generator, *, otherness: float = 0.0) -> Person:
        """Somebody who looks as in a picture (S, S, 3); ``otherness``: how far the head's shape is another one's."""
        shapes = self.fitter.shapes
        shaped = shapes.usual + np.tensordot(fit.people, shapes.people, 1) + fit.rest
        moved = np.tensordot(fit.expressions, shapes.expressions, 1)
        covered, matte = self._matte(picture, fit.placed(shaped + moved))
        shaped = self._with_hair(shaped, moved, fit, matte, covered)
        background, picture = background_of(picture, matte), spread_person(picture, matte)
        seen = fit.placed(shaped + moved)
        stood_up, places, triangles = sheet(fit, self._marks)
        colours = eyes_and_mouth(picture, self._places(seen)[1], rng) | random_light(rng)
        loose = _beside(matte, covered), places, triangles
        surface = self._surface(seen, picture, matte, loose=loose, colours=colours)
        shaped = self._with_teeth(shaped)
        if otherness:
            shaped = shaped + np.tensordot(self._changes(rng) * otherness, shapes.people, 1)
        everything = np.concatenate([shaped, stood_up])
        bends = np.concatenate([1 - self._hairy, np.zeros(len(stood_up))])
        units = np.concatenate([shapes.expressions, np.zeros((len(EXPRESSIONS), *stood_up.shape))], axis=1)
        return Person(
            surface=surface,
            neutral=everything,
            expressions=units * bends[:, None],
            balls=self._balls,
            follows=_follows(everything),
            at_rest=np.minimum(fit.expressions, self._at_rest),
            background=background,
            face_side=float(np.ptp(self.fitter.on_surface(shaped), axis=0)[:2].max()),
        )

    def _matte(self, picture: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the bald head and the body cover (WORK, WORK), and what the person does (S, S)."""
        covered = silhouette(seen, self._skin, WORK)
        of_head = (_follows(self.fitter.shapes.usual)[self._skin] > 0.6).all(axis=1)
        return covered, person_matte(picture, covered, silhouette(seen, self._skin[of_head], WORK))

    def _with_hair(
        self, shaped: np.ndarray, moved: np.ndarray, fit: Fit, matte: np.ndarray, covered: np.ndarray
    ) -> np.ndarray:
        seen = fit.placed(shaped + moved)
        ears = seen[self.fitter.index[[RIGHT_EAR, LEFT_EAR], 0]]
        volume = hair_volume(seen, ears, self._hairy, matte=matte, covered=covered, scale=fit.scale)
        return shaped + normals_of(shaped, self._skin) * volume[:, None]

    def _with_teeth(self, shaped: np.ndarray) -> np.ndarray:
        """Teeth and tongue brought to where the lips are."""
        lips = self.fitter.on_surface(shaped)[[UPPER_LIP, LOWER_LIP]].mean(axis=0)
        upper = shaped[self._upper_teeth]
        shaped = shaped.copy()
        shaped[self.asset.vertices(TEETH, TONGUE)] += lips + TEETH_AT - [0, upper[:, 1].min(), upper[:, 2].max()]
        return shaped

    def _surface(
        self,
        seen: np.ndarray,
        picture: np.ndarray,
        matte: np.ndarray,
        *,
        loose: tuple[np.ndarray, np.ndarray, np.ndarray],
        colours: dict[str, np.ndarray | float],
    ) -> Surface:
        """What a picture tells of points (V, 3) that stand in it so.

        loose: what of the person (S, S) is not in front of these, and the sheet's places and triangles.
        """
        asset, usual, mirror = self.asset, self.fitter.shapes.usual, self._mirror
        place, marks = self._places(seen)
        beside, loose_place, loose_triangles = loose
        at_eyes = np.abs(usual[:, 1]) < 0.5
        lids, near = (eye_zone(place, marks, rim) * at_eyes for rim in (0.34, 0.7))
        trust = self._trust(place, seen, matte) * (1 - lids)
        fill = colours_around(usual, self._hairy, lids, trust * (near < 0.01), sample(picture, place) / 255)
        parts = asset.parts <= LASHES

        def extended(values: np.ndarray) -> np.ndarray:
            return np.concatenate([values, np.zeros((len(loose_place), *values.shape[1:]))])

        return Surface(
            triangles=np.concatenate([asset.triangles[parts], loose_triangles + len(usual)]),
            parts=np.concatenate([asset.parts[parts], np.full(len(loose_triangles), LOOSE)]),
            photo=np.concatenate([np.concatenate([place, place[mirror]], axis=1), np.tile(loose_place, 2)]),
            trust=extended(np.stack([trust, trust[mirror]], axis=1)),
            fill=extended(fill),
            local=extended(self._local()),
            rest=extended(usual),
            picture=picture,
            matte=(beside * 255).astype(np.uint8),
            colours=colours,
        )

    def _places(self, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points (V, 3) and the mesh's (468, 3) are in the picture, from 0 to 1: (V, 2) and (468, 2)."""
        marks = self.fitter.on_surface(seen)
        return (seen[:, :2] * [1, -1] + 1) / 2, (marks[:, :2] * [1, -1] + 1) / 2

    def _trust(self, place: np.ndarray, seen: np.ndarray, matte: np.ndarray) -> np.ndarray:
        """(V,): how well the picture shows the vertices, by their direction and by what is the person."""
        low = np.where(self._hairy > 0.5, 0.05, 0.12)
        facing = smooth_step(normals_of(seen, self._skin)[:, 2] - low, 0, 0.33)
        inside = np.all((place > 0.01) & (place < 0.985), axis=1)
        return facing * sample(cv2.erode(matte, np.ones((5, 5))), place) * (self._inside < 0.3) * inside

    def _local(self) -> np.ndarray:
        """(V, 3): depth in the mouth, or the place in the eyeball in radii."""
        usual = self.fitter.shapes.usual
        local = np.zeros_like(usual)
        local[:, 0] = self._inside
        for ball in self._balls:
            low, high = usual[ball].min(axis=0), usual[ball].max(axis=0)
            local[ball] = (usual[ball] - (low + high) / 2) / (high - low).max() * 2
        return local

    def _changes(self, rng: np.random.Generator) -> np.ndarray:
        """Weights (K,) of a few shapes."""
        names = self.fitter.shapes.names
        values = np.zeros(len(names))
        for number in rng.choice(len(names), CHANGES, replace=False):
            values[number] = rng.uniform(0, 0.35 if names[number].split("-")[0] in RACES else 0.7)
        return values


def _beside(matte: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Of a person (S, S), what is not in front of the bald head and the body."""
    within = cv2.resize(cv2.erode(covered, disc(9)).astype(np.float32), matte.shape[::-1])
    return matte * (1 - cv2.GaussianBlur(within, (0, 0), 2))


def _follows(points: np.ndarray) -> np.ndarray:
    return smooth_step(points[:, 1] + 0.25 * points[:, 2], -2.15, -1.3)
