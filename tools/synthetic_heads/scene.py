"""The pictures of a clip: a person who moves before a camera that stands still; and where the face's points are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fom_core.training.data.mesh import LOWER_LIP, UPPER_LIP

from .fit import Fitter
from .motion import Pose
from .person import Person
from .render import Camera, Renderer, normals_of

MOST_OUTSIDE = 0.3  # share of the points that may be off the picture
FRAMING = (0.78, 1.0)  # of half the picture's side over the face's
AWAY = (7, 16)  # decimetres from camera to face
LEAST_BLUR = 0.2  # pixels
DEPTH = 0.15  # decimetres before the middle of the eyes, where meshes that are found have depth 0


class Scene:
    """Films people, with one renderer; ``fitter`` knows where the mesh's points lie on them."""

    def __init__(self, renderer: Renderer, fitter: Fitter) -> None:
        self.renderer, self.fitter = renderer, fitter

    def __call__(
        self, person: Person, poses: Sequence[Pose], background: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Frames (T, S, S, 3) uint8, and the mesh (T, 468, 3) of each as training's mesh finder gives it."""
        size = self.renderer.size
        half, away = person.face_side * rng.uniform(*FRAMING), rng.uniform(*AWAY)
        camera = Camera(half, away, np.array([rng.normal(0, 0.08), -0.28 + rng.normal(0, 0.08)]))
        behind = cv2.resize(background, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
        light = np.exp(rng.normal(0, 0.10)) * np.exp(rng.normal(0, 0.03, 3))
        grain, blur = rng.uniform(0, 3.5), rng.normal(0.25, 0.25)
        self.renderer.set_surface(person.surface)
        frames, meshes = [], []
        for pose in poses:
            points = person.posed(pose)
            marks = self.fitter.on_surface(points)
            lips = float(marks[[UPPER_LIP, LOWER_LIP], 2].max())
            drawn = self.renderer(points, normals_of(points, person.surface.triangles), camera, lips)
            frame = drawn[..., :3] * 255 + (1 - drawn[..., 3:]) * behind
            if blur > LEAST_BLUR:
                frame = cv2.GaussianBlur(frame, (0, 0), blur)
            frame = frame * light + rng.normal(0, grain, frame.shape)
            frames.append(frame.clip(0, 255).astype(np.uint8))
            meshes.append(mesh_of(marks, camera, size))
        return np.stack(frames), np.stack(meshes)


def mesh_of(marks: np.ndarray, camera: Camera, size: int) -> np.ndarray:
    """Points (468, 3) in [-1, 1] between the middles of the outer pixels, depth in that unit; NaN if many are outside.

    float32, as :func:`fom_core.training.data.mesh.find_meshes` gives them.
    """
    mesh = camera.seen(marks - [0, 0, DEPTH]) * size / (size - 1)
    mesh[:, :2] = camera.seen(marks)[:, :2] * size / (size - 1)
    if np.mean(np.abs(mesh[:, :2]).max(axis=1) > 1) > MOST_OUTSIDE:
        mesh[:] = np.nan
    return mesh.astype(np.float32)


def random_background(backgrounds: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """What is behind a person, the last of ``backgrounds`` more often than others, or a gradient."""
    kind = rng.random()
    if kind < 0.5:
        return backgrounds[-1]
    if kind < 0.8:
        picture = backgrounds[int(rng.integers(len(backgrounds)))]
        picture = picture[:, ::-1] if rng.random() < 0.5 else picture
        side = len(picture) * 2 // 3
        top, left = rng.integers(0, len(picture) - side, 2)
        return np.ascontiguousarray(picture[top : top + side, left : left + side])
    corners = rng.uniform(25, 230) + rng.normal(0, 22, 3) + rng.normal(0, 25, (2, 2, 3))
    smooth = cv2.resize(corners.astype(np.float32), (256, 256), interpolation=cv2.INTER_LINEAR)
    return smooth.clip(0, 255).astype(np.uint8)
