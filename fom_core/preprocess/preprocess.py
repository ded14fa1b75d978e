"""From raw videos to a data set of face clips: many at a time, going on where it stopped, with a report."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import torch

from ..documents.readers import read_json, wrong_as
from ..errors import MediaError, UsageError
from ..faces.detect import load_detector
from ..faces.detection import Detector
from ..files.leftovers import tidy
from ..files.paths import replacing
from ..media import VideoReader
from ..media.noise import keep_off_stderr
from ..types import Box, Progress
from .clip_sources import MetadataRow, VideoJob
from .face_clips import Piece, Rules, find_pieces, write_pieces

log = logging.getLogger(__name__)
REPORT = "report.csv"
RECORDS = ".preprocess"  # folder with one file per finished video
COLUMNS: tuple[str, ...] = ("video", "person", "split", "start", "stop", "crop_px", "kept", "file", "why")


@dataclass(frozen=True)
class Recipe:
    """How clips are made. ``form``: "mp4", or "png" for folders of pictures."""

    rules: Rules
    form: str = "mp4"
    detector: str = "auto"


def preprocess(
    jobs: Sequence[VideoJob],
    output: Path,
    recipe: Recipe,
    *,
    workers: int = 1,
    missing: Sequence[str] = (),
    progress: Progress | None = None,
) -> Path:
    """Cut clips into ``output``/train and /test and return the report, a CSV with a row per clip, kept or dropped.

    Videos finished by an earlier call are not read again, unless they or the recipe changed. ``missing``: ids of
    videos that are not at hand, for the report. Raises MediaError when no clip was kept or there is no video,
    UsageError for two videos whose clips would have the same names.
    """
    if not jobs:
        raise MediaError("None of the videos named by the metadata is at hand. Name the folder that holds them.")
    names = Counter((job.person, job.name) for job in jobs)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise UsageError(
            f"Two videos would make clips named {'#'.join(twice)}. Rename one, or give their folders apart."
        )
    for folder in {output, output / RECORDS, *(output / job.split for job in jobs)}:
        tidy(folder)
    records = {job: output / RECORDS / f"{_key(job, recipe)}.json" for job in jobs}
    open_jobs = [job for job in jobs if not records[job].is_file()]
    if len(open_jobs) < len(jobs):
        log.info("%d of %d videos were finished before.", len(jobs) - len(open_jobs), len(jobs))
    if open_jobs:
        log.info("Going through %d video(s), in %d process(es).", len(open_jobs), min(workers, len(open_jobs)))
    for done, (job, rows) in enumerate(_results(open_jobs, output, recipe, workers), 1):
        with replacing(records[job]) as temporary:
            temporary.write_text(json.dumps(rows), encoding="utf-8")
        if progress:
            progress(len(jobs) - len(open_jobs) + done, len(jobs))
    rows = [row for job in jobs for row in _recorded(records[job])]
    rows += [_told(video, why="the video is not at hand") for video in missing]
    return _report(rows, output)


def _recorded(path: Path) -> list[dict[str, Any]]:
    with wrong_as(MediaError, path, "Remove the file; its video is read anew."):
        return read_json(path)


def _results(
    jobs: Sequence[VideoJob], output: Path, recipe: Recipe, workers: int
) -> Iterator[tuple[VideoJob, list[Any]]]:
    """Every job with its rows of the report, as they come."""
    if workers <= 1 or len(jobs) <= 1:
        detector = load_detector(recipe.detector) if any(not job.rows for job in jobs) else None
        for job in jobs:
            yield job, cut_video(job, output, recipe, detector)
        return
    # Fresh processes: forked ones would inherit the threads and locks of torch.
    context = multiprocessing.get_context("spawn")
    others = multiprocessing.active_children()
    with ProcessPoolExecutor(min(workers, len(jobs)), context, _start_worker, (recipe.detector,)) as pool:
        with _deaf_to_ctrl_c():
            futures = {pool.submit(_cut_in_worker, job, output, recipe): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - set(others):
                process.terminate()  # in the midst of a video, which is left out
            raise


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile never hear Ctrl-C: this one hears it and ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_detector: Detector | None = None  # of a worker, which loads it once


def _start_worker(name: str) -> None:
    global _detector  # noqa: PLW0603
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exception: unfinished clips are cleared away
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    keep_off_stderr()
    _detector = load_detector(name)


def _end_with_parent() -> None:
    """A killed parent sends no signal, and the pool's processes would wait for its next video for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _cut_in_worker(job: VideoJob, output: Path, recipe: Recipe) -> list[dict[str, Any]]:
    return cut_video(job, output, recipe, _detector)


def cut_video(job: VideoJob, output: Path, recipe: Recipe, detector: Detector | None) -> list[dict[str, Any]]:
    """Make the clips of one video; a row for each, also for those left out. A video that cannot be read is one row."""
    try:
        with VideoReader(job.video) as reader:
            if job.rows:
                pieces = [(_piece_of(row, reader), row.split) for row in job.rows]
            else:
                assert detector is not None
                pieces = [(piece, job.split) for piece in find_pieces(reader, detector, recipe.rules)]
            return _cut(job, reader, pieces, output, recipe) or [_told(str(job.video), job.person, why="no face")]
    except MediaError as error:
        return [_told(str(job.video), job.person, why=f"unreadable: {error}")]


def _cut(
    job: VideoJob, reader: VideoReader, pieces: Sequence[tuple[Piece, str]], output: Path, recipe: Recipe
) -> list[dict[str, Any]]:
    """Write the pieces that meet the rules; tell about all."""
    suffix = ".mp4" if recipe.form == "mp4" else ""
    rows, kept = [], []
    for number, (piece, split) in enumerate(pieces):
        crop_px = " ".join(f"{side:.0f}" for side in piece.crop_px)
        why = piece.why_not(recipe.rules) or ""
        where = {"start": piece.start, "stop": piece.stop, "crop_px": crop_px, "split": split}
        rows.append(_told(str(job.video), job.person, why=why, **where))
        if not why:
            name = f"{job.person}#{job.name}#{piece.start:06d}-{piece.stop:06d}-{number}{suffix}"
            kept.append((rows[-1], piece, output / split / name))
    counts = write_pieces(reader, [(piece, path) for _, piece, path in kept], reader.rate, recipe.rules.size)
    for (row, piece, path), count in zip(kept, counts, strict=True):
        made = {"kept": True, "file": f"{path.parent.name}/{path.name}", "stop": piece.start + count}
        row.update(made if count else {"why": "beyond the end of the video"})
    return rows


def _piece_of(row: MetadataRow, reader: VideoReader) -> Piece:
    """A row in frames and pixels of the video at hand; its box as a square of its longer side, inside the frame."""
    speed = 1.0 if row.fps is None else reader.fps / row.fps
    height, width = reader.size
    down, across = (1.0, 1.0) if row.size is None else (height / row.size[0], width / row.size[1])
    x0, y0, x1, y1 = row.box[0] * across, row.box[1] * down, row.box[2] * across, row.box[3] * down
    side = min(round(max(x1 - x0, y1 - y0)), height, width)
    left = min(max(round((x0 + x1 - side) / 2), 0), width - side)
    top = min(max(round((y0 + y1 - side) / 2), 0), height - side)
    crop: Box = (float(left), float(top), float(left + side), float(top + side))
    start = round(row.start * speed)
    return Piece(start, max(start + 1, min(round(row.stop * speed), reader.frame_count)), crop)


def _told(video: str, person: str = "", **values: Any) -> dict[str, Any]:
    """A row of the report."""
    return dict.fromkeys(COLUMNS, "") | {"video": video, "person": person, "kept": False} | values


def _key(job: VideoJob, recipe: Recipe) -> str:
    """Changes with the video, with what is wanted of it, and with the recipe."""
    try:
        facts = job.video.stat()
    except OSError as error:
        raise MediaError(f"{job.video} cannot be read: {error.strerror}.") from error
    made_of = [asdict(job) | {"video": str(job.video.resolve())}, asdict(recipe), facts.st_size, facts.st_mtime_ns]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:24]


def _report(rows: Sequence[dict[str, Any]], output: Path) -> Path:
    """Write ``report.csv`` and say in a few lines what was kept and why the rest was not."""
    path = output / REPORT
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    kept = [row for row in rows if row["kept"]]
    frames, people = sum(row["stop"] - row["start"] for row in kept), len({row["person"] for row in kept})
    log.info("Kept %d clips of %d people, %d frames.", len(kept), people, frames)
    for why, count in Counter(row["why"].partition(":")[0] for row in rows if not row["kept"]).most_common():
        log.info("Dropped %d: %s.", count, why)
    if not kept:
        raise MediaError(
            f"No clip was kept; {path} says why. Lower --min_frames or --min_crop, or try another detector."
        )
    return path
