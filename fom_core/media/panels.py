"""Pictures next to one another: source, driver and result for comparison, and a sheet of moments."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from ..pictures import resize_frame

_DARK, _BRIGHT = 24, 235  # grey of a caption's strip and of its letters
_STRIP = 0.05  # of a panel's height that a caption takes
_LOWEST_PX = 18


def beside(panels: Sequence[np.ndarray], captions: Sequence[str] = ()) -> np.ndarray:
    """(H, W, C) pictures side by side, as high as the last one, with a caption above each where there are some.

    Height and width are even, the last row or column is repeated for it.
    """
    height, channels = panels[-1].shape[0], max(panel.shape[2] for panel in panels)
    parts = []
    for index, panel in enumerate(panels):
        width = max(1, round(panel.shape[1] * height / panel.shape[0]))
        part = _with_channels(resize_frame(panel, (height, width)), channels)
        parts.append(captioned(part, captions[index]) if captions else part)
    row = np.concatenate(parts, axis=1)
    return np.pad(row, ((0, row.shape[0] % 2), (0, row.shape[1] % 2), (0, 0)), mode="edge")


def sheet(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> np.ndarray:
    """(H, W, C) pictures of one size in rows from left to right, about as wide as high, each under its caption."""
    height, width = pictures[0].shape[:2]
    columns = max(1, min(len(pictures), round(math.sqrt(len(pictures) * height / width))))
    tiles = [captioned(picture, caption) for picture, caption in zip(pictures, captions, strict=True)]
    tiles += [_empty_like(tiles[0])] * (-len(tiles) % columns)
    return np.concatenate(
        [np.concatenate(tiles[start : start + columns], axis=1) for start in range(0, len(tiles), columns)]
    )


def _with_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    missing = channels - picture.shape[2]
    return np.pad(picture, ((0, 0), (0, 0), (0, missing)), constant_values=255) if missing else picture


def captioned(picture: np.ndarray, caption: str) -> np.ndarray:
    """A strip with the words above the picture, which nothing covers."""
    tall = 2 * (max(_LOWEST_PX, round(_STRIP * picture.shape[0])) // 2)
    strip = np.full((tall, picture.shape[1], 3), _DARK, np.uint8)
    scale, thick = tall / 34, max(1, round(tall / 20))
    wide = cv2.getTextSize(caption, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)[0][0]
    scale *= min(1.0, 0.92 * picture.shape[1] / max(wide, 1))
    place = (round(0.25 * tall), round(0.72 * tall))
    cv2.putText(strip, caption, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (_BRIGHT,) * 3, thick, cv2.LINE_AA)
    return np.concatenate([_with_channels(strip, picture.shape[2]), picture])


def _empty_like(tile: np.ndarray) -> np.ndarray:
    return _with_channels(np.full((*tile.shape[:2], 3), _DARK, np.uint8), tile.shape[2])
