"""Motion as pictures: keypoints, flow and occlusion."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from .backends import Backend
from .geometry import identity_grid, resize_map
from .motion import initial_frame, transfer_motion
from .pictures import resize_picture, to_pictures, to_uint8
from .pipeline import encode_face
from .types import Keypoints, MotionTransfer

_WHITE, _GREY = (255, 255, 255), 64
PANEL_PX = 384  # pictures of smaller models are enlarged to about this height, for the keypoints need room


@torch.inference_mode()
def explain(
    model: Backend,
    face: np.ndarray,
    driving: Keypoints,
    frame: int,
    transfer: MotionTransfer | None = None,
    *,
    view: np.ndarray | None = None,
    seen: Sequence[bool] | None = None,
    neutral: Keypoints | None = None,
) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """What happens to a face at one moment, for the eye.

    face:    its crop, (H, W, 3) uint8.
    driving: the driver's keypoints, on the model's device; ``frame`` is the moment.
    view:    what the model saw of the driver then; None for a motion without pictures.
    seen:    in which frames the driver's face is; None: in all.
    neutral: the driver at rest, where that is known; else the initial frame stands for it.
    Returns source, driver and result side by side with their keypoints, the flow as a colour wheel (both (h, w, 3)
    uint8), and the occlusion map (1, height, width) at the model's size, 1 where the source shows.
    """
    transfer = transfer or MotionTransfer()
    source = encode_face(model, face)
    moment = driving[frame : frame + 1]
    if neutral is None:
        first = initial_frame(source.keypoints, driving, transfer, seen)
        neutral = driving[first : first + 1]
    moved = transfer_motion(source.keypoints, moment, neutral.to(model.device), transfer)
    generated = model.generate(source, moved)
    height, width = model.config.image_size
    size = (height * (times := max(1, round(PANEL_PX / height))), width * times)
    if view is None:
        view = np.full((height, width, 3), _GREY, np.uint8)
    panels = [
        draw_keypoints(resize_picture(picture, size), keypoints.value[0])
        for picture, keypoints in (
            (face, source.keypoints),
            (view, moment),
            (to_pictures(generated.prediction)[0], moved),
        )
    ]
    motion = generated.dense_motion
    if motion is None:
        return np.hstack(panels), np.full((*size, 3), 255, np.uint8), torch.ones(1, height, width)
    shown = torch.ones(1, height, width)
    if motion.occlusion_map is not None:
        shown = resize_map(motion.occlusion_map, (height, width))[0]
    return np.hstack(panels), flow_picture(motion.deformation[0], size), shown


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
    return resize_picture(to_uint8(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)), size)
