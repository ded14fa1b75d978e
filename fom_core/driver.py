"""What drives: where its face is, its keypoints frame by frame, and several drivers on one clock. No file I/O here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from itertools import islice
from typing import Literal, Protocol, get_args

import numpy as np
from torch import Tensor

from .backends import Backend
from .backends.fingerprint import fingerprint
from .errors import MediaError, UsageError
from .faces.detect import load_detector
from .faces.detection import Detector
from .faces.regions import crop_face
from .faces.tracking import DrivingCrop, DrivingView, look_for_driver
from .motion import Length, align, bridged, held, smooth
from .parallel.overlap import prefetch
from .parallel.workers import ALONE, Workers, workers_for
from .pictures import require_frames, resize_picture, to_batch
from .resources.memory import in_chunks
from .types import CHUNK_SIZE, Box, Keypoints, Motion, Progress
from .weights.catalogue import is_for_faces

ReadingStage = Literal["looking for the driver", "reading the motion"]
ReadingStages = Callable[[ReadingStage], AbstractContextManager[Progress | None]]
"""Opened around each stage; what it gives is told of the stage's frames."""


class DrivingVideo(Protocol):
    """Frames (H, W, 3) uint8 that can be read as often as needed; a VideoReader is one."""

    @property
    def size(self) -> tuple[int, int]: ...  # height, width
    @property
    def frame_count(self) -> int: ...
    def __iter__(self) -> Iterator[np.ndarray]: ...


def read_driver(
    model: Backend,
    video: DrivingVideo | np.ndarray,
    fps: float,
    detector: Detector | str | None = "auto",
    *,
    crop: DrivingCrop = "auto",
    choose: int | None = None,
    view: DrivingView | None = None,
    chunk_size: int = CHUNK_SIZE,
    name: str = "the driving video",
    stages: ReadingStages | None = None,
    read: Callable[..., Motion] | None = None,
) -> Motion:
    """The driver's motion, ready to be saved and used on many pictures: its face is found, looked at and read.

    video:    a VideoReader or its like, or frames (T, H, W, 3) uint8, ``fps`` a second.
    detector: what finds the face: one that is open, or its name. None looks at whole frames.
    crop:     a fixed square around the face, or whole frames; auto decides, see :func:`find_view`.
    choose:   whose face, by its number from the left in the first frame with faces, from 1; None is the largest.
    view:     what :func:`find_view` gave for this video, if it was asked before.
    name:     how messages call the video.
    stages:   opens what hears of the progress of each stage.
    read:     in the place of :func:`read_motion`.
    Raises NoFaceFound where a face was asked for and none is seen, MediaError for no frames.
    """
    require_frames(video)
    if view is None:
        view = find_view(model, video, detector, crop=crop, choose=choose, name=name, stages=stages)
    with (stages or _untold)("reading the motion") as progress:
        motion = (read or read_motion)(model, video, fps, box=view.box, chunk_size=chunk_size, progress=progress)
    return bridged(replace(motion, seen=view.seen), view.covered)


def find_view(
    model: Backend,
    video: DrivingVideo | np.ndarray,
    detector: Detector | str | None = "auto",
    *,
    crop: DrivingCrop = "auto",
    choose: int | None = None,
    name: str = "the driving video",
    stages: ReadingStages | None = None,
) -> DrivingView:
    """Which part of the driving video the model looks at, and in which frames the driver is seen.

    The whole frame without a detector, and where it shows little else than the face. A detector that is only named is
    not opened for a model that is not for faces, unless the crop is to be the face. Raises NoFaceFound, UsageError for
    another crop.
    """
    require_frames(video)
    if crop not in get_args(DrivingCrop):
        raise UsageError(f"The driving crop is one of {', '.join(get_args(DrivingCrop))}; got {crop!r}.")
    if isinstance(detector, str):
        detector = load_detector(detector) if needs_face(model, crop) else None
    if detector is None or crop == "none":
        return DrivingView()
    size, count = (video.shape[1:3], len(video)) if isinstance(video, np.ndarray) else (video.size, video.frame_count)
    with (stages or _untold)("looking for the driver") as progress:
        return look_for_driver(
            video, size, detector, crop, frame_count=count, choose=choose, name=name, progress=progress
        )


def needs_face(model: Backend, crop: DrivingCrop) -> bool:
    """Whether the driver's face has to be found; auto goes by what the catalogue says the model is for."""
    return crop == "face" or (crop == "auto" and is_for_faces(model.name))


def align_drivers(
    motions: Sequence[Motion], fps: float, *, smoothing: float = 0.0, length: Length = "hold"
) -> list[Motion]:
    """The drivers on one clock: smoothed at their own frame rates, brought to this one, equally long.

    Before its driver is first seen, and after the last time, a motion stands still.
    """
    return align([smooth(held(motion), smoothing) for motion in motions], fps, length)


def read_motion(
    model: Backend,
    frames: Iterable[np.ndarray],
    fps: float,
    *,
    box: Box | None = None,
    chunk_size: int = CHUNK_SIZE,
    progress: Progress | None = None,
) -> Motion:
    """Motion of frames whose part to look at is known, ``box``; see :func:`read_driver` for where it is not."""
    keypoints = track_keypoints(model, frames, box=box, chunk_size=chunk_size, progress=progress)
    return Motion(keypoints, fps, model.name, model.config.learnt_size, fingerprint=fingerprint(model))


def track_keypoints(
    model: Backend,
    frames: Iterable[np.ndarray],
    *,
    box: Box | None = None,
    chunk_size: int = CHUNK_SIZE,
    progress: Progress | None = None,
) -> Keypoints:
    """Keypoints of each frame (H, W, 3) uint8, read as they come; ``box`` is the part of the frame to look at."""
    require_frames(frames)
    parts: list[Keypoints] = []
    done = 0
    views = (np.stack([look_at(model, frame, box) for frame in chunk]) for chunk in _chunks(frames, chunk_size))
    with closing(prefetch(views)) as batches, workers_for(model, chunk_size) as workers:
        for views_of_chunk in batches:
            parts.append(_detected(model, views_of_chunk, chunk_size, workers))
            done += len(views_of_chunk)
            if progress:
                progress(done, None)
    return _joined(parts)


def look_at(model: Backend, frame: np.ndarray, box: Box | None) -> np.ndarray:
    """What the model sees of a driving frame: the part in ``box`` or all of it, at the model's size."""
    size = model.config.image_size
    return resize_picture(frame, size) if box is None else crop_face(frame, box, size)


def detect_keypoints(model: Backend, images: Tensor, chunk_size: int) -> Keypoints:
    """Keypoints of a network batch of any length. Raises MediaError for none."""
    return _in_pieces(
        lambda piece: model.detect_keypoints(images[piece].to(model.device)), len(images), chunk_size, ALONE
    )


def _detected(model: Backend, views: np.ndarray, chunk_size: int, workers: Workers) -> Keypoints:
    """Keypoints of what the model sees, (T, H, W, 3) uint8."""

    def detect(piece: slice) -> Keypoints:
        return model.detect_keypoints(to_batch(views[piece], channels=model.config.num_channels, device=model.device))

    return _in_pieces(detect, len(views), chunk_size, workers)


def _in_pieces(detect: Callable[[slice], Keypoints], length: int, chunk_size: int, workers: Workers) -> Keypoints:
    chunks = in_chunks(lambda part: workers.map(detect, workers.pieces(part)), length, chunk_size)
    return _joined([piece for chunk in chunks for piece in chunk])


def _joined(parts: list[Keypoints]) -> Keypoints:
    if not parts:
        raise MediaError("The driving video has no frames. Choose one that plays.")
    return Keypoints.cat(parts)


def _chunks(frames: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    iterator = iter(frames)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _untold(_: ReadingStage) -> AbstractContextManager[None]:
    return nullcontext()
