"""The straight line from a picture and a driving video to moving frames. No file I/O here.

Keypoints of the whole driving video come first (kilobytes); pixels flow in chunks, so memory depends on the chunk and
the picture, never on the length of the video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .errors import MediaError, UsageError
from .faces.paste import Paster
from .faces.regions import crop_face
from .motion import initial_frame, transfer_motion
from .networks import MotionModel
from .pictures import resize_picture, to_batch
from .types import Box, FaceSet, Keypoints, Motion, MotionTransfer, SourceFeatures

Progress = Callable[[int, int | None], None]
"""Called with frames done and frames in all (None while unknown). Raise from it to stop the work."""

Driving = Motion | Keypoints | Tensor | Iterable[np.ndarray]
"""A motion, keypoints, a network batch (T, C, H, W), or frames (H, W, 3) uint8 as they come."""


def animate(
    model: MotionModel,
    source_faces: Sequence[np.ndarray | Tensor | SourceFeatures],
    driving_frames: Driving,
    transfer: MotionTransfer | None = None,
    *,
    chunk_size: int = 8,
    progress: Progress | None = None,
) -> Iterator[list[Tensor]]:
    """Move each face like the driver.

    source_faces:   crops, (H, W, 3) uint8 of any size or (1, C, H, W) in [0, 1] at the model's size; or encoded ones.
    driving_frames: the performer, one face (see :data:`Driving`).
    Yields, chunk by chunk, one (t, C, H, W) tensor in [0, 1] per face, t at most ``chunk_size``.
    Raises UsageError for an initial frame beyond the video or a motion of another model, MediaError for no frames.
    """
    transfer = transfer or MotionTransfer()
    driving = driving_keypoints(model, driving_frames, chunk_size=chunk_size)
    sources = [encode_face(model, face) for face in source_faces]
    initials = [initial_frame(source.keypoints, driving, transfer) for source in sources]
    for start in range(0, len(driving), chunk_size):
        chunk = driving[start : start + chunk_size]
        frames = []
        # Inference mode ends before each yield: it belongs to the thread, and so would reach into the caller's code.
        with torch.inference_mode():
            for source, index in zip(sources, initials, strict=True):
                moved = transfer_motion(source.keypoints, chunk, driving[index : index + 1], transfer)
                frames.append(model.generate(source, moved).prediction)
        yield frames
        if progress:
            progress(start + len(chunk), len(driving))


def animate_picture(
    model: MotionModel,
    picture: np.ndarray,
    faces: FaceSet,
    driving: Driving,
    transfer: MotionTransfer | None = None,
    *,
    chunk_size: int = 8,
    mask: Literal["soft", "ellipse", "box", "paddlegan"] = "soft",
    ratio: float = 0.4,
    progress: Progress | None = None,
) -> Iterator[np.ndarray]:
    """Animate faces of a picture and paste them back: yields (t, H, W, C) uint8, as wide and deep as ``picture``.

    Pixels outside the faces' masks stay bit-identical. ``mask`` and ``ratio`` as in :func:`fom_core.paste`.
    """
    crops = [crop_face(picture, face, model.config.image_size) for face in faces]
    paster = Paster(picture, faces, mask=mask, ratio=ratio)
    for face_frames in animate(model, crops, driving, transfer, chunk_size=chunk_size, progress=progress):
        yield paster(face_frames)


@torch.inference_mode()
def encode_face(model: MotionModel, face: np.ndarray | Tensor | SourceFeatures) -> SourceFeatures:
    """Everything about a source face that does not depend on the driver."""
    if isinstance(face, SourceFeatures):
        return face
    if isinstance(face, np.ndarray):
        picture = resize_picture(face, model.config.image_size)
        face = to_batch(picture[None], channels=model.config.num_channels, device=model.device)
    return model.encode_source(face.to(model.device))


def driving_keypoints(model: MotionModel, driving: Driving, *, chunk_size: int = 8) -> Keypoints:
    """Keypoints of the whole driver on the model's device. Raises UsageError for a motion of another model."""
    if isinstance(driving, Motion):
        _check_motion(model, driving)
        driving = driving.keypoints
    if isinstance(driving, Tensor):
        with torch.inference_mode():
            batches = driving.to(model.device).split(chunk_size)
            driving = Keypoints.cat([model.detect_keypoints(batch) for batch in batches])
    if isinstance(driving, Keypoints):
        return driving.to(model.device)
    return track_keypoints(model, driving, chunk_size=chunk_size)


def track_keypoints(
    model: MotionModel,
    frames: Iterable[np.ndarray],
    *,
    box: Box | None = None,
    chunk_size: int = 8,
    progress: Progress | None = None,
) -> Keypoints:
    """Keypoints of each frame (H, W, 3) uint8, read as they come; ``box`` is the part of the frame to look at."""
    parts: list[Keypoints] = []
    done = 0
    for chunk in _chunks(frames, chunk_size):
        size = model.config.image_size
        views = [resize_picture(frame, size) if box is None else crop_face(frame, box, size) for frame in chunk]
        batch = to_batch(views, channels=model.config.num_channels, device=model.device)
        with torch.inference_mode():
            parts.append(model.detect_keypoints(batch))
        done += len(chunk)
        if progress:
            progress(done, None)
    if not parts:
        raise MediaError("The driving video has no frames. Choose one that plays.")
    return Keypoints.cat(parts)


def read_motion(
    model: MotionModel,
    frames: Iterable[np.ndarray],
    fps: float,
    *,
    box: Box | None = None,
    chunk_size: int = 8,
    progress: Progress | None = None,
) -> Motion:
    """The driver's motion as a value that can be saved, and used on many pictures."""
    keypoints = track_keypoints(model, frames, box=box, chunk_size=chunk_size, progress=progress)
    return Motion(keypoints, fps, model.name, model.config.image_size)


def _chunks(frames: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    iterator = iter(frames)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _check_motion(model: MotionModel, motion: Motion) -> None:
    points = motion.keypoints.value.shape[1]
    wanted = model.config.keypoint_detector.num_kp
    if motion.model != model.name or points != wanted:
        raise UsageError(
            f"This motion was read with the model '{motion.model}' ({points} keypoints), which means nothing to "
            f"'{model.name}' ({wanted} keypoints). Use that model, or read the driving video again with this one."
        )
