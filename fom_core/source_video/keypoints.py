"""How the faces of a source video move by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

import numpy as np
import torch

from ..backends import Backend
from ..faces.tracks import FaceTrack, FaceTracks
from ..parallel.overlap import prefetch
from ..parallel.workers import Workers, workers_for
from ..resources.memory import in_chunks
from ..types import CHUNK_SIZE, Keypoints, Motion, Progress
from .frames import Item, images_of, in_frames, items_of

EVERY = 2


def read_source_motions(
    model: Backend,
    video: Iterable[np.ndarray],
    tracks: FaceTracks,
    fps: float,
    *,
    chunk_size: int = CHUNK_SIZE,
    progress: Progress | None = None,
) -> list[Motion]:
    """How each face of a video moves by itself, seen in a view that goes along with it; ``seen`` tells where it is.

    Every second frame is looked at: between two the face is half way. Its keypoints are only where the driver's
    movement sets out from, and what they are off by goes along.
    """
    count, points = tracks.frame_count, model.config.keypoint_detector.num_kp
    looked = np.stack([_looked_at(track) for track in tracks]) if len(tracks) else np.zeros((0, count), bool)
    value = torch.zeros(len(tracks), count, points, 2)
    jacobian = torch.eye(2).expand(len(tracks), count, points, 2, 2).clone()
    known = model.config.keypoint_detector.estimate_jacobian
    with (
        closing(prefetch(in_frames(video, tracks, range(count), chunk_size))) as chunks,
        workers_for(model, chunk_size) as workers,
    ):
        for chunk in chunks:
            items = [(seen, face) for seen, face in items_of(chunk) if looked[seen.faces[face].id, seen.number]]
            for (seen, face), found in zip(items, _detected(model, items, workers, chunk_size), strict=True):
                at = seen.faces[face].id, seen.number
                value[at] = found.value[0]
                if found.jacobian is not None:
                    jacobian[at] = found.jacobian[0]
            if progress:
                progress(chunk[-1].number + 1, count)
    motions = []
    for index, track in enumerate(tracks):
        there = ~np.isnan(track.boxes[:, 0])
        between = torch.from_numpy(np.flatnonzero(there & ~looked[index]))
        for values in (value[index], jacobian[index]):
            values[between] = (values[between - 1] + values[between + 1]) / 2
        keypoints = Keypoints(value[index], jacobian[index] if known else None)
        motions.append(Motion(keypoints, fps, model.name, model.config.learnt_size, seen=tuple(there.tolist())))
    return motions


def _looked_at(track: FaceTrack) -> np.ndarray:
    """(T,) every second frame of each stretch that shows a face, and its last one."""
    looked = np.zeros(len(track), bool)
    for run in track.runs():
        looked[run.start : run.stop : EVERY] = True
        looked[run.stop - 1] = True
    return looked


def _detected(model: Backend, items: Sequence[Item], workers: Workers, chunk_size: int) -> list[Keypoints]:
    """Keypoints of each face, on the processor."""

    def detect(piece: slice) -> list[Keypoints]:
        found = model.detect_keypoints(images_of(model, items[piece])).to("cpu")
        return [found[slice(index, index + 1)] for index in range(len(found))]

    if not items:
        return []
    parts = in_chunks(lambda part: workers.map(detect, workers.pieces(part)), len(items), max(chunk_size, 1))
    return [keypoints for part in parts for piece in part for keypoints in piece]
