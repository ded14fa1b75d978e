"""Motion as pictures: keypoints, flow and occlusion."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from torch import Tensor

from .geometry import identity_grid
from .pictures import resize_picture

_WHITE = (255, 255, 255)


def keypoint_colour(index: int, count: int) -> tuple[int, int, int]:
    """RGB of a keypoint: hues all around, neighbours apart in brightness too."""
    red, green, blue = colorsys.hsv_to_rgb(index / max(count, 1), 1.0 if index % 2 else 0.8, 0.75 if index % 2 else 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_keypoints(picture: np.ndarray, points: Tensor) -> np.ndarray:
    """A copy of (H, W, 3) uint8 with (K, 2) keypoints in [-1, 1] as discs, each in its colour with a white outline."""
    drawn = np.ascontiguousarray(picture[..., :3]).copy()
    height, width = drawn.shape[:2]
    radius = max(2, round(0.016 * min(height, width)))
    sixteenths = (points.detach().float().cpu().numpy() + 1) / 2 * (width - 1, height - 1) * 16
    for index, (x, y) in enumerate(np.rint(sixteenths).astype(int).tolist()):
        for extra, colour in ((max(1, radius // 3), _WHITE), (0, keypoint_colour(index, len(points)))):
            cv2.circle(drawn, (x, y), (radius + extra) * 16, colour, -1, cv2.LINE_AA, shift=4)
    return drawn


def flow_picture(deformation: Tensor, size: tuple[int, int], *, largest: float | None = None) -> np.ndarray:
    """Where each pixel of a frame comes from: flow (h, w, 2) → (height, width, 3) uint8 as a colour wheel.

    The hue is the direction (red right, then yellow, green down, blue, violet up), the saturation the distance as a
    share of ``largest`` (of 2 for the picture's side; None: of this flow). White does not move.
    """
    flow = (deformation - identity_grid(*deformation.shape[:2], like=deformation)).detach().float().cpu().numpy()
    distance = np.hypot(flow[..., 0], flow[..., 1])
    full = max(float(distance.max()) if largest is None else largest, 1e-6)
    hue = np.rad2deg(np.arctan2(flow[..., 1], flow[..., 0])) % 360
    hsv = np.stack([hue, np.clip(distance / full, 0, 1), np.ones_like(hue)], axis=-1).astype(np.float32)
    wheel = np.rint(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).astype(np.uint8)
    return resize_picture(wheel, size)


def occlusion_picture(occlusion_map: Tensor, size: tuple[int, int]) -> np.ndarray:
    """(1, h, w) → (height, width, 3) uint8 grey: white is taken from the source, black is painted anew."""
    values = (occlusion_map[0].detach().float().clamp(0, 1) * 255).round().cpu().numpy().astype(np.uint8)
    return np.repeat(resize_picture(values[..., None], size), 3, axis=2)
