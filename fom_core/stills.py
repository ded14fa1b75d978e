"""Single moments of an animation, painted at once and laid out for the eye."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from .backends import Backend
from .backends.fingerprint import fitting_motion
from .compose import Composition
from .draw import PANEL_PX, draw_keypoints
from .faces.regions import crop_face, to_rgb
from .media.panels import beside, sheet
from .motion import transfer_sequence
from .pictures import resize_picture
from .pipeline import Scene, finished, prepared
from .types import FaceRegion, Motion, RunOptions

TILE_PX, WIDEST = 256, 2.0  # height of a picture on the sheet; of a picture's sides, beyond which it is shown smaller
MOMENTS = 12  # on a sheet
GREY = 64  # where there is nothing to show


@dataclass(frozen=True)
class Stills:
    """What paints single moments of an animated picture, in the place of a whole video.

    scene: with its faces encoded; its only driver's motion is smoothed.
    """

    model: Backend
    scene: Scene

    @property
    def motion(self) -> Motion:
        return self.scene.motions[0]

    def paint(self, frames: Sequence[int], look: Composition, chunk_size: int = 1) -> Iterator[np.ndarray]:
        """Whole frames (H, W, C), one after the other, in the picture's own size."""
        sources, finisher = prepared(self.model, self.scene, look)
        run = RunOptions(chunk_size, frames=frames)
        with closing(finished(self.model, sources, finisher, self.scene, run)) as calls:
            for finish in calls:
                yield from finish()

    def panels(self, face: int, frame: int, view: np.ndarray | None, painted: np.ndarray) -> np.ndarray:
        """One face at one moment: source and driver above, result and the whole frame below; faces with keypoints.

        view: what the model saw of the driver; None for a motion without pictures.
        """
        assert self.scene.sources is not None and self.scene.transfer is not None
        region, source = self.scene.faces[face], self.scene.sources[face]
        motion = fitting_motion(self.model, self.motion, warn=False)
        motion = replace(motion, keypoints=motion.keypoints.to("cpu"))
        moved = transfer_sequence(source.keypoints.to("cpu"), motion, self.scene.transfer).value[frame]
        panels = [
            draw_keypoints(self._crop(self.scene.picture, region), source.keypoints.value[0]),
            draw_keypoints(resize_picture(shown_or_grey(view), self._panel), motion.keypoints.value[frame]),
            draw_keypoints(self._crop(painted, region), moved),
            in_the_middle(painted, self._panel),
        ]
        told = f"frame {frame} (0 to {len(motion) - 1}), {frame / motion.fps:.2f} s"
        return sheet(panels, ("source", "driver", "result", told))

    def tile(self, view: np.ndarray | None, painted: np.ndarray) -> np.ndarray:
        """The driver beside the whole frame, small."""
        small = within(painted, TILE_PX)
        return small if view is None else beside([to_rgb(view), small])

    def on_sheet(self, tiles: Sequence[np.ndarray], frames: Sequence[int]) -> np.ndarray:
        """Moments of the whole clip, each under its number and time."""
        return sheet(tiles, [f"{frame}: {frame / self.motion.fps:.2f} s" for frame in frames])

    @property
    def _panel(self) -> tuple[int, int]:
        height, width = self.model.config.image_size
        return PANEL_PX, round(PANEL_PX * width / height)

    def _crop(self, picture: np.ndarray, face: FaceRegion) -> np.ndarray:
        return to_rgb(crop_face(picture, face, self._panel))


def spread_over(count: int) -> list[int]:
    """Frames for a sheet: the first, the last and some between, as far from one another as can be."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, MOMENTS))})


def within(picture: np.ndarray, height: int) -> np.ndarray:
    """(H, W, C) → (h, w, 3) of this height, or less where it is very wide."""
    scale = min(height / picture.shape[0], WIDEST * height / picture.shape[1])
    return resize_picture(to_rgb(picture), (max(2, round(picture.shape[0] * scale)), round(picture.shape[1] * scale)))


def in_the_middle(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, C) → (height, width, 3) with the whole picture in the middle of it."""
    scale = min(size[0] / picture.shape[0], size[1] / picture.shape[1])
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    framed = np.full((*size, 3), GREY, np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    framed[top : top + height, left : left + width] = resize_picture(to_rgb(picture), (height, width))
    return framed


def shown_or_grey(view: np.ndarray | None) -> np.ndarray:
    """What was seen of a driver, or a grey square."""
    return np.full((PANEL_PX, PANEL_PX, 3), GREY, np.uint8) if view is None else np.ascontiguousarray(view)
