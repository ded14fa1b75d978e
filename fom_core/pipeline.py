"""The straight line from a picture and a driving video to moving frames. No file I/O here.

Keypoints of the whole driving video come first (kilobytes); pixels flow in chunks, so memory depends on the chunk and
the picture, never on the length of the video. Reading ahead, the networks and pasting go on side by side: the networks
in the caller's thread, the rest in threads that end with the call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeGuard, cast

import numpy as np
import torch
from torch import Tensor

from .backends import Backend
from .backends.fingerprint import check_keypoints, fitting_motion
from .compose.composition import Composition, Enhance
from .compose.finish import Finisher, open_finisher
from .compose.masks import Look
from .compose.paintings import Paintings
from .compose.sparing import Sparing
from .driver import detect_keypoints, look_at, read_motion, track_keypoints
from .errors import UsageError
from .faces.regions import as_face_set, crop_face
from .motion import transfer_sequence, with_initial_frame
from .parallel.batching import MovingFace, generated, in_batches
from .parallel.overlap import map_in_background, prefetch
from .parallel.workers import workers_for
from .pictures import require_picture, resize_picture, to_batch
from .resources.memory import in_chunks
from .types import (
    CHUNK_SIZE,
    FaceRegion,
    FaceSet,
    Generated,
    Keypoints,
    Motion,
    MotionTransfer,
    Progress,
    RunOptions,
    SourceFeatures,
)

__all__ = [
    "Driving",
    "Drivings",
    "Progress",
    "Scene",
    "animate",
    "animate_details",
    "animate_picture",
    "compose_picture",
    "driving_keypoints",
    "driving_motions",
    "encode_face",
    "finished",
    "look_at",
    "match_drivers",
    "prepared",
    "read_motion",
    "track_keypoints",
]

FPS = 25.0  # of drivers that come without a frame rate

Driving = Motion | Keypoints | Tensor | Iterable[np.ndarray]
"""A motion, keypoints, a network batch (T, C, H, W), or frames (H, W, 3) uint8 as they come."""

Drivings = Driving | Sequence[Motion | Keypoints]
"""One driver for all faces; or several of equal length: the first moves the first face, the last one all the rest."""


@dataclass(frozen=True)
class Scene:
    """What is animated: a picture (H, W, 3 or 4) uint8, those of its faces that move, and what moves them and how.

    sources: the faces, where they are encoded already.
    paintings: what was painted of it before, with drivers that are a list of motions; and is kept for the next time.
    """

    picture: np.ndarray
    faces: FaceSet
    driving: Drivings
    transfer: MotionTransfer | None = None
    sources: Sequence[SourceFeatures] | None = None
    paintings: Paintings | None = None

    @property
    def motions(self) -> Sequence[Motion]:
        """The drivers, where they are a list of motions."""
        return cast("Sequence[Motion]", self.driving)


def animate(
    model: Backend,
    source_faces: Sequence[np.ndarray | Tensor | SourceFeatures],
    driving_frames: Drivings,
    transfer: MotionTransfer | None = None,
    *,
    chunk_size: int = CHUNK_SIZE,
    frames: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Iterator[list[Tensor]]:
    """Move each face like the driver, or like its own.

    source_faces:   crops, (H, W, 3) uint8 of any size or (1, C, H, W) in [0, 1] at the model's size; or encoded ones.
    driving_frames: the performer, one face (see :data:`Driving`), or several performers (:data:`Drivings`).
    frames:         numbers of those to paint, in this order; all by default.
    Yields, chunk by chunk, one (t, C, H, W) tensor in [0, 1] per face, t at most ``chunk_size``; when memory runs out
    it goes on with fewer. Raises UsageError for an initial frame beyond the video, a motion of another model or
    drivers that do not fit the faces or one another, MediaError for no frames.
    """
    details = animate_details(
        model, source_faces, driving_frames, transfer, chunk_size=chunk_size, frames=frames, progress=progress
    )
    for chunk in details:
        yield [generated.prediction for generated in chunk]


def animate_details(
    model: Backend,
    source_faces: Sequence[np.ndarray | Tensor | SourceFeatures],
    drivings: Drivings,
    transfer: MotionTransfer | None = None,
    *,
    chunk_size: int = CHUNK_SIZE,
    frames: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Iterator[list[Generated]]:
    """:func:`animate` with all that the model knows of a frame: flow and occlusion map as well as the prediction."""
    faces, length = _moving_faces(model, source_faces, drivings, transfer or MotionTransfer(), chunk_size)
    if frames is not None:
        faces, length = [face.only(frames) for face in faces], len(frames)
    batches = in_batches(faces, model.device)
    with workers_for(model, chunk_size * len(batches)) as workers:

        def generate(part: slice) -> tuple[int, list[Generated]]:
            return part.stop, generated(model, batches, part, workers)

        chunks = in_chunks(generate, length, chunk_size)
        # The workers need no word from this thread to go on; a graphics card is ahead of it by itself.
        with closing(prefetch(chunks) if workers.size > 1 else chunks) as coming:
            for done, chunk in coming:
                yield chunk
                if progress:
                    progress(done, length)


def animate_picture(
    model: Backend,
    picture: np.ndarray,
    faces: FaceSet | FaceRegion | Sequence[FaceRegion],
    driving: Drivings,
    transfer: MotionTransfer | None = None,
    *,
    chunk_size: int = CHUNK_SIZE,
    mask: Look = Composition.mask,
    ratio: float = Composition.ratio,
    feather: float = Composition.feather,
    colour_match: float = Composition.colour_match,
    enhance: Enhance | None = None,
    frames: Sequence[int] | None = None,
    progress: Progress | None = None,
    face_masks: Sequence[np.ndarray] | None = None,
) -> Iterator[np.ndarray]:
    """Animate faces of a picture where they are: yields (t, H, W, C), as wide and deep as ``picture``.

    mask:    "flow" composes the frames, see :class:`~fom_core.compose.Composer`: the picture's own pixels move, and the
             model's are laid in where the picture has none to show. The others paste what the model paints, see
             :class:`~fom_core.compose.Paster`, with ``ratio`` and ``feather``; pixels outside stay bit-identical.
    enhance: makes composed frames of a face's crop better, such as :class:`~fom_core.enhance.FaceEnhancer`.
    frames:  numbers of those to paint, in this order; all by default.
    The rest is as of :func:`animate` and :class:`~fom_core.compose.Composition`, and so are the errors.
    """
    composition = Composition(mask, ratio, feather, colour_match, enhance, face_masks)
    require_picture(picture)
    scene = Scene(picture, as_face_set(faces, picture.shape[:2]), driving, transfer)
    return compose_picture(model, scene, composition, RunOptions(chunk_size, progress, frames))


def compose_picture(model: Backend, scene: Scene, composition: Composition, run: RunOptions) -> Iterator[np.ndarray]:
    """:func:`animate_picture` with its options as values."""
    sources, finisher = prepared(model, scene, composition)
    chunks = finished(model, sources, finisher, scene, run)
    with closing(chunks):
        yield from map_in_background(lambda finish: finish(), chunks)


def prepared(model: Backend, scene: Scene, composition: Composition) -> tuple[Sequence[SourceFeatures], Finisher]:
    """All of :func:`animate_picture` that comes before the first frame: encoded faces, and what makes whole frames."""
    require_picture(scene.picture)
    sources = scene.sources
    if sources is None:
        sources = [encode_face(model, crop_face(scene.picture, face, model.config.image_size)) for face in scene.faces]
    return sources, open_finisher(model, scene.picture, scene.faces, sources, composition)


def finished(
    model: Backend, sources: Sequence[SourceFeatures], finisher: Finisher, scene: Scene, run: RunOptions
) -> Generator[Callable[[], np.ndarray], None, None]:
    """Chunk by chunk, calls that wait for the frames of :func:`animate_picture` or make them, in any thread."""
    sparing = Sparing(finisher.begin, np.concatenate)

    def details(frames: Sequence[int] | None) -> Iterator[list[Generated]]:
        return animate_details(
            model, sources, scene.driving, scene.transfer,
            chunk_size=run.chunk_size, frames=frames, progress=run.progress,
        )  # fmt: skip

    kept = scene.paintings if run.frames is None else None
    for chunk in details(run.frames) if kept is None else kept.completed(len(scene.motions[0]), details):
        for piece in sparing.pieces(chunk):
            yield sparing.begin(piece)


@torch.inference_mode()
def encode_face(model: Backend, face: np.ndarray | Tensor | SourceFeatures) -> SourceFeatures:
    """Everything about a source face that does not depend on the driver."""
    if isinstance(face, SourceFeatures):
        return face
    if not isinstance(face, Tensor):
        require_picture(face)
    if isinstance(face, np.ndarray):
        picture = resize_picture(face, model.config.image_size)
        face = to_batch(picture[None], channels=model.config.num_channels, device=model.device)
    return model.encode_source(face.to(model.device))


def driving_keypoints(model: Backend, driving: Driving, *, chunk_size: int = CHUNK_SIZE) -> Keypoints:
    """Keypoints of the whole driver on the model's device. Raises UsageError for a motion of another model."""
    return _driving_motion(model, driving, chunk_size).keypoints


def _driving_motion(model: Backend, driving: Driving, chunk_size: int) -> Motion:
    """The driver's motion on the model's device, at 25 frames a second where it has no rate of its own."""
    if isinstance(driving, Motion):
        driving = fitting_motion(model, driving)
        rest = None if driving.neutral is None else driving.neutral.to(model.device)
        return replace(driving, keypoints=driving.keypoints.to(model.device), neutral=rest)
    if isinstance(driving, Tensor):
        driving = detect_keypoints(model, driving, chunk_size)
    if not isinstance(driving, Keypoints):
        driving = track_keypoints(model, driving, chunk_size=chunk_size)
    check_keypoints(model, driving)
    return Motion(driving.to(model.device), FPS, model.name, model.config.learnt_size)


def match_drivers(drivers: int, faces: int) -> None:
    """Raise UsageError for more drivers than faces to move."""
    if drivers > max(faces, 1):
        raise UsageError(
            f"There are {drivers} drivers for {faces} face{'s' * (faces != 1)}. Give one for all, or at most one "
            "for each face."
        )


@torch.inference_mode()
def _moving_faces(
    model: Backend,
    source_faces: Sequence[np.ndarray | Tensor | SourceFeatures],
    drivings: Drivings,
    transfer: MotionTransfer,
    chunk_size: int,
) -> tuple[list[MovingFace], int]:
    """Encode the faces and give each its driver's motion; and the number of frames."""
    motions = _motions(model, drivings, len(source_faces), chunk_size)
    transfers = [with_initial_frame(motion, transfer) for motion in motions]
    faces = []
    for index, face in enumerate(source_faces):
        source, which = encode_face(model, face), min(index, len(motions) - 1)
        faces.append(MovingFace(source, transfer_sequence(source.keypoints, motions[which], transfers[which])))
    return faces, len(motions[0])


def _motions(model: Backend, drivings: Drivings, faces: int, chunk_size: int) -> list[Motion]:
    """The drivers' motions. Raises UsageError for more of them than faces, and for unequal lengths."""
    motions = driving_motions(model, drivings, faces, chunk_size=chunk_size)
    lengths = [len(motion) for motion in motions]
    if len(set(lengths)) > 1:
        raise UsageError(
            f"The drivers must be equally long, found {', '.join(map(str, lengths))} frames. "
            "Bring them to one length with fom_core.motion.align."
        )
    return motions


def driving_motions(model: Backend, drivings: Drivings, faces: int, *, chunk_size: int = CHUNK_SIZE) -> list[Motion]:
    """The drivers' motions on the model's device, as long as each is. Raises UsageError for more of them than faces."""
    if not _are_several(drivings):
        return [_driving_motion(model, cast("Driving", drivings), chunk_size)]
    match_drivers(len(drivings), faces)
    return [_driving_motion(model, driving, chunk_size) for driving in drivings]


def _are_several(drivings: Drivings) -> TypeGuard[Sequence[Motion | Keypoints]]:
    return isinstance(drivings, (list, tuple)) and len(drivings) > 0 and isinstance(drivings[0], (Motion, Keypoints))
