"""People made of photographs: a surface that moves, coloured by the picture where it shows it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from fom_core.training.data.mesh import CHIN, EYES as EYE_POINTS, FOREHEAD, LEFT_EAR, RIGHT_EAR

from .asset import BODY, EYES, LASHES, TEETH, TONGUE, Asset
from .fit import EXPRESSIONS, RACES, Fit, Fitter
from .matte import WORK, background_of, person_matte, silhouette, spread_person
from .render import Surface, normals_of

CARD = 5  # the part of what stands off the head: hair, clothes
GRID = 44
NECK, CHEST = np.array([0.0, -1.25, -0.85]), np.array([0.0, -3.2, -0.9])

AT_REST = {"mouthFrown": 0.75, "mouthStretch": 0.5, "browDown": 0.35}
"""Most of what fits find of expressions on faces that make none; that much stays."""


@dataclass(frozen=True)
class Person:
    surface: Surface
    neutral: np.ndarray  # (V, 3)
    expressions: np.ndarray  # (E, V, 3)
    balls: list[np.ndarray]  # vertices of either eye
    follows: np.ndarray  # (V,): how far each vertex turns with the head
    usual_expression: np.ndarray  # (E,): of the neutral face
    background: np.ndarray  # (S, S, 3) uint8
    face_side: float  # in decimetres

    def posed(self, expressions: np.ndarray, head: np.ndarray, body: np.ndarray, shift: np.ndarray, gaze: np.ndarray) -> np.ndarray:
        """(V, 3): expressions (E,), yaw, pitch and roll of head and body in degrees, gaze likewise."""
        values = np.maximum(self.usual_expression, expressions)
        points = self.neutral + np.tensordot(values, self.expressions, 1)
        turn = Rotation.from_euler("yx", [gaze[0], -gaze[1]], degrees=True)
        for ball in self.balls:
            middle = points[ball].mean(axis=0)
            points[ball] = turn.apply(points[ball] - middle) + middle
        turn = Rotation.from_euler("yxz", [head[0], -head[1], head[2]], degrees=True).as_rotvec()
        points = Rotation.from_rotvec(self.follows[:, None] * turn).apply(points - NECK) + NECK
        points = Rotation.from_euler("yxz", [body[0], -body[1], body[2]], degrees=True).apply(points - CHEST) + CHEST
        return points + shift


class PersonMaker:
    def __init__(self, asset: Asset, fitter: Fitter) -> None:
        self.asset, self.fitter = asset, fitter
        self.usual_expression = np.array([AT_REST.get(name.removesuffix("Left").removesuffix("Right"), 0.08) for name in EXPRESSIONS])
        usual = fitter.shapes.usual
        self._mirror, self._inside = asset.mirror(), asset.inside()
        teeth = np.unique(asset.triangles[asset.parts == TEETH])
        self._gum = float(np.mean([usual[teeth, 1].min(), usual[teeth, 1].max()]))
        self._skin = np.unique(asset.triangles[asset.parts == BODY])
        balls = np.unique(asset.triangles[asset.parts == EYES])
        self._balls = [balls[np.sign(usual[balls, 0]) == side] for side in (-1, 1)]
        marks = fitter.on_surface(usual)
        self._marks = marks
        head = usual[self._skin]
        back = head[head[:, 1] > -0.9][:, 2].min()
        hairline, nape = marks[FOREHEAD][1:] + [0.10, 0.0], np.array([-1.0, back + 0.25])
        along = nape - hairline
        across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
        across *= np.sign(across @ (np.array([0.9, back]) - hairline))
        depth = (usual[:, 1:] - hairline) @ across
        depth -= 0.30 * np.clip(np.abs(usual[:, 0]) - 0.35, 0, 1) * (usual[:, 2] > -1.0)  # temples are free
        skin = np.zeros(len(usual)); skin[self._skin] = 1
        self._hairy = _step(depth, -0.06, 0.16) * skin * (usual[:, 1] > -1.3)
        self._ears = skin * _ears(usual)
        self._hairy *= 1 - self._ears

    def __call__(self, picture: np.ndarray, fit: Fit, rng: np.random.Generator, other_shape: float = 0.0) -> Person:
        asset, shapes = self.asset, self.fitter.shapes
        usual = shapes.usual
        values = fit.people
        shaped = usual + np.tensordot(values, shapes.people, 1) + fit.rest
        moved = np.tensordot(fit.expressions, shapes.expressions, 1)
        skin = asset.triangles[asset.parts == BODY]
        seen = fit.placed(shaped + moved)
        covered = silhouette(seen, skin, WORK)
        matte = person_matte(picture, covered)
        swollen = self._hair_volume(seen, shaped, matte, covered, fit)
        shaped = shaped + swollen
        seen = fit.placed(shaped + moved)
        normals = normals_of(seen, skin)
        place = (seen[:, :2] * [1, -1] + 1) / 2
        low = np.where(self._hairy > 0.5, 0.05, 0.12)
        trust = _step(normals[:, 2], low, low + 0.33)
        pure = cv2.erode(matte, np.ones((5, 5)))
        background = background_of(picture, matte)
        picture = spread_person(picture, matte)
        trust *= _sample(pure, place) * (self._inside < 0.3)
        trust *= 1 - self._in_eyes(place, seen, 0.26)
        trust *= np.all((place > 0.01) & (place < 0.985), axis=1)
        mirror = self._mirror
        photo = np.concatenate([place, place[mirror]], axis=1)
        fill = self._fill(usual, trust * (self._in_eyes(place, seen, 0.7) < 0.01), _sample(picture, place) / 255)
        shaped = self._with_teeth(shaped)
        colours = self._colours(picture, fit, rng)
        local = np.zeros_like(usual)
        local[:, 0] = self._inside
        for ball in self._balls:
            middle = (usual[ball].min(0) + usual[ball].max(0)) / 2
            local[ball] = (usual[ball] - middle) / np.ptp(usual[ball], axis=0).max() * 2
        if other_shape:
            shaped = shaped + np.tensordot(self._variation(rng) * other_shape, shapes.people, 1)
        # the card
        card, card_place, card_triangles = self._card(fit)
        everything = np.concatenate([shaped, card])
        count = len(card)
        cut = cv2.erode(covered, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))).astype(np.float32)
        stands_off = matte * (1 - cv2.GaussianBlur(cv2.resize(cut, matte.shape[::-1]), (0, 0), 2))
        used = (asset.parts <= LASHES)
        extended = lambda values: np.concatenate([values, np.zeros((count, *values.shape[1:]))])
        surface = Surface(
            triangles=np.concatenate([asset.triangles[used], card_triangles + len(usual)]),
            parts=np.concatenate([asset.parts[used], np.full(len(card_triangles), CARD)]),
            photo=np.concatenate([photo, np.tile(card_place, 2)]),
            trust=extended(np.stack([trust, trust[mirror]], axis=1)),
            fill=extended(fill),
            local=extended(local),
            rest=extended(usual),
            picture=picture,
            matte=(stands_off * 255).astype(np.uint8),
            colours=colours,
        )
        side = float(np.ptp(self.fitter.on_surface(shaped), axis=0)[:2].max())
        units = np.concatenate([shapes.expressions, np.zeros((len(EXPRESSIONS), count, 3))], axis=1)
        units = units * (1 - np.concatenate([self._hairy, np.ones(count)]))[None, :, None]
        start = np.minimum(fit.expressions, self.usual_expression)
        return Person(surface, everything, units, self._balls, _follows(everything), start, background, side)

    def _with_teeth(self, shaped: np.ndarray) -> np.ndarray:
        """Teeth and tongue brought to where the lips are."""
        lips = self.fitter.on_surface(shaped)[[13, 14]].mean(axis=0)
        own = np.unique(self.asset.triangles[np.isin(self.asset.parts, (TEETH, TONGUE))])
        upper = own[self.fitter.shapes.usual[own, 1] > self._gum]
        teeth = np.unique(self.asset.triangles[self.asset.parts == TEETH])
        upper = np.intersect1d(upper, teeth)
        shift = lips + [0, -0.085, -0.13] - [0, shaped[upper, 1].min(), shaped[upper, 2].max()]
        shaped = shaped.copy()
        shaped[own] += shift * [1, 1, 1]
        return shaped

    def _in_eyes(self, place: np.ndarray, seen: np.ndarray, rim: float) -> np.ndarray:
        """(V,): what the picture shows of lids is too near the open eye to tell how they look."""
        mask = np.zeros((768, 768), np.uint8)
        flat = place * len(mask)
        marks = self.fitter.on_surface(np.concatenate([flat, seen[:, 2:]], axis=1))[:, :2]
        half = len(EYE_POINTS) // 2
        for ring in (EYE_POINTS[:half], EYE_POINTS[half:]):
            hull = cv2.convexHull(np.rint(marks[ring]).astype(np.int32))
            cv2.fillConvexPoly(mask, hull, 255)
            width = max(1, round(rim * float(np.ptp(marks[ring][:, 0]))))
            cv2.polylines(mask, [hull], True, 255, width)
        mask = cv2.GaussianBlur(mask, (0, 0), 4)
        return _sample(mask, place) / 255 * (np.abs(self.fitter.shapes.usual[:, 1]) < 0.5)

    def _variation(self, rng: np.random.Generator) -> np.ndarray:
        values = np.zeros(len(self.fitter.shapes.people))
        for number in rng.choice(len(values), 14, replace=False):
            broad = self.fitter.shapes.names[number].split("-")[0] in RACES
            values[number] = rng.uniform(0, 0.35 if broad else 0.7)
        return values

    def _hair_volume(self, seen: np.ndarray, shaped: np.ndarray, matte: np.ndarray, covered: np.ndarray, fit: Fit) -> np.ndarray:
        """Shifts (V, 3) of the scalp by which it reaches the outline of the hair."""
        ears = seen[self.fitter.index[[RIGHT_EAR, LEFT_EAR], 0]]
        middle = ears.mean(axis=0)[:2] + [0, 0.25 * fit.scale]
        angles = np.linspace(-0.15 * np.pi, 1.15 * np.pi, 61)
        reach = np.arange(0, 2.2, 0.02) * fit.scale
        rays = middle + reach[None, :, None] * np.stack([np.cos(angles), np.sin(angles)], -1)[:, None]
        flat = (rays * [1, -1] + 1) / 2
        inside = np.all((flat > 0) & (flat < 1), -1)
        person = (_sample(matte, flat.reshape(-1, 2)).reshape(flat.shape[:2]) > 0.5) & inside
        bald = _sample(covered.astype(np.float32), flat.reshape(-1, 2)).reshape(flat.shape[:2]) > 0.5
        length = lambda mask: np.where(mask.all(1), mask.shape[1], np.argmin(mask, axis=1)) * 0.02
        last = lambda mask: (mask.shape[1] - np.argmax(mask[:, ::-1], axis=1)) * 0.02 * mask.any(1)
        extra = np.clip(length(person | bald) - last(bald), 0, 0.55)
        extra = cv2.GaussianBlur(extra[None].astype(np.float32), (0, 0), 2, borderType=cv2.BORDER_REPLICATE)[0]
        off = seen[:, :2] - middle
        angle = np.arctan2(off[:, 1], off[:, 0])
        angle = np.where(angle < -np.pi / 2, angle + 2 * np.pi, angle)
        here = np.interp(angle, angles, extra)
        rim = _step(np.linalg.norm(off, axis=1) / fit.scale, 0.2, 0.75)
        here = rim * here + (1 - rim) * np.median(extra)
        fade = _step(angle, -0.3, 0.15) * _step(np.pi - angle, -0.3, 0.15)
        normals = normals_of(shaped, self.asset.triangles[self.asset.parts == BODY])
        return normals * (self._hairy**1.5 * here * (0.35 + 0.65 * fade))[:, None]

    def _fill(self, usual: np.ndarray, trust: np.ndarray, colours: np.ndarray) -> np.ndarray:
        """(V, 4): colours for what the picture does not show, from what is near, and whether it is hair."""
        result = np.zeros((len(usual), 4))
        hairy = self._hairy
        both = usual.copy()
        both[:, 0] = np.abs(both[:, 0])
        both[:, 1] *= np.where(both[:, 1] < -1.3, 2.5, 1)
        sums = []
        for chosen in (hairy < 0.2, hairy > 0.8):
            sure = np.flatnonzero((trust > 0.75) & chosen)
            if len(sure) < 20:
                sums.append(sums[0] if sums else np.tile(np.median(colours, axis=0), (len(usual), 1)))
                continue
            sure = sure[:: max(1, len(sure) // 400)]
            apart = ((both[:, None] - both[sure][None]) ** 2).sum(-1)
            weight = 1 / (apart + 0.02) ** 4
            sums.append(weight @ colours[sure] / weight.sum(1, keepdims=True))
        result[:, :3] = sums[0] * (1 - hairy[:, None]) + sums[1] * 0.85 * hairy[:, None]
        result[:, 3] = hairy
        return result

    def _colours(self, picture: np.ndarray, fit: Fit, rng: np.random.Generator) -> dict[str, np.ndarray | float]:
        points = self.fitter.on_surface(
            self.fitter.shapes.usual + np.tensordot(fit.people, self.fitter.shapes.people, 1)
            + np.tensordot(fit.expressions, self.fitter.shapes.expressions, 1) + fit.rest
        )  # fmt: skip
        flat = (fit.placed(points)[:, :2] * [1, -1] + 1) / 2 * len(picture)
        mask = np.zeros(picture.shape[:2], np.uint8)
        half = len(EYE_POINTS) // 2
        irises = []
        for ring in (EYE_POINTS[:half], EYE_POINTS[half:]):
            cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(flat[ring]).astype(np.int32)), 1)
            x, y = np.rint(flat[ring].mean(axis=0)).astype(int)
            irises.append(picture[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3))
        eye = picture[mask > 0] / 255
        bright = eye[eye.sum(1) >= np.percentile(eye.sum(1), 75)].mean(axis=0) if len(eye) else np.full(3, 0.6)
        level = float(np.clip(bright.mean() * 1.15, 0.42, 0.86))
        white = level * (0.7 + 0.3 * bright / bright.mean()) * [1.0, 0.985, 0.97]
        iris = np.median(np.concatenate(irises), axis=0) / 255 if len(irises) else np.full(3, 0.2)
        if rng.random() < 0.25:
            iris = np.array([[0.30, 0.40, 0.48], [0.32, 0.38, 0.26], [0.34, 0.22, 0.11], [0.16, 0.10, 0.06]])[rng.integers(4)] * level * 1.3
        lip = np.median(_sample(picture, flat[[0, 37, 267, 17, 84, 314]] / len(picture)), axis=0) / 255
        sun = np.array([rng.normal(0, 0.6), rng.uniform(0.0, 0.7), rng.uniform(0.5, 1.0)])
        strong = rng.uniform(0.3, 0.85)
        return {
            "light": sun / np.linalg.norm(sun),
            "light_tone": strong * 1.15 * np.clip(rng.normal(1, 0.06, 3), 0.8, 1.2),
            "ambient": (1 - 0.72 * strong) * np.clip(rng.normal(1, 0.05, 3), 0.8, 1.2),
            "lit": rng.uniform(0.2, 0.6),
            "gloss": rng.uniform(0.0, 0.07),
            "iris": np.clip(iris * 1.25, 0.05, 0.6),
            "pupil": rng.uniform(0.15, 0.24),
            "white": white,
            "teeth": white * rng.uniform(1.0, 1.15) * np.array([1.0, 0.95, 0.86]),
            "tongue": np.clip(lip * [1.0, 0.72, 0.74], 0.2, 0.7),
            "throat": np.clip(lip * [0.42, 0.22, 0.22], 0.02, 0.25),
            "lashes": np.array([0.08, 0.06, 0.05]),
        }

    def _card(self, fit: Fit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What stands off the head, as a sheet through the ears: points (G, 3), places in the picture, triangles."""
        line = np.linspace(0, 1, GRID)
        place = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        middle = self._marks[[RIGHT_EAR, LEFT_EAR]].mean(axis=0) + [0, 0, -0.22]
        depth = fit.placed(middle)[2]
        flat = place * [2, -2] + [-1, 1]
        points = np.concatenate([flat, np.full((len(flat), 1), depth)], axis=1)
        points = (points - fit.shift) @ fit.turn / fit.scale
        corner = (np.arange(GRID - 1)[:, None] * GRID + np.arange(GRID - 1)).reshape(-1)
        lower = np.stack([corner, corner + GRID, corner + 1], axis=1)
        upper = np.stack([corner + 1, corner + GRID, corner + GRID + 1], axis=1)
        return points, place, np.concatenate([lower, upper])


def _follows(points: np.ndarray) -> np.ndarray:
    return _step(points[:, 1] + 0.25 * points[:, 2], -2.15, -1.3)


def _ears(usual: np.ndarray) -> np.ndarray:
    x, y, z = np.abs(usual[:, 0]), usual[:, 1], usual[:, 2]
    widest = np.percentile(x[(y > 0.2) & (y < 1.0)], 99.5)
    return _step(x, widest - 0.02, widest + 0.05) * (np.abs(y + 0.1) < 0.5)


def _step(values: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    part = np.clip((values - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def _sample(picture: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values (N, ...) of a picture at places (N, 2) from 0 to 1."""
    x, y = (place * picture.shape[1::-1] - 0.5).astype(np.float32).T
    read = cv2.remap(picture, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return read.reshape(len(place), -1)[:, 0] if picture.ndim == 2 else read.reshape(len(place), -1)
