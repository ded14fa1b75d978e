"""What ``fom demo`` shows: three framed prints of one public-domain photograph, made at run time, and how they move.

The photograph is NASA's portrait of Eileen Collins, which scikit-image carries.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .errors import MissingPackage
from .motion import embedded_motion
from .motion.edit import mixed
from .pictures import LUMA
from .types import Motion

SIZE = (720, 1280)  # height, width
MOTION, WITH, SHARE = "look around", "talk", 0.5  # more of the talking pulls at the photograph's smiling teeth
_WALL = (186, 192, 188)
_MAT = (246, 244, 238)

_FRAME, _MARGIN = 12, 26  # widths in pixels of a frame and of the mat inside it


@dataclass(frozen=True)
class _Print:
    """One framed print.

    place:  x0, y0, x1, y1 of the frame on the wall.
    corner: x, y in the photograph where the shown part begins; its height follows from the frame's shape.
    width:  of that part.
    tint:   of a black-and-white print; None for colour.
    """

    place: tuple[int, int, int, int]
    corner: tuple[int, int]
    width: int
    frame: tuple[int, int, int]
    tint: tuple[float, float, float] | None = None
    mirrored: bool = False


_PRINTS = (
    _Print((43, 154, 389, 565), (97, 5), 250, frame=(58, 40, 30), tint=(1.06, 0.94, 0.78), mirrored=True),
    _Print((432, 101, 848, 619), (62, 0), 330, frame=(36, 36, 38)),
    _Print((891, 154, 1237, 565), (112, 6), 222, frame=(150, 112, 62), tint=(0.97, 0.99, 1.02)),
)


def demo_motion() -> Motion:
    """Looks to both sides and talks a little: what the embedded model does best, and mouths, too."""
    return mixed(embedded_motion(MOTION), [(embedded_motion(WITH), SHARE)])


def demo_picture() -> np.ndarray:
    """Compose the wall: (720, 1280, 3) uint8 RGB, three faces of different size, side and tone.

    Raises MissingPackage without scikit-image.
    """
    photograph = _photograph()
    wall = _lit_wall()
    for item in _PRINTS:
        _hang(wall, photograph, item)
    return np.clip(wall + 0.5, 0, 255).astype(np.uint8)


def _photograph() -> np.ndarray:
    try:
        from skimage import data  # noqa: PLC0415 - only the demo needs it
    except ImportError as error:
        raise MissingPackage(
            "The demo takes its portrait from scikit-image, which is not installed. Run: pip install scikit-image"
        ) from error
    return data.astronaut()


def _lit_wall() -> np.ndarray:
    """A plain wall under a soft light from above, with the faint grain of paint: (H, W, 3) float32 in 0 to 255."""
    height, width = SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot((x - width / 2) / width, (y - height * 0.3) / height)
    light = 1.08 - 0.42 * distance**1.6
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 6, SIZE).astype(np.float32), (0, 0), 1.2)
    return np.array(_WALL, np.float32) * light[..., None] + grain[..., None]


def _hang(wall: np.ndarray, photograph: np.ndarray, item: _Print) -> None:
    """Draw shadow, frame, mat and print onto the wall, in place."""
    x0, y0, x1, y1 = item.place
    _shade(wall, (x0 + 6, y0 + 14, x1 + 6, y1 + 16), softness=14, depth=0.45)
    wall[y0:y1, x0:x1] = item.frame
    wall[y0 : y0 + 2, x0:x1] = np.array(item.frame, np.float32) * 1.35 + 12  # light catches the upper edge
    wall[y0 + _FRAME : y1 - _FRAME, x0 + _FRAME : x1 - _FRAME] = _MAT
    inner = _FRAME + _MARGIN
    wall[y0 + inner : y1 - inner, x0 + inner : x1 - inner] = _shown(
        photograph, item, (y1 - y0 - 2 * inner, x1 - x0 - 2 * inner)
    )
    _shade(wall, (x0 + _FRAME, y0 + _FRAME, x1 - _FRAME, y0 + _FRAME + 5), softness=4, depth=0.25)


def _shown(photograph: np.ndarray, item: _Print, size: tuple[int, int]) -> np.ndarray:
    """The part of the photograph that a print shows, mirrored and toned: (*size, 3) float32."""
    x, y = item.corner
    height = round(item.width * size[0] / size[1])
    part = photograph[y : y + height, x : x + item.width].astype(np.float32)
    part = cv2.resize(part[:, ::-1] if item.mirrored else part, size[::-1], interpolation=cv2.INTER_CUBIC)
    if item.tint is None:
        return part
    return (part @ np.array(LUMA, np.float32))[..., None] * np.array(item.tint, np.float32)


def _shade(wall: np.ndarray, place: tuple[int, int, int, int], softness: float, depth: float) -> None:
    x0, y0, x1, y1 = place
    shadow = np.zeros(SIZE, np.float32)
    shadow[y0:y1, x0:x1] = depth
    wall *= 1 - cv2.GaussianBlur(shadow, (0, 0), softness)[..., None]
