"""How animations look: every picture moved by every driver; a table, a JSON file and a contact sheet come out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..backends import Backend
from ..documents import markdown
from ..errors import MediaError
from ..faces.regions import pixel_box
from ..files.paths import replacing
from ..media import write_picture
from ..pictures import resize_picture
from ..types import CHUNK_SIZE, FaceRegion, FaceSet, Motion, MotionTransfer, Progress
from . import looks
from .animated import AnimatedPicture
from .view import View

CONSECUTIVE = 4  # frames that flicker is measured on, where the driver moves fastest
COLUMNS = ("at_rest", *looks.MEASURES)
RESULTS = ("looks.json", "looks.png")
DIGITS = {"ghost": 3, "folded": 3}
TILE, MORE = 224, 0.15  # side of a picture in the sheet; how much of the crop's surroundings it shows, in crop sides


@dataclass(frozen=True)
class LooksSource:
    """A picture (H, W, 3) uint8 and the faces in it that move; the first one is measured."""

    name: str
    picture: np.ndarray
    faces: FaceSet


@dataclass(frozen=True)
class NamedMotion:
    """A driver: its motion, and what the table calls it."""

    name: str
    motion: Motion


def evaluate_looks(
    model: Backend,
    sources: Sequence[LooksSource],
    drivers: Sequence[NamedMotion],
    output: Path,
    *,
    transfer: MotionTransfer | None = None,
    frames: int = 5,
    chunk_size: int = CHUNK_SIZE,
    progress: Progress | None = None,
) -> str:
    """Move every source by every driver and return the table of :data:`COLUMNS` as Markdown.

    frames: of each driver, spread over it; flicker is measured on :data:`CONSECUTIVE` more that follow one another.
    Writes ``looks.json`` and ``looks.png`` into ``output``: a row for each pair, the source and these frames.
    """
    runs, sheet = [], []
    for source in sources:
        face = source.faces[0]
        view = View.around(source.picture.shape[:2], face.crop_px, face.box_px)
        moving = AnimatedPicture(model, source.picture, source.faces)
        rest = _at_rest(moving, view)
        for driver in drivers:
            figures, shown = _measure(moving, driver.motion, view, frames, transfer=transfer, chunk_size=chunk_size)
            named = {"picture": source.name, "driver": driver.name, "crop": list(face.crop_px)}
            runs.append({**named, "at_rest": rest, **figures})
            sheet.append(_row(len(runs), [_part(source.picture, face), *shown]))
            if progress is not None:
                progress(len(runs), len(sources) * len(drivers))
    means = {name: looks.mean_of(run[name] for run in runs) for name in COLUMNS}
    results = {"model": model.name, "image_size": list(model.config.image_size), "runs": runs, "means": means}
    with replacing(output / RESULTS[0]) as temporary:
        temporary.write_text(json.dumps(_without_nan(results), indent=1) + "\n", encoding="utf-8")
    write_picture(output / RESULTS[1], np.concatenate(sheet))
    return _table(results)


def moments(motion: Motion, frames: int) -> tuple[list[int], list[int]]:
    """Numbers of ``frames`` driving frames spread over the video, and of :data:`CONSECUTIVE` where it moves fastest.

    Raises MediaError for a driver of fewer than three frames, which cannot flicker.
    """
    count = len(motion)
    if count < 3:
        raise MediaError(
            f"A driver of {count} frame{'s' * (count != 1)} shows no movement. Give videos of at least 3 frames."
        )
    spread = [int((index + 0.5) * count / frames) for index in range(frames)]
    length = min(CONSECUTIVE, count)
    speed = motion.keypoints.value.diff(dim=0).norm(dim=-1).mean(dim=-1)
    fastest = int(speed.unfold(0, length - 1, 1).mean(dim=-1).argmax())
    return spread, list(range(fastest, fastest + length))


def _measure(
    moving: AnimatedPicture,
    motion: Motion,
    view: View,
    frames: int,
    *,
    transfer: MotionTransfer | None,
    chunk_size: int,
) -> tuple[dict[str, float], list[np.ndarray]]:
    """The figures of one pair, and its frames for the sheet. Whole frames are held for a chunk only."""
    spread, consecutive = moments(motion, frames)
    results, flows, shown = [], [], []
    for numbers in (*([number] for number in spread), consecutive):
        for pictures, own in moving.frames(motion, numbers, transfer=transfer, chunk_size=chunk_size):
            results += [view.luma(picture) for picture in pictures]
            flows += [view.flow(flow) for flow in own]
            shown += [_part(picture, moving.faces[0]) for picture in pictures]
    figures = looks.measure_looks(
        view.luma(moving.picture), np.stack(results), np.stack(flows), view.crop, view.face,
        consecutive=len(consecutive),
    )  # fmt: skip
    return figures, shown[:frames]


def _at_rest(moving: AnimatedPicture, view: View) -> float:
    """How far a frame in the source's own pose is from the source."""
    own = moving.sources[0].keypoints
    ((frames, _),) = moving.frames(own, [0], transfer=MotionTransfer(relative_motion=False))
    return looks.at_rest(view.luma(frames[0]), view.luma(moving.picture), view.crop)


def _part(picture: np.ndarray, face: FaceRegion) -> np.ndarray:
    """A picture around the crop as a tile of the sheet, on white."""
    x0, y0, x1, y1 = pixel_box(face.crop_px)
    more = round(MORE * max(x1 - x0, y1 - y0))
    shown = picture[max(y0 - more, 0) : y1 + more, max(x0 - more, 0) : x1 + more, :3]
    scale = TILE / max(shown.shape[:2])
    height, width = (max(1, round(side * scale)) for side in shown.shape[:2])
    canvas = np.full((TILE, TILE, 3), 255, np.uint8)
    canvas[:height, :width] = resize_picture(shown, (height, width))
    return canvas


def _row(number: int, tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Tiles side by side, and the row's number as in the table."""
    row = np.ascontiguousarray(np.concatenate(tiles, axis=1))
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(row, str(number), (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, thickness, cv2.LINE_AA)
    return row


def _table(results: Mapping[str, Any]) -> str:
    height, width = results["image_size"]
    rows = [[str(number), run["picture"], run["driver"], *_cells(run)] for number, run in enumerate(results["runs"], 1)]
    rows.append(["", "mean", "", *_cells(results["means"])])
    head = ["", "picture", "driver", *(name.replace("_", " ") for name in COLUMNS)]
    return f"{results['model']}, {width}x{height} pixels\n\n{markdown.table(head, rows)}\n"


def _cells(figures: Mapping[str, float]) -> list[str]:
    return [f"{figures[name]:.{DIGITS.get(name, 2)}f}" if math.isfinite(figures[name]) else "" for name in COLUMNS]


def _without_nan(values: Any) -> Any:
    """JSON has no NaN: null stands for what could not be measured."""
    if isinstance(values, dict):
        return {name: _without_nan(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_without_nan(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values
