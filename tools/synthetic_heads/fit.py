"""A person's head out of a photograph: which shape and expression of the model put its points on those found there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy.optimize import nnls  # pyright: ignore[reportMissingImports]

from fom_core.training.data.face_shape import similarity

from .asset import AGES, EXPRESSIONS, EYES, RACES, SEXES, SHAPES, UNITS, Asset, data_folder

POINTS_FILE = Path(__file__).with_name("points.csv")
WEIGHTS = ("minweight", "averageweight", "maxweight")
LOCAL = {
    "head": "head-",
    "chin": "chin-",
    "forehead": "forehead-",
    "nose": "nose-",
    "mouth": "mouth-",
    "cheek": "l-cheek",
    "eyes": "l-eye",
    "ears": "l-ear",
    "neck": "neck-",
    "eyebrows": "eyebrows-",
}
"""Folders of shapes of parts of the head, and how the names of those that are used begin."""
ROUNDS = 6
DEPTH_COUNTS = 0.35  # of the found points beside their place in the picture
STIFF_PEOPLE, STIFF_PARTS, STIFF_EXPRESSIONS = 0.06, 0.10, 0.09  # decimetres that a whole weight costs
REACH = 0.22  # in decimetres, of a point's remaining shift over the surface


@dataclass(frozen=True)
class Shapes:
    """The usual head (V, 3), its eyes' middle at 0, and as shifts of it: people (K, V, 3) and expressions (E, V, 3)."""

    usual: np.ndarray
    people: np.ndarray
    names: list[str]
    expressions: np.ndarray


def load_shapes(asset: Asset) -> Shapes:
    """All shapes that fits are made of: kinds of people, then parts of the head, left and right alike."""
    eyes = asset.vertices(EYES)
    width = np.ptp(asset.points[eyes][:, 0])
    names, people = [], []
    for race, sex, age, weight in product(RACES, SEXES, AGES, WEIGHTS):
        if age == "child" and weight != "averageweight":
            continue
        shift = asset.target(f"{SHAPES}macrodetails/{race}-{sex}-{age}.target")
        shift = shift + asset.target(f"{SHAPES}macrodetails/universal-{sex}-{age}-averagemuscle-{weight}.target")
        points = asset.points + shift
        points = (points - points[eyes].mean(axis=0)) * (width / np.ptp(points[eyes][:, 0]))
        names.append(f"{race}-{sex}-{age}-{weight}")
        people.append(points)
    usual = np.mean([points for name, points in zip(names, people, strict=True) if "young-average" in name], axis=0)
    people = [points - usual for points in people]
    for folder, start in LOCAL.items():
        for file in sorted((data_folder() / SHAPES / folder).glob(f"{start}*.target.gz")):
            path = f"{SHAPES}{folder}/{file.name.removesuffix('.gz')}"
            both = asset.target(path) + (asset.target(path.replace("/l-", "/r-")) if start.startswith("l-") else 0)
            names.append(file.name.split(".")[0])
            people.append(both)
    units = np.stack([asset.target(f"{UNITS}{name}.target") for name in EXPRESSIONS])
    return Shapes(usual, np.stack(people), names, units)


def load_points(asset: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Where the 468 points of MediaPipe's mesh lie on the surface: three vertices (468, 3) and their weights.

    The file was made by finding the mesh on 54 pictures of six kinds of people in nine poses, each point taken back to
    the surface, averaged, made symmetric and brought to the nearest place of the skin.
    """
    rows = np.loadtxt(POINTS_FILE, delimiter=",", skiprows=1)
    return asset.place(rows[:, :3].astype(int)), rows[:, 3:]


@dataclass(frozen=True)
class Fit:
    """Weights of people (K,) and expressions (E,); what remains (V, 3); the pose: scale, turn (3, 3), shift (3,)."""

    people: np.ndarray
    expressions: np.ndarray
    rest: np.ndarray
    scale: float
    turn: np.ndarray
    shift: np.ndarray
    error: float  # mean distance of the points before the rest is taken, in half sides of the picture

    def placed(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the model in the picture: x right and y up in [-1, 1], z to the camera."""
        return self.scale * points @ self.turn.T + self.shift


class Fitter:
    """Fits heads; ``index`` and ``weights`` (468, 3) tell where the mesh's points lie on the surface."""

    def __init__(self, shapes: Shapes, index: np.ndarray, weights: np.ndarray) -> None:
        self.shapes, self.index, self.weights = shapes, index, weights
        self._usual = self.on_surface(shapes.usual)
        each = [*shapes.people, *shapes.expressions]
        self._basis = np.stack([self.on_surface(shifts) for shifts in each], axis=-1)  # (468, 3, K + E)
        whole = [name.split("-")[0] in RACES for name in shapes.names]
        of_people = np.where(whole, STIFF_PEOPLE, STIFF_PARTS)
        self._stiff = np.concatenate([of_people, np.full(len(shapes.expressions), STIFF_EXPRESSIONS)])
        apart = np.linalg.norm(shapes.usual[:, None] - self._usual[None], axis=-1) / REACH
        kernel = np.exp(-0.5 * apart**2)
        self._carry = kernel / (kernel.sum(axis=1, keepdims=True) + 0.15)  # (V, 468)

    def on_surface(self, points: np.ndarray) -> np.ndarray:
        """(468, 3) of points (V, 3), or of their shifts."""
        return (points[self.index] * self.weights[..., None]).sum(axis=1)

    def __call__(self, mesh: np.ndarray) -> Fit:
        """The head of which a mesh (468, 3) was found, in [-1, 1] of a picture, y down, depth away from the camera."""
        seen = mesh.astype(np.float64) * [1, -1, -1]
        values = np.zeros(self._basis.shape[-1])
        for _ in range(ROUNDS):
            scale, turn, shift = similarity(self._usual + self._basis @ values, seen)
            back = (seen - shift) @ turn / scale  # as the model stands
            along = turn * np.array([1, 1, DEPTH_COUNTS])[:, None]  # rows: axes of the picture, in the model
            wanted = ((back - self._usual) @ along.T).reshape(-1)
            basis = np.einsum("ij,njk->nik", along, self._basis).reshape(len(wanted), -1)
            system = np.concatenate([basis, np.diag(self._stiff)])
            values = nnls(system, np.concatenate([wanted, np.zeros(len(values))]))[0]
        points = self._usual + self._basis @ values
        scale, turn, shift = similarity(points, seen)
        flat = (((seen - shift) @ turn / scale - points) @ turn.T) * [1, 1, 0]
        error = float(np.linalg.norm(flat, axis=1).mean() * scale)
        count = len(self.shapes.people)
        return Fit(values[:count], values[count:], self._carry @ (flat @ turn), float(scale), turn, shift, error)
