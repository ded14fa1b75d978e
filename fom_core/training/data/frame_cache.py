"""Clips and portraits, decoded once into a memory-mapped ``.npy`` file, so that training never waits.

For small data sets whose pairs are to be chosen by what they show (sampler.py); stream.py is for those that do not fit
on a disk in this form.
"""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...documents.readers import DocumentError, read_json, wrong_as
from ...errors import MediaError
from ...faces.detection import Detector
from ...files.paths import replacing
from ...media import read_picture
from .clips import ClipEntry, read_frames
from .frame_file import FrameFile, shrunk
from .given_meshes import given_mesh, mapped_array, meshes_of
from .landmarks import NO_FACE, find_landmarks
from .matte import MatteFinder, find_mattes, shrunk_mattes, side_of_matte
from .mesh import POINTS, MeshFinder

log = logging.getLogger(__name__)
MOST_THREADS = 16
ANEW = "Remove its folder; it is made anew."
FRAMES, LANDMARKS, MESH, MATTE = "frames.npy", "landmarks.npy", "mesh.npy", "matte.npy"
CLIPS, STAMP = "clips.json", "built_from.json"
KINDS = {MESH: "<f4", MATTE: "|u1"}  # of the numbers in these files


@dataclass(frozen=True)
class CachedClip:
    """Where one entry's frames lie in the cache."""

    name: str
    identity: str
    kind: str
    start: int
    length: int


class FrameCache:
    """All frames of a data set at one size: ``frames`` (N, S, S, 3) uint8, ``landmarks`` (N, 5, 2) in [-1, 1].

    Landmarks are those of :func:`find_landmarks`, ``NO_FACE`` where none were found or no detector was given. ``mesh``
    (N, 468, 3) is that of :func:`.given_meshes.meshes_of`, and ``matte`` (N, S/2, S/2) uint8 that of
    :func:`.matte.find_mattes`, read when used; None where nothing is given to know them by.
    Raises MediaError for a folder that does not hold one.
    """

    def __init__(self, folder: Path, entries: Sequence[ClipEntry] = ()) -> None:
        """``entries``: what it was made from, if that is known."""
        self.folder = folder
        self.frames = mapped_array(folder / FRAMES, ANEW)
        self.landmarks = np.array(mapped_array(folder / LANDMARKS, ANEW))
        self.mesh, self.matte = (
            mapped_array(folder / name, ANEW) if (folder / name).exists() else None for name in (MESH, MATTE)
        )
        with wrong_as(MediaError, folder / CLIPS, ANEW):
            self.clips = _clips(read_json(folder / CLIPS), len(self.frames) if self.frames.ndim else 0)
        used = {(clip.name, clip.identity) for clip in self.clips}
        self.entries = [entry for entry in entries if (entry.path.stem, entry.identity) in used]
        side = self.frames.shape[1:2]
        right = self.frames.dtype == np.uint8 and self.frames.shape[1:] == (*side, *side, 3)
        if self.mesh is not None:
            right = right and self.mesh.shape == (len(self.frames), POINTS, 3) and self.mesh.dtype == np.float32
        if self.matte is not None and right:
            sides = (side_of_matte(*side),) * 2
            right = self.matte.shape == (len(self.frames), *sides) and self.matte.dtype == np.uint8
        if not right or self.landmarks.shape != (len(self.frames), 5, 2):
            raise MediaError(f"The frames and landmarks in {folder} do not belong together. {ANEW}")

    @classmethod
    def build(
        cls,
        folder: Path,
        entries: Sequence[ClipEntry],
        size: int,
        detector: Detector | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        *,
        mesh: MeshFinder | None = None,
        matte: MatteFinder | None = None,
    ) -> FrameCache:
        """Decode ``entries`` into ``folder``, or open what an earlier call with the same files left there.

        Every processor decodes, so detector, mesh and matte are asked by several threads. A clip that cannot be read,
        or has a single frame, is left out with a warning; one that breaks off keeps the frames before. Raises
        MediaError when nothing is left, and for a file of meshes that does not fit the clip it lies beside.
        """
        labelled = False if detector is None else detector.name
        made_of = {"size": size, "labelled": labelled, "files": [_facts(entry) for entry in entries]}
        made_of |= {} if mesh is None else {"mesh": mesh.digest}
        made_of |= {} if matte is None else {"matte": matte.digest}
        if not _is_made_of(folder, made_of):
            meshed = mesh is not None or any(given_mesh(entry.path) for entry in entries)
            clips, landmarks, meshes, mattes = [], [], [], []
            with _begin(folder, size) as file:
                all_decoded = map_in_threads(lambda entry: _decode(entry, size, detector, mesh, matte), entries)
                for done, (entry, decoded) in enumerate(zip(entries, all_decoded, strict=True), 1):
                    clip = decoded.clip(entry, file.count)
                    clips += [] if clip is None else [clip]
                    landmarks += decoded.landmarks
                    meshes.extend(decoded.meshes)
                    mattes += decoded.mattes
                    for frame in decoded.frames:
                        file.write(frame)
                    if progress is not None:
                        progress(done, len(entries))
            further = {MESH: meshes if meshed else None, MATTE: None if matte is None else mattes}
            _finish(folder, clips, landmarks, further, made_of)
        return cls(folder, entries)

    def resized(self, folder: Path, size: int) -> FrameCache:
        """The same clips at a smaller size, kept in ``folder``."""
        if self.frames.shape[1] == size:
            return self
        clips = [asdict(clip) for clip in self.clips]
        made_of = {"size": size, "clips": clips, "of": (self.folder / FRAMES).stat().st_mtime_ns}
        if not _is_made_of(folder, made_of):
            with _begin(folder, size) as file:
                for frame in self.frames:
                    file.write(frame)
            mattes = None if self.matte is None else shrunk_mattes(self.matte, size)
            _finish(folder, self.clips, list(self.landmarks), {MESH: self.mesh, MATTE: mattes}, made_of)
        return FrameCache(folder)


def _clips(values: object, frames: int) -> list[CachedClip]:
    """What a list of clips says of so many frames. Raises DocumentError."""
    try:
        clips = [CachedClip(**each) for each in values]  # type: ignore[attr-defined]
        whole = all(
            type(clip.start) is type(clip.length) is int and 0 <= clip.start < clip.start + clip.length <= frames
            for clip in clips
        )
    except TypeError as error:
        raise DocumentError("is damaged: it lists no clips.") from error
    if not whole or not clips:
        raise DocumentError(f"is damaged: its clips are not those of {frames} frames.")
    return clips


@dataclass(frozen=True)
class _Decoded:
    """The frames of an entry as far as they can be read, at the size of the cache, and what is known of them."""

    frames: list[np.ndarray]
    landmarks: list[np.ndarray]
    meshes: Sequence[np.ndarray] | np.ndarray = ()
    mattes: Sequence[np.ndarray] = ()
    problem: str | None = None

    def clip(self, entry: ClipEntry, start: int) -> CachedClip | None:
        """What the entry is in the cache, if its frames make a clip; says what is wrong with it."""
        length, problem = len(self.frames), self.problem
        if entry.kind == "video" and length == 1:
            problem = problem or f"{entry.path} has a single frame; a clip needs two."
        if problem is not None:
            log.warning("%s %s", problem, f"{length} frames of it are used." if length > 1 else "It is left out.")
        enough = length > (entry.kind == "video")
        return CachedClip(entry.path.stem, entry.identity, entry.kind, start, length) if enough else None


def map_in_threads(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """``map`` on a thread per processor, at most two items per thread ahead of the one that is asked for."""
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Any]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > 2 * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def _decode(
    entry: ClipEntry, size: int, detector: Detector | None, mesh: MeshFinder | None, matte: MatteFinder | None
) -> _Decoded:
    frames, landmarks, problem = [], [], None
    try:
        for picture in read_frames(entry.path) if entry.kind == "video" else [read_picture(entry.path)]:
            landmarks.append(NO_FACE if detector is None else find_landmarks(picture, detector))
            frames.append(shrunk(picture, size))
    except MediaError as error:
        problem = str(error)
    landmarks = landmarks[: len(frames)]
    meshes = meshes_of(entry.path, frames, landmarks, mesh, whole=problem is None)
    mattes = () if matte is None else find_mattes(frames, matte)
    return _Decoded(frames, landmarks, meshes, mattes, problem)


def _facts(entry: ClipEntry) -> list[str | int]:
    """What changes when a file is replaced by another one of the same name."""
    try:
        facts = entry.path.stat()
    except OSError:
        return [str(entry.path)]
    given = given_mesh(entry.path)
    beside = [] if given is None else [given.stat().st_size, given.stat().st_mtime_ns]
    return [str(entry.path), facts.st_size, facts.st_mtime_ns, *beside]


def _is_made_of(folder: Path, made_of: dict[str, object]) -> bool:
    stamp = folder / STAMP
    try:
        return stamp.is_file() and read_json(stamp) == made_of
    except DocumentError:  # a killed process left it so
        return False


def _begin(folder: Path, size: int) -> FrameFile:
    file = FrameFile(folder / FRAMES, size)
    (folder / STAMP).unlink(missing_ok=True)  # from now on the folder is unfinished
    return file


def _finish(
    folder: Path,
    clips: Sequence[CachedClip],
    landmarks: Sequence[np.ndarray],
    further: Mapping[str, Sequence[np.ndarray] | np.ndarray | None],
    made_of: dict[str, object],
) -> None:
    """Put the rest beside the frames, ``further`` by file; the stamp comes last, and says that all is there."""
    if not clips:
        raise MediaError("None of the clips can be read; the messages before say why.")
    np.save(folder / LANDMARKS, np.stack(landmarks).astype(np.float32))
    for name, values in further.items():
        if values is None:
            (folder / name).unlink(missing_ok=True)
            continue
        header = {"descr": KINDS[name], "fortran_order": False, "shape": (len(values), *values[0].shape)}
        with replacing(folder / name) as temporary, temporary.open("wb") as file:  # others may have the old one open
            np.lib.format.write_array_header_1_0(file, header)
            for each in values:
                file.write(np.ascontiguousarray(each, KINDS[name]).data)
    (folder / CLIPS).write_text(json.dumps([asdict(clip) for clip in clips]), encoding="utf-8")
    with replacing(folder / STAMP) as temporary:
        temporary.write_text(json.dumps(made_of), encoding="utf-8")
