"""A person's head out of a photograph: which shape and expression of the model put its points on those found there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from fom_core.training.data.face_shape import similarity

from .asset import EYES, Asset, load_asset

FOLDER, UNITS = "mpfb2/targets/", "faceunits01/targets/faceunits/"
RACES, SEXES = ("african", "asian", "caucasian"), ("female", "male")
EXPRESSIONS = (
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight "
    "eyeBlinkLeft eyeBlinkRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight jawForward jawLeft jawOpen jawRight "
    "mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft "
    "mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight mouthRollLower mouthRollUpper "
    "mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft "
    "mouthUpperUpRight noseSneerLeft noseSneerRight tongueOut"
).split()
GAZES = [f"eyeLook{way}{side}.target" for way in ("Up", "Down", "In", "Out") for side in ("Left", "Right")]
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
DEPTH_COUNTS = 0.35  # of the found points beside their place in the picture
REACH = 0.22  # in decimetres, of a point's remaining shift over the surface


@dataclass(frozen=True)
class Shapes:
    """The usual head (V, 3), and as shifts of it: people (K, V, 3) and expressions (E, V, 3)."""

    usual: np.ndarray
    people: np.ndarray
    names: list[str]
    expressions: np.ndarray


def load_shapes(asset: Asset) -> Shapes:
    from .asset import data_folder

    macro = FOLDER + "macrodetails/"
    eyes = np.unique(asset.triangles[asset.parts == EYES])
    width = np.ptp(asset.points[eyes][:, 0])

    def settled(points: np.ndarray) -> np.ndarray:
        return (points - points[eyes].mean(axis=0)) * (width / np.ptp(points[eyes][:, 0]))

    whole, names = {}, []
    for race in RACES:
        for sex in SEXES:
            for age in ("child", "young", "old"):
                for weight in ("minweight", "averageweight", "maxweight") if age != "child" else ("averageweight",):
                    shift = asset.target(f"{macro}{race}-{sex}-{age}.target")
                    shift = shift + asset.target(f"{macro}universal-{sex}-{age}-averagemuscle-{weight}.target")
                    whole[f"{race}-{sex}-{age}-{weight}"] = settled(asset.points + shift)
    usual = np.mean([p for name, p in whole.items() if "young-averageweight" in name], axis=0)
    people = [points - usual for points in whole.values()]
    names = list(whole)
    for folder, start in LOCAL.items():
        for file in sorted((data_folder() / FOLDER / folder).glob(f"{start}*.target.gz")):
            path = f"{FOLDER}{folder}/{file.name}"
            shift = asset.target(path)
            if start.startswith("l-"):
                shift = shift + asset.target(path.replace("/l-", "/r-"))
            people.append(shift), names.append(file.name.split(".")[0])
    units = np.stack([asset.target(f"{UNITS}{name}.target") for name in EXPRESSIONS])
    return Shapes(usual, np.stack(people), names, units)


def load_points(asset: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Where the mesh's points lie on the surface: vertices (468, 3) and their weights (468, 3)."""
    rows = np.loadtxt(Path(__file__).with_name("points.csv"), delimiter=",", skiprows=1)
    place = np.full(asset.kept.max() + 1, -1)
    place[asset.kept] = np.arange(len(asset.kept))
    return place[rows[:, :3].astype(int)], rows[:, 3:]


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
        both = np.concatenate([shapes.people, shapes.expressions])
        self._basis = np.stack([self.on_surface(each) for each in both], axis=-1)  # (468, 3, K + E)
        broad = np.array([("-" in n and n.split("-")[0] in RACES) for n in shapes.names] + [False] * len(shapes.expressions))
        self._stiff = np.where(broad, 0.06, 0.10)
        self._stiff[len(shapes.people) :] = 0.09
        spread = np.linalg.norm(shapes.usual[:, None] - self._usual[None], axis=-1) / REACH  # (V, 468)
        kernel = np.exp(-0.5 * spread**2)
        self._carry = kernel / (kernel.sum(axis=1, keepdims=True) + 0.15)

    def on_surface(self, points: np.ndarray) -> np.ndarray:
        """(468, 3) of points (V, 3), or of their shifts."""
        return (points[self.index] * self.weights[..., None]).sum(axis=1)

    def __call__(self, mesh: np.ndarray) -> Fit:
        """mesh (468, 3) in [-1, 1] of a picture, y down, depth away from the camera."""
        seen = mesh.astype(np.float64) * [1, -1, -1]
        count = len(self.shapes.people)
        values = np.zeros(self._basis.shape[-1])
        for _ in range(6):
            points = self._usual + self._basis @ values
            scale, turn, shift = similarity(points, seen)
            back = (seen - shift) @ turn / scale  # as the model stands
            along = turn * np.array([1, 1, DEPTH_COUNTS])[:, None]  # rows: axes of the picture, in the model
            wanted = ((back - self._usual) @ along.T).reshape(-1)
            basis = np.einsum("ij,njk->nik", along, self._basis).reshape(len(wanted), -1)
            system = np.concatenate([basis, np.diag(self._stiff)])
            values, _ = nnls(system, np.concatenate([wanted, np.zeros(len(values))]))
        points = self._usual + self._basis @ values
        scale, turn, shift = similarity(points, seen)
        remains = (seen - shift) @ turn / scale - points
        flat = (remains @ turn.T) * [1, 1, 0]
        error = float(np.linalg.norm(flat, axis=1).mean() * scale)
        rest = self._carry @ (flat @ turn)
        return Fit(values[:count], values[count:], rest, float(scale), turn, shift, error)
