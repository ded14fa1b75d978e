"""A whole evaluation: the clips of a data set in, a table, a JSON file and video grids out."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from ..backends import Backend
from ..documents import markdown
from ..documents.readers import read_csv, wrong_as
from ..errors import MediaError
from ..files.paths import replacing, require_file
from ..media import VideoWriter
from ..pictures import resize_picture
from ..training.data.clips import SPLITS, ClipEntry, find_entries, has_split, read_frames
from ..training.data.seen import seen_before
from ..types import Progress
from .reconstruction import METHODS, TURNS, OptionalMetrics, Scores, animate_pair, reconstruct

log = logging.getLogger(__name__)

TILE = 128  # side of a picture in the grids
COLUMNS = ("source", "driving", *METHODS[:2])
GRID_FPS = 12
NO_POINTS = "No figures: they take facial points. Give --yunet yunet (fom weights download yunet), or --landmarks."
SPLIT_WORDS = {"val": "validation", "test": "test", "train": "training"}
RESULTS = ("evaluation.json", "evaluation.md", "reconstruction.mp4", "animation.mp4")


def evaluate_folder(
    model: Backend,
    data: str | Path,
    output: str | Path,
    metrics: OptionalMetrics | None = None,
    *,
    split: str = "val",
    licence_classes: Sequence[str] | None = None,
    pairs: Path | None = None,
    frames: int | None = 16,
    rows: int = 6,
    weights: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Reconstruct every clip, animate pairs of people, and return the tables as Markdown.

    frames:  of each clip, spread over it; None: all. ``rows`` clips are shown in the videos.
    pairs:   a CSV with the columns ``source`` and ``driving``, files of the split; None: every person is driven by
             the next one.
    weights: the model's file, beside which its training noted its clips: a warning says when they are these.
    Writes ``evaluation.json``, ``evaluation.md``, ``reconstruction.mp4`` and ``animation.mp4``
           into ``output``. Raises MediaError when there is no clip, or a pair names one that is not there.
    """
    data, output, metrics = Path(data), Path(output), metrics or OptionalMetrics()
    entries = find_entries(data, split, licence_classes)
    clips = [entry for entry in entries if entry.kind == "video"]
    if not clips:
        raise MediaError(f"The {len(entries)} entries of {data} are portraits. Evaluation takes clips with motion.")
    _tell_known(clips, data, split, weights)
    chosen = _neighbours(clips) if pairs is None else _listed(pairs, entries, data)
    total = len(clips) + len(chosen)
    reconstruction, animation, grids = Scores(), Scores(), {"reconstruction": [], "animation": []}
    for done, clip in enumerate(clips):
        shown = reconstruct(model, _frames(clip, frames), metrics, reconstruction)
        _collect(grids["reconstruction"], shown, rows)
        if progress is not None:
            progress(done + 1, total)
    for done, (source, driving) in enumerate(chosen):
        first = next(iter(read_frames(source.path)))
        shown = animate_pair(model, first, _frames(driving, frames), metrics, animation)
        _collect(grids["animation"], shown, rows)
        if progress is not None:
            progress(len(clips) + done + 1, total)
    for name, clip_rows in grids.items():
        write_grid(output / f"{name}.mp4", clip_rows)
    results = {
        "model": model.name,
        "image_size": list(model.config.image_size),
        "split": split,
        "reconstruction": {"clips": len(clips), "frames": reconstruction.frames, "methods": reconstruction.means()},
        "turns": {
            turn: {"frames": scores.frames, "methods": scores.means()} for turn, scores in reconstruction.turns.items()
        },
        "animation": {"pairs": len(chosen), "frames": animation.frames, "methods": animation.means()},
    }
    return _write(results, output, _which(data, split))


def _which(data: Path, split: str) -> str:
    """What was looked at, in words."""
    if split in SPLITS and not has_split(data, split):
        return f"all clips of {data.name}"
    return f"the {SPLIT_WORDS.get(split, split)} clips of {data.name}"


def _tell_known(clips: Sequence[ClipEntry], data: Path, split: str, weights: Path | None) -> None:
    """Say aloud when the model has learnt from these clips, or from others of these people, as far as files tell."""
    again, people = (0, 0) if weights is None else seen_before(weights, clips)
    if again:
        log.warning(
            "%d of these %d clips are what the model learnt from: figures tell how well it remembers, not how well it "
            "does with others. Evaluate clips that it has not seen.", again, len(clips),
        )  # fmt: skip
    elif split == "train":
        log.warning("The split train is what models learn from. For figures of other clips, evaluate another split.")
    if people:
        log.warning("%d of these %d clips show people whom the model knows from other clips.", people, len(clips))
    if split in SPLITS and not has_split(data, split):
        log.info("%s has no folder %s and no index.csv: all its clips are evaluated.", data, " or ".join(SPLITS[split]))


def _frames(entry: ClipEntry, count: int | None) -> np.ndarray:
    """All frames of a clip, or ``count`` spread over it with the first and the last one."""
    frames = list(read_frames(entry.path))
    if count is not None and len(frames) > count:
        frames = [frames[index] for index in np.linspace(0, len(frames) - 1, count).round().astype(int)]
    return np.stack(frames)


def _neighbours(clips: Sequence[ClipEntry]) -> list[tuple[ClipEntry, ClipEntry]]:
    """The first clip of every person, driven by that of the next one."""
    people = list({clip.identity: clip for clip in reversed(clips)}.values())[::-1]
    return list(zip(people, islice(cycle(people), 1, None), strict=False)) if len(people) > 1 else []


def _listed(path: Path, entries: Sequence[ClipEntry], data: Path) -> list[tuple[ClipEntry, ClipEntry]]:
    """The pairs of a CSV; names are files below ``data``, with their folders or without."""
    known = {name: entry for entry in entries for name in (str(entry.path.relative_to(data)), entry.path.name)}
    with wrong_as(MediaError, path, "A list of pairs is a CSV with the columns source and driving."):
        rows = [row for _, row in read_csv(require_file(path, "The list of pairs"), ("source", "driving")).rows]
    if not rows:
        raise MediaError(f"{path} lists no pair. Give a CSV with the columns source and driving.")
    unknown = [row[column] for row in rows for column in ("source", "driving") if row[column] not in known]
    if unknown:
        raise MediaError(
            f"{path} names {unknown[0]}, which is not in this split of {data}. Name files as they are there."
        )
    return [(known[row["source"]], known[row["driving"]]) for row in rows]


def _collect(rows: list[dict[str, np.ndarray]], shown: Mapping[str, np.ndarray], limit: int) -> None:
    if len(rows) < limit:
        rows.append({name: np.stack([resize_picture(f, (TILE, TILE)) for f in shown[name]]) for name in COLUMNS})


def write_grid(path: Path, rows: Sequence[Mapping[str, np.ndarray]]) -> None:
    """A video of several clips at once: source, driver, relative and absolute mode side by side, a clip per row.

    It lasts as long as the longest clip; shorter ones stand still at their end.
    """
    if not rows:
        return
    with VideoWriter(path, GRID_FPS) as writer:
        for moment in range(max(len(row["driving"]) for row in rows)):
            lines = [[row[name][min(moment, len(row[name]) - 1)] for name in COLUMNS] for row in rows]
            writer.write(np.concatenate([np.concatenate(line, axis=1) for line in lines]))


def _write(results: dict[str, Any], output: Path, clips: str) -> str:
    height, width = results["image_size"]
    parts = [f"{results['model']} on {clips}, at {width}x{height} pixels"]
    for name, unit in (("reconstruction", "clips"), ("animation", "pairs")):
        part = results[name]
        if part[unit]:
            head = f"{name.capitalize()}: {part['frames']} frames of {part[unit]} {unit}"
            parts += [
                head,
                methods_table(part["methods"]) if any(part["methods"].values()) else NO_POINTS,
            ]
    for turn, most in TURNS.items():
        if turn in results["turns"]:
            part = results["turns"][turn]
            bound = f", up to {most:g} degrees" if most < 360 else ""
            parts += [f"Of these, {part['frames']} frames of {turn} turns{bound}", methods_table(part["methods"])]
    text = "\n\n".join(parts) + "\n"
    for name, content in (("evaluation.json", json.dumps(results, indent=1) + "\n"), ("evaluation.md", text)):
        with replacing(output / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return text


def methods_table(methods: Mapping[str, Mapping[str, float]]) -> str:
    """Figures of each method as a Markdown table."""
    names = list(dict.fromkeys(name for figures in methods.values() for name in figures))
    rows = (
        [method, *(f"{figures[name]:.4f}" if name in figures else "" for name in names)]
        for method, figures in methods.items()
    )
    return markdown.table(["", *names], rows)
