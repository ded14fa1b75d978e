"""Giving the driver's motion to a source: relative motion, its scale, the initial frame."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError
from ..geometry import inverse_2x2
from ..types import Keypoints, MotionTransfer


def transfer_motion(source: Keypoints, driving: Keypoints, initial: Keypoints, transfer: MotionTransfer) -> Keypoints:
    """Where the source's keypoints go when it moves like the driver (section 3.3 of the paper).

    source:  (1, K) keypoints of the still face.
    driving: (B, K) keypoints of the frames to copy.
    initial: (1, K) keypoints of the driving frame that corresponds to the source; unused in absolute mode.
    """
    if not transfer.relative_motion:
        return driving
    scale = movement_scale(source, initial) if transfer.adapt_movement_scale else 1.0
    # x = source + s·(driving - initial),  J = J_driving · J_initial⁻¹ · J_source
    value = (driving.value - initial.value) * (scale * transfer.gain) + source.value
    if driving.jacobian is None or initial.jacobian is None or source.jacobian is None:
        return Keypoints(value)
    if not transfer.relative_jacobian:
        return Keypoints(value, driving.jacobian)
    change = driving.jacobian @ inverse_2x2(initial.jacobian)
    if transfer.gain != 1:
        change = torch.lerp(torch.eye(2).to(change), change, transfer.gain)
    return Keypoints(value, change @ source.jacobian)


def movement_scale(source: Keypoints, initial: Keypoints) -> float:
    """Size of the source face over the driver's: the square root of the ratio of their keypoints' convex hulls.

    1 where a hull has no area (fewer than three keypoints, or all in line).
    """
    source_area, initial_area = hull_area(source.value[0]), hull_area(initial.value[0])
    return float(np.sqrt(source_area / initial_area)) if source_area > 0 and initial_area > 0 else 1.0


def hull_area(points: Tensor) -> float:
    """Area of the convex hull of (K, 2) points."""
    hull = cv2.convexHull(points.detach().float().cpu().numpy())
    return float(cv2.contourArea(hull))


def find_best_frame(source: Keypoints, driving: Keypoints) -> int:
    """The driving frame whose pose is nearest to the source's, judged by the model's own keypoints.

    Both are centred and scaled to unit hull area first, so that place and size of the faces do not count.
    """

    def pose(points: Tensor) -> Tensor:
        centred = points - points.mean(dim=0)
        return centred / max(hull_area(points), 1e-8) ** 0.5

    target = pose(source.value[0].cpu())
    distances = [float((pose(points) - target).square().sum()) for points in driving.value.cpu()]
    return int(np.argmin(distances))


def initial_frame(source: Keypoints, driving: Keypoints, transfer: MotionTransfer) -> int:
    """Index of the driving frame that corresponds to the source. Raises UsageError beyond the video's end."""
    if transfer.initial_frame == "best":
        return find_best_frame(source, driving)
    if not 0 <= transfer.initial_frame < len(driving):
        raise UsageError(
            f"The initial frame must be one of the {len(driving)} driving frames, 0 to {len(driving) - 1}; "
            f'got {transfer.initial_frame}. Choose another, or "best".'
        )
    return transfer.initial_frame
