"""The sheet of an inspection: the picture and its face, the driver, what happens where it is worst, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..compose.canvas import Ellipse
from ..compose.flow import cell_places, displacements
from ..draw import draw_keypoints, flow_picture
from ..evaluation.looks import folded_share
from ..faces.drawing import draw_faces
from ..faces.regions import to_rgb
from ..geometry import resize_map
from ..media.panels import captioned
from ..pictures import resize_picture, to_pictures
from ..types import Box, DenseMotion, FaceSet, Keypoints
from .drawing import ALARM, PAPER, fold_picture, in_square
from .flows import painted_cells

TILE = 320  # pixels a side
SIZE = (TILE, TILE)
COLUMNS = 5
Tile = tuple[np.ndarray, str]  # a picture of this size, and its caption


@dataclass(frozen=True)
class Moment:
    """One frame of the driver, and what the face becomes there.

    frame:  its number.
    view:   what the model saw of the driver, (H, W, 3) uint8; None for a motion without pictures.
    driver: the driver's keypoints, and ``moved`` the face's.
    result: the animated face in its crop, (h, w, 3) uint8.
    motion: the flow; None for a model without one.
    """

    frame: int
    view: np.ndarray | None
    driver: Keypoints
    moved: Keypoints
    result: np.ndarray
    motion: DenseMotion | None


def source_tiles(picture: np.ndarray, faces: FaceSet, crop: np.ndarray, points: Keypoints) -> list[Tile]:
    """The picture with its faces and their crops, and the crop that is moved with its keypoints."""
    height, width = faces.frame_size
    known = FaceSet((*faces, *faces.others), faces.frame_size)
    drawn = draw_faces(to_rgb(picture).copy(), known, first=1)
    return [(in_square(drawn, TILE), f"source, {width}x{height}"), (with_points(crop, points), "its crop, keypoints")]


def driver_tiles(
    frame: np.ndarray | None, box: Box | None, view: np.ndarray | None, points: Keypoints, moment: str
) -> list[Tile]:
    """A frame of the driver with the part that is looked at, and that part with its keypoints.

    moment: which frame, in words. A motion without pictures has the keypoints alone.
    """
    if frame is None:
        return [(with_points(None, points), f"motion (no pictures), {moment}")]
    drawn = np.ascontiguousarray(frame).copy()
    height, width = drawn.shape[:2]
    x0, y0, x1, y1 = (round(side) for side in box or (0, 0, width - 1, height - 1))
    cv2.rectangle(drawn, (x0, y0), (x1, y1), ALARM, max(2, round(max(height, width) / 200)), cv2.LINE_AA)
    whole = in_square(drawn, TILE)
    return [(whole, f"driver, {moment}"), (with_points(view, points), "what is looked at, keypoints")]


def moment_tiles(moment: Moment, flow_unit: float, face: Ellipse) -> list[Tile]:
    """Driver, result, flow, occlusion and folds of a moment; the face is where ``face`` says in the crop."""
    tiles = [
        (
            with_points(moment.view, moment.driver),
            f"{'driver' if moment.view is not None else 'motion (no pictures)'}, frame {moment.frame}",
        ),
        (with_points(moment.result, moment.moved), "result, keypoints"),
    ]
    if moment.motion is None:
        return tiles
    displacement = displacements(moment.motion, flow_unit)[0]
    hidden = moment.motion.occlusion_map
    tiles.append((flow_picture(moment.motion.deformation[0], SIZE), "flow, from where (red: right)"))
    if hidden is not None:
        tiles.append((to_pictures(resize_map(hidden.float(), SIZE))[0], "occlusion, black: painted"))
    painted = painted_cells(moment.motion)[0]
    folded = 100 * folded_share(displacement, cell_places(displacement), unseen=painted, face=face)
    return [*tiles, (fold_picture(displacement, painted, SIZE, face), f"folds of the face, red: {folded:.2f} %")]


def with_points(picture: np.ndarray | None, points: Keypoints | None = None) -> np.ndarray:
    """A picture (H, W, 3) uint8 as a tile with the first of the keypoints; grey where there is none."""
    tile = np.full((*SIZE, 3), 64, np.uint8) if picture is None else resize_picture(picture[..., :3], SIZE)
    return tile if points is None else draw_keypoints(tile, points.value[0])


def laid_out(rows: Sequence[Sequence[Tile]], below: np.ndarray) -> np.ndarray:
    """Rows of tiles with their captions, and what stands below them, as wide as :data:`COLUMNS` tiles."""
    return np.concatenate([*(_row(row) for row in rows if row), below])


def _row(tiles: Sequence[Tile]) -> np.ndarray:
    shown = [captioned(picture, caption) for picture, caption in tiles]
    empty = np.full_like(shown[0], PAPER[0])
    return np.concatenate([*shown, *[empty] * (COLUMNS - len(shown))], axis=1)
