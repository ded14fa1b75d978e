"""The pictures of a clip: a person who moves, before a camera that stands still; and where the face's points are."""

from __future__ import annotations

import cv2
import numpy as np

from fom_core.training.data.mesh import LOWER_LIP, UPPER_LIP

from .fit import Fitter
from .motion import Motion
from .person import Person
from .render import Renderer, normals_of

MOST_OUTSIDE = 0.3  # share of the points that may be off the picture


def film(
    person: Person, motion: Motion, renderer: Renderer, fitter: Fitter, background: np.ndarray, rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames (S, S, 3) uint8 of a person, and the mesh (T, 468, 3) of each as training's mesh finder gives it."""
    size = renderer.size
    half = person.face_side * rng.uniform(0.78, 1.0)
    away = rng.uniform(7, 16)
    aim = np.array([rng.normal(0, 0.08), -0.28 + rng.normal(0, 0.08)])
    camera, eye = _camera(half, away, aim), np.array([*aim, away])
    behind = cv2.resize(background, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    exposure, tint = np.exp(rng.normal(0, 0.10)), np.exp(rng.normal(0, 0.03, 3))
    grain, blur = rng.uniform(0, 3.5), max(0.0, rng.normal(0.25, 0.25))
    renderer.set_surface(person.surface)
    frames, meshes = [], []
    for number in range(len(motion.head)):
        points = person.posed(*(each[number] for each in (motion.expressions, motion.head, motion.body, motion.shift, motion.gaze)))
        marks = fitter.on_surface(points)
        lips = marks[[UPPER_LIP, LOWER_LIP], 2].max()
        drawn = renderer(points, normals_of(points, person.surface.triangles), camera, eye, lips)
        frame = drawn[..., :3] * 255 + (1 - drawn[..., 3:]) * behind
        if blur > 0.2:
            frame = cv2.GaussianBlur(frame, (0, 0), blur)
        frame = frame * exposure * tint + rng.normal(0, grain, frame.shape)
        frames.append(frame.clip(0, 255).astype(np.uint8))
        meshes.append(_seen(marks, camera, size, half / (away - 0), away))
    return frames, np.stack(meshes)


def _camera(half: float, away: float, aim: np.ndarray) -> np.ndarray:
    """(4, 4) of a camera that looks along -z from ``away`` and sees ``half`` decimetres to each side at z = 0."""
    near, far, zoom = max(1.0, away - 6), away + 8, away / half
    lens = np.array([[zoom, 0, 0, 0], [0, zoom, 0, 0], [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)], [0, 0, -1, 0]])
    view = np.eye(4)
    view[:3, 3] = -aim[0], -aim[1], -away
    return lens @ view


def _seen(marks: np.ndarray, camera: np.ndarray, size: int, unit: float, away: float) -> np.ndarray:
    """Points (468, 3) in [-1, 1] between the middles of the outer pixels, depth in the same unit; NaN if most are off it."""
    clip = np.concatenate([marks, np.ones((len(marks), 1))], axis=1) @ camera.T
    flat = clip[:, :2] / clip[:, 3:] * [1, -1] * size / (size - 1)
    scale = camera[0, 0] / away * size / (size - 1)
    mesh = np.concatenate([flat, (-marks[:, 2:] + 0.15) * scale], axis=1).astype(np.float32)
    if np.mean(np.any(np.abs(flat) > 1, axis=1)) > MOST_OUTSIDE:
        mesh[:] = np.nan
    return mesh


def random_background(backgrounds: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """What is behind a person, the last of ``backgrounds`` more often than others, or a gradient."""
    kind = rng.random()
    if kind < 0.5:
        return backgrounds[-1]
    if kind < 0.8:
        picture = backgrounds[rng.integers(len(backgrounds))]
        picture = picture[:, ::-1] if rng.random() < 0.5 else picture
        top, left = rng.integers(0, len(picture) // 3, 2)
        return np.ascontiguousarray(picture[top : top + len(picture) * 2 // 3, left : left + len(picture) * 2 // 3])
    corners = rng.uniform(20, 235, 3) + rng.normal(0, 35, (2, 2, 3))
    return cv2.resize(corners.astype(np.float32), (256, 256), interpolation=cv2.INTER_LINEAR).clip(0, 255).astype(np.uint8)
