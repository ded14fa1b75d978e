"""The straight line from two videos to one: the faces of the first move like the driver in the second. No files here.

The source is read three times: for its faces (:func:`.follow_faces`), for their keypoints, and for its pixels, which
flow in chunks. What is held of it all along are numbers, some hundred bytes for each face of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

import numpy as np
import torch

from ..backends import Backend
from ..backends.fingerprint import fitting_motion
from ..compose.composition import Composition, Enhance
from ..compose.masks import Look
from ..documents.arguments import require_amount, require_switch, require_word
from ..driver import DrivingVideo
from ..errors import UsageError
from ..faces.following import follow_faces
from ..faces.tracks import FaceTracks, require_moving
from ..motion import (
    BLEND_S,
    Length,
    SourceMotion,
    chorus,
    fit_length,
    held,
    require_frame,
    resample,
    rested,
    transfer_onto,
    with_initial_frame,
    without_head,
)
from ..parallel.overlap import map_in_background, prefetch
from ..parallel.workers import workers_for
from ..pictures import require_frames
from ..pipeline import FPS, Drivings, driving_motions
from ..types import CHUNK_SIZE, Motion, MotionTransfer, Progress, RunOptions
from .frames import in_frames
from .keypoints import read_source_motions
from .painter import MovingTrack, VideoPainter


@dataclass(frozen=True)
class SourceOptions:
    """How a video's faces take a driver's motion.

    source_motion: on top of their own expression ("add"), or in place of it ("replace"); see :func:`.transfer_onto`.
    keep_head:     their heads stay as they are, and what a pose does to the head is left out; off moves them like the
                   driver's as well.
    length:        what a driver that is shorter than the source does: hold its last frame, start anew ("loop"), or end
                   the result ("shortest"). A longer one ends with the source.
    phase_s:       every face is so many seconds further in its driver's motion than the one before it, see
                   :func:`~fom_core.motion.chorus`; blend_s: over so many seconds its end goes over into its beginning.
    Raises UsageError for values of another kind.
    """

    source_motion: SourceMotion = "add"
    keep_head: bool = True
    length: Length = "hold"
    phase_s: float = 0.0
    blend_s: float = BLEND_S

    def __post_init__(self) -> None:
        require_word("source_motion", self.source_motion, get_args(SourceMotion))
        require_switch("keep_head", self.keep_head)
        require_word("length", self.length, get_args(Length))
        require_amount("phase_s", self.phase_s)
        require_amount("blend_s", self.blend_s)

    def frame_count(self, tracks: FaceTracks, motions: Sequence[Motion], fps: float) -> int:
        """Of the result, for a source of ``fps`` frames a second."""
        if self.length != "shortest":
            return tracks.frame_count
        return min(tracks.frame_count, *(max(1, round(len(motion) * fps / motion.fps)) for motion in motions))


def animate_video(
    model: Backend,
    video: DrivingVideo | np.ndarray,
    faces: FaceTracks | None,
    driving: Drivings,
    transfer: MotionTransfer | None = None,
    *,
    fps: float | None = None,
    source_motion: SourceMotion = SourceOptions.source_motion,
    keep_head: bool = SourceOptions.keep_head,
    length: Length = SourceOptions.length,
    phase_s: float = SourceOptions.phase_s,
    chunk_size: int = CHUNK_SIZE,
    mask: Look = Composition.mask,
    ratio: float = Composition.ratio,
    feather: float = Composition.feather,
    colour_match: float = Composition.colour_match,
    enhance: Enhance | None = None,
    frames: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Iterator[np.ndarray]:
    """Animate the faces of a video where they are: yields its frames (t, H, W, C), in chunks.

    video:   a VideoReader or its like, which is read several times; or frames (T, H, W, C) uint8, ``fps`` a second.
    faces:   what :func:`.follow_faces` found in it, all of it or what :func:`.select_tracks` left; None looks for them.
    driving: one driver for all faces; or several, the first for the first face, the last one for all the rest. They are
             brought to the source's frame rate and length; those without a rate count as 25 frames a second.
    frames:  numbers of those to paint, rising; all by default.
    The other options are those of :class:`SourceOptions` and :func:`.animate_picture`. Pixels outside the canvases are
    those of their own frame, bit for bit. Chunks and batches of any size give the same pixels, and so do some
    ``frames`` of all. Raises UsageError for a motion of another model, an initial frame beyond the driver and unknown
    options.
    """
    require_frames(video)
    options = SourceOptions(source_motion, keep_head, length, phase_s)
    rate = fps or float(getattr(video, "fps", FPS))
    tracks = follow_faces(video, fps=rate) if faces is None else faces
    require_moving(tracks.frame_count)
    motions = driving_motions(model, driving, len(tracks), chunk_size=chunk_size)
    own = read_source_motions(model, video, tracks, rate, chunk_size=chunk_size)
    return compose_video(
        model, video, tracks, own, motions,
        fps=rate, transfer=transfer, options=options,
        composition=Composition(mask, ratio, feather, colour_match, enhance),
        run=RunOptions(chunk_size, progress, frames),
    )  # fmt: skip


def compose_video(
    model: Backend,
    video: Iterable[np.ndarray],
    tracks: FaceTracks,
    own: Sequence[Motion],
    motions: Sequence[Motion],
    *,
    fps: float,
    transfer: MotionTransfer | None,
    options: SourceOptions,
    composition: Composition,
    run: RunOptions,
) -> Iterator[np.ndarray]:
    """:func:`animate_video` with its options as values.

    own:     of each face, from :func:`read_source_motions`.
    motions: of the drivers, of any rate and length, from :func:`.driving_motions`, which warns of those of a namesake.
    fps:     of the source.
    """
    composition.check(get_args(Look))
    faces, length = moving_tracks(
        model, tracks, own, motions, transfer=transfer or MotionTransfer(), options=options, fps=fps
    )
    numbers = _checked(run.frames, length)
    painter = VideoPainter(model, tracks, faces, composition, run.chunk_size)
    done, total, wanted = 0, len(numbers), set(numbers)
    needed = numbers if run.frames is None else painter.with_stills(numbers)

    def finishing() -> Generator[Callable[[], np.ndarray], None, None]:
        nonlocal done
        with (
            closing(prefetch(in_frames(video, tracks, needed, run.chunk_size))) as chunks,
            workers_for(model, run.chunk_size) as workers,
        ):
            for chunk in chunks:
                painted = [each for each in painter.paint(chunk, workers) if each.seen.number in wanted]
                if not painted:
                    continue
                yield partial(painter.whole, painted)
                done += len(painted)
                if run.progress:
                    run.progress(done, total)

    with closing(finishing()) as coming:
        yield from map_in_background(lambda finish: finish(), coming)


def moving_tracks(
    model: Backend,
    tracks: FaceTracks,
    own: Sequence[Motion],
    motions: Sequence[Motion],
    *,
    transfer: MotionTransfer,
    options: SourceOptions,
    fps: float,
) -> tuple[list[MovingTrack], int]:
    """Give each face of a video, ``fps`` frames a second, its driver's motion; and the number of frames of the result.

    Raises UsageError for a motion of another model and an initial frame beyond the driver.
    """
    motions = [fitting_motion(model, motion, warn=False) for motion in motions]
    if options.keep_head:
        motions = [without_head(motion) for motion in motions]
        transfer = replace(transfer, head_gain=0.0)
    length = options.frame_count(tracks, motions, fps)
    if options.phase_s:
        rests = [rested(motion, transfer.initial_frame) for motion in motions]
        motions = _in_turn([resample(motion, motion.fps, fps) for motion in rests], len(tracks), length, options)
    driving = [_on_clock(motion, fps, length, options) for motion in motions]
    transfers = [
        with_initial_frame(now, _at_rate(transfer, motion, now)) for motion, now in zip(motions, driving, strict=True)
    ]
    moving = []
    for index, track in enumerate(tracks):
        which, source = min(index, len(driving) - 1), own[index].pick(range(length))
        shown = torch.from_numpy(track.shown[:length])
        moved = transfer_onto(source, driving[which], transfers[which], options.source_motion, shown=shown)
        moving.append(MovingTrack(track, source.keypoints, moved))
    return moving, length


def _in_turn(motions: Sequence[Motion], faces: int, length: int, options: SourceOptions) -> list[Motion]:
    """A motion for each face, every one further in it than the one before; rings that go on where they are looped."""
    going_on = length if options.length == "loop" else None
    return chorus(motions, faces, options.phase_s, options.blend_s, length=going_on)


def _on_clock(motion: Motion, fps: float, count: int, options: SourceOptions) -> Motion:
    """A driver at the source's frame rate and of its length, on the processor."""
    resampled = resample(held(motion), motion.fps, fps)
    resampled = replace(resampled, keypoints=resampled.keypoints.to("cpu"))
    return fit_length(resampled, count, "loop" if options.length == "loop" else "hold")


def _at_rate(transfer: MotionTransfer, motion: Motion, now: Motion) -> MotionTransfer:
    """The same with the number of the initial frame, which counts the driver's own frames, at another rate.

    One that is there, but beyond the end of the source, is its last frame. Raises UsageError for one that is not.
    """
    asked = transfer.initial_frame
    if not isinstance(asked, int) or motion.neutral is not None:
        return transfer
    require_frame(asked, len(motion))
    return replace(transfer, initial_frame=min(round(asked * now.fps / motion.fps), len(now) - 1))


def _checked(frames: Sequence[int] | None, length: int) -> range | list[int]:
    """The numbers of the frames to paint. Raises UsageError for those that do not rise or that are not there."""
    if frames is None:
        return range(length)
    numbers = list(frames)
    if any(number < 0 or number >= length for number in numbers) or numbers != sorted(set(numbers)):
        raise UsageError(
            f"Frames of a video are painted in their order, each once: numbers from 0 to {length - 1}; got {numbers}."
        )
    return numbers
