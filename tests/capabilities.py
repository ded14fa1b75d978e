"""What the packages that are installed can do, for tests that want more than the oldest of them."""

from __future__ import annotations

import importlib.util

import cv2
import pytest

READS_ANIMATED_WEBP = pytest.mark.skipif(
    not hasattr(cv2, "imdecodeanimation"), reason="OpenCV reads animated WebP from 4.11 on"
)
PILLOW_READS_AVIF = pytest.mark.skipif(
    importlib.util.find_spec("PIL.AvifImagePlugin") is None, reason="Pillow reads AVIF from 11.3 on"
)
