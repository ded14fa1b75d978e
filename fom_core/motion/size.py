"""How large a face is, by the area that its keypoints span."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor

from ..types import Keypoints

FLAT = 1e-3  # a hull with a smaller share of the square over its extent is a line, but for rounding
LEAST = 1e-2  # extent below which keypoints are one point, but for rounding; the picture's side is 2


def movement_scale(source: Keypoints, initial: Keypoints) -> float:
    """Size of the source face over the driver's: the square root of the ratio of their keypoints' convex hulls.

    1 where a hull has no area worth the name (fewer than three keypoints, all in one place or nearly in line).
    """
    if _is_flat(source.value[0]) or _is_flat(initial.value[0]):
        return 1.0
    return float(np.sqrt(hull_area(source.value[0]) / hull_area(initial.value[0])))


def hull_area(points: Tensor) -> float:
    """Area of the convex hull of (K, 2) points."""
    hull = cv2.convexHull(points.detach().float().cpu().numpy())
    return float(cv2.contourArea(hull))


def _is_flat(points: Tensor) -> bool:
    """Whether the hull of (K, 2) points is a line or a point."""
    extent = float((points.amax(dim=0) - points.amin(dim=0)).norm())
    return hull_area(points) <= FLAT * max(extent, LEAST) ** 2
