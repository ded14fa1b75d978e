"""Pictures of heads by OpenGL without a window (the package ``moderngl``; Mesa's software renderer will do)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import moderngl  # pyright: ignore[reportMissingImports]
import numpy as np

from .asset import LASHES

FINER = 1.5  # pixels drawn for one of the picture, along each side
LOOSE = LASHES + 1  # the part that stands off the head: hair, clothes
VERTEX, FRAGMENT = (Path(__file__).with_name(f"head.{kind}").read_text(encoding="ascii") for kind in ("vert", "frag"))
FIXED = {"photo": 4, "trust": 2, "fill": 4, "local": 3, "rest": 3}
OVER = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA


@dataclass(frozen=True)
class Surface:
    """What does not change from frame to frame: F triangles of V vertices, values of these, and two pictures.

    parts (F,); photo (V, 4): places (x, y) in the picture, from 0 to 1, y down, of a vertex and of its mirror image;
    trust (V, 2) in them; fill (V, 4): other colour, and whether it is hair; local (V, 3): depth in the mouth, or the
    place in the eyeball; rest (V, 3): places that noise is made of. ``colours`` are uniforms of the shader by name.
    """

    triangles: np.ndarray
    parts: np.ndarray
    photo: np.ndarray
    trust: np.ndarray
    fill: np.ndarray
    local: np.ndarray
    rest: np.ndarray
    picture: np.ndarray  # (S, S, 3) uint8
    matte: np.ndarray  # (S, S) uint8: what of the picture is LOOSE
    colours: dict[str, np.ndarray | float]


@dataclass(frozen=True)
class Camera:
    """Looks along -z from ``away`` over the point ``aim`` (2,) and sees ``half`` decimetres to each side at z = 0."""

    half: float
    away: float
    aim: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """(4, 4), from points to clip space."""
        near, far, zoom = max(1.0, self.away - 6), self.away + 8, self.away / self.half
        depth = [-(far + near) / (far - near), -2 * far * near / (far - near)]
        lens = np.array([[zoom, 0, 0, 0], [0, zoom, 0, 0], [0, 0, *depth], [0, 0, -1, 0]])
        view = np.eye(4)
        view[:3, 3] = [*-self.aim, -self.away]
        return lens @ view

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 3) as x right, y down and depth, all in half sides of the picture, 0 in its middle."""
        clip = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ self.matrix.T
        return np.concatenate([clip[:, :2] / clip[:, 3:] * [1, -1], -points[:, 2:] / self.half], axis=1)


class Renderer:
    """Draws surfaces as square pictures of ``size``; one per process."""

    def __init__(self, size: int) -> None:
        self.size, self._side = size, round(size * FINER)
        self.context: Any = moderngl.create_context(standalone=True, backend="egl")  # pyright: ignore[reportArgumentType]
        self.program: Any = self.context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self._target = self.context.simple_framebuffer((self._side, self._side), 4)
        self._held: list[Any] = []

    def set_surface(self, surface: Surface) -> None:
        """What the next pictures show."""
        for each in self._held:
            each.release()
        veiled = surface.parts >= LASHES
        order = np.argsort(veiled, kind="stable")  # what is seen through comes last
        self._welded = surface.triangles[order].reshape(-1)
        self._opaque = 3 * int((~veiled).sum())
        values = [getattr(surface, name)[self._welded] for name in FIXED]
        values.append(np.repeat(surface.parts[order], 3)[:, None])
        fixed = self.context.buffer(np.concatenate(values, axis=1).astype("f4").tobytes())
        self._moving = self.context.buffer(reserve=len(self._welded) * 24)
        layout = " ".join(f"{count}f" for count in (*FIXED.values(), 1))
        buffers = [(self._moving, "3f 3f", "place", "normal"), (fixed, layout, *FIXED, "part")]
        self._array = self.context.vertex_array(self.program, buffers)
        self._held = [fixed, self._moving, self._array]
        self._set_texture(0, "photo", surface.picture)
        self._set_texture(1, "matte", surface.matte[..., None])
        for name, value in surface.colours.items():
            self.program[name].value = tuple(map(float, value)) if isinstance(value, np.ndarray) else float(value)

    def _set_texture(self, unit: int, name: str, picture: np.ndarray) -> None:
        height, width, channels = picture.shape
        texture = self.context.texture((width, height), channels, np.ascontiguousarray(picture).tobytes())
        texture.build_mipmaps()
        texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        texture.repeat_x = texture.repeat_y = False
        texture.use(unit)
        self.program[name] = unit
        self._held.append(texture)

    def __call__(self, points: np.ndarray, normals: np.ndarray, camera: Camera, lips: float) -> np.ndarray:
        """(size, size, 4) float32 in [0, 1], colour times coverage, of points (V, 3) and their normals.

        ``lips`` is how far in front they are: what lies behind them is dark.
        """
        self._moving.write(np.concatenate([points, normals], axis=1).astype("f4")[self._welded].tobytes())
        self.program["camera"].write(np.ascontiguousarray(camera.matrix.T, "f4").tobytes())
        self.program["eye"].value = (*map(float, camera.aim), float(camera.away))
        self.program["mouth_z"].value = float(lips)
        self._target.use()
        self._target.clear(0, 0, 0, 0)
        self.context.enable(moderngl.DEPTH_TEST)
        self.context.disable(moderngl.BLEND)
        self._array.render(vertices=self._opaque)
        self.context.enable(moderngl.BLEND)
        self.context.blend_func = OVER
        self._array.render(first=self._opaque, vertices=len(self._welded) - self._opaque)
        drawn = np.frombuffer(self._target.read(components=4), np.uint8).reshape(self._side, self._side, 4)[::-1]
        return cv2.resize(drawn, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def normals_of(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) of the vertices, outwards."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    sums = np.zeros_like(points)
    for axis in range(3):
        for corner in range(3):
            sums[:, axis] += np.bincount(triangles[:, corner], across[:, axis], len(points))
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
