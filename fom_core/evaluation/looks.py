"""Whether an animated picture is of one piece: seams, double exposures, blur, flicker and folds.

No truth is needed. A result is compared with its source and with the *moved source*: the still picture sampled by the
very flow that the result was made with (:func:`.view.moved`). So these figures reward agreement with that flow and
cannot say whether the flow is right; :mod:`.truth` can. Where nothing can be measured the result is NaN. Arrays and
rectangles as in :mod:`.view`; only differences of luma have a unit, levels of 255.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from ..compose.canvas import FACE, Ellipse
from ..compose.flow import areas, face_share
from ..types import Box
from .view import crop_distance, ellipse, gradients, moved, outward, slices_of

CONTOURS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3)  # distances from the crop's middle, in half sides
CONTOUR, CONTOUR_PX = 0.012, 1.5  # half the width of a contour, in half sides or in pixels, whichever is more
FAINT = 0.3  # levels per pixel: what changes less counts as this much, for ratios of nothing say nothing
MOVES = 0.03  # of the crop's side: below that, moved and unmoved pictures cannot be told apart
BLOCK, BLOCK_PX = 1 / 16, 6  # side of the blocks in which ghosts are sought, of the crop's side, and at least
ALIKE = 0.05  # of the largest possible determinant: source and moved source cannot be told apart below it
PLAIN = 0.25  # squared levels per pixel: a block with less detail shows nothing
SHOWS = 0.5  # share of the face in a cell from which that shows it
FOLDED = 0.2  # determinant of the flow's derivative: 1 keeps areas, below 0 the picture is inside out
CELLS = 32  # in which folds are sought, across the crop; as many as the flow of the embedded model has
MEASURES = ("seam", "step", "ghost", "sharpness", "flicker_ring", "flicker_face", "folded")


def seam_and_step(result: np.ndarray, moved_source: np.ndarray, crop: Box) -> tuple[float, float]:
    """How much more the result changes across rounded squares around the crop than the moved source does.

    Seam: how far the largest of those ratios is above 1; an edge that has no cause. Step: the largest less the
    smallest; also a soft patch in a sharp picture. Both are 0 for the moved source itself.
    """
    away, normal = crop_distance(result.shape, crop), outward(result.shape, crop)
    ours, theirs = (np.abs((gradients(luma) * normal).sum(axis=-1)) for luma in (result, moved_source))
    width = max(CONTOUR, 2 * CONTOUR_PX / min(crop[2] - crop[0], crop[3] - crop[1]))
    ratios = []
    for contour in CONTOURS:
        on = np.abs(away - contour) < width
        if on.any():
            ratios.append(max(float(ours[on].mean()), FAINT) / max(float(theirs[on].mean()), FAINT))
    return (max(max(ratios) - 1, 0.0), max(ratios) - min(ratios)) if ratios else (np.nan, np.nan)


def ghost(result: np.ndarray, source: np.ndarray, flow: np.ndarray, crop: Box) -> float:
    """How much of a double exposure of the moved and the unmoved source the result is, where they differ.

    In each block the result's gradients are the best sum of a × the source's and b × the moved source's;
    4ab / (a + b)² × min(a + b, 1), mean by the source's detail. 1: both pictures equally strong; 0: one of them.
    """
    side = max(crop[2] - crop[0], crop[3] - crop[1])
    counts = (crop_distance(result.shape, crop) < 1) & (np.linalg.norm(flow, axis=-1) > MOVES * side)
    still, went, ours = (gradients(luma) * counts[..., None] for luma in (source, moved(source, flow), result))
    pairs = ((still, still), (went, went), (still, went), (ours, still), (ours, went))
    block = max(BLOCK_PX, round(side * BLOCK))
    products = np.stack([counts, *((a * b).sum(axis=-1) for a, b in pairs)])
    pixels, ss, mm, sm, rs, rm = (_block_sums(each, crop, block) for each in products)
    determinant = ss * mm - sm * sm
    good = (pixels > block * block / 2) & (determinant > ALIKE * ss * mm) & (ss > PLAIN * pixels)
    ss, mm, sm, rs, rm, determinant = (each[good] for each in (ss, mm, sm, rs, rm, determinant))
    a, b = ((one / determinant).clip(0, 1) for one in (rs * mm - rm * sm, rm * ss - rs * sm))
    both = np.maximum(a + b, 1e-12)
    return float(np.average(4 * a * b / both**2 * np.minimum(both, 1), weights=ss)) if good.any() else np.nan


def sharpness(result: np.ndarray, source: np.ndarray, face: Box) -> float:
    """Mean gradient in the ellipse of the face's box, over the source's."""
    where = ellipse(result.shape, face)
    ours, theirs = (float(np.linalg.norm(gradients(luma)[where], axis=-1).sum()) for luma in (result, source))
    return ours / theirs if theirs else np.nan


def flicker(results: np.ndarray, moved_sources: np.ndarray, crop: Box, face: Box) -> tuple[float, float]:
    """Half the second difference in time of result less moved source, consecutive frames (T, h, w), in levels.

    In the ring from 0.75 half sides to the crop's outline, and in the ellipse of the face's box.
    """
    if len(results) < 3:
        return np.nan, np.nan
    apart = results - moved_sources
    trembling = np.abs(apart[2:] - 2 * apart[1:-1] + apart[:-2]).mean(axis=0) / 2
    away = crop_distance(trembling.shape, crop)
    return _mean(trembling, (away > 0.75) & (away < 1)), _mean(trembling, ellipse(trembling.shape, face))


def at_rest(result: np.ndarray, source: np.ndarray, crop: Box) -> float:
    """Mean difference from the source inside the crop's rounded square, for a frame in which nothing moves."""
    return _mean(np.abs(result - source), crop_distance(result.shape, crop) < 1)


def folded_cells(
    displacement: np.ndarray, places: np.ndarray, spacing: tuple[float, float] | None = None, face: Ellipse = FACE
) -> np.ndarray:
    """Cells (h, w) that shrink an area of the face below a fifth, or turn it inside out: a wall beside it may stretch.

    displacement: (h, w, 2) in half sides of a face's crop.
    places:       (h, w, 2) where in it each cell comes from, in half sides from its middle:
                  :func:`~fom_core.compose.flow.cell_places`, if the cells are the crop's own.
    spacing:      as of :func:`~fom_core.compose.flow.areas`.
    face:         where in the crop the face is, see :func:`~fom_core.compose.canvas.face_in_crop`.
    """
    return (areas(displacement, spacing) < FOLDED) & (face_share(places, face) > SHOWS)


def folded_share(
    displacement: np.ndarray,
    places: np.ndarray,
    spacing: tuple[float, float] | None = None,
    unseen: np.ndarray | None = None,
    face: Ellipse = FACE,
) -> float:
    """Share of the face that :func:`folded_cells` finds folded, but for ``unseen`` cells (h, w); 0 without a face."""
    folds = folded_cells(displacement, places, spacing, face)
    if unseen is not None:
        folds &= ~unseen
    return float(folds.sum() / max((face_share(places, face) > SHOWS).sum(), 1))


def folded_in(flow: np.ndarray, crop: Box) -> float:
    """:func:`folded_share` of a flow in the crop, looked at through :data:`CELLS` cells across."""
    rows, columns = slices_of(flow.shape, crop)
    part = flow[rows, columns]
    if not part.size:
        return np.nan
    half = np.array([crop[2] - crop[0], crop[3] - crop[1]]) / 2
    cell = 2 * half.max() / CELLS
    height, width = (max(2, round(length / cell)) for length in part.shape[:2])
    cells = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) / half
    across, down = part.shape[1] / width, part.shape[0] / height
    x, y = (np.arange(width) + 0.5) * across + columns.start, (np.arange(height) + 0.5) * down + rows.start
    places = cells + (np.stack(np.meshgrid(x, y), axis=-1) - crop[:2]) / half - 1
    return folded_share(cells, places, (across / half[0], down / half[1]))


def measure_looks(
    source: np.ndarray, results: np.ndarray, flows: np.ndarray, crop: Box, face: Box, *, consecutive: int = 0
) -> dict[str, float]:
    """All of :data:`MEASURES` of a result, means over the frames that have them.

    source: (h, w); ``results`` (T, h, w) and ``flows`` (T, h, w, 2) belong together.
    consecutive: how many of the last frames follow one another; flicker is measured on these, the rest on the others,
                 or on all where there are no others.
    """
    went = np.stack([moved(source, flow) for flow in flows])
    rows = []
    for result, flow, there in list(zip(results, flows, went, strict=True))[: len(results) - consecutive or None]:
        seam, step = seam_and_step(result, there, crop)
        rows.append(
            (seam, step, ghost(result, source, flow, crop), sharpness(result, source, face), folded_in(flow, crop))
        )
    last = slice(len(results) - consecutive, None)
    ring, inner = flicker(results[last], went[last], crop, face)
    seam, step, double, sharp, folded = (mean_of(column) for column in zip(*rows, strict=True))
    return dict(zip(MEASURES, (seam, step, double, sharp, ring, inner, folded), strict=True))


def mean_of(values: Iterable[float]) -> float:
    """Mean of the numbers that are there; NaN where none is."""
    numbers = np.array(list(values), np.float64)
    numbers = numbers[~np.isnan(numbers)]
    return float(numbers.mean()) if numbers.size else np.nan


def _mean(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[where].mean()) if where.any() else np.nan


def _block_sums(values: np.ndarray, crop: Box, block: int) -> np.ndarray:
    """Sums over square blocks of the crop, from its top left; what lies outside the array counts as nothing."""
    rows, columns = slices_of(values.shape, crop)
    part = values[rows, columns].astype(np.float64)
    height, width = (-(-length // block) for length in part.shape)
    padded = np.zeros((height * block, width * block))
    padded[: part.shape[0], : part.shape[1]] = part
    return padded.reshape(height, block, width, block).sum(axis=(1, 3))
