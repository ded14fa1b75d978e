"""Animate Picture with a video in the place of the picture, at constant memory."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import Input, InputImpl, io, ui
from torch import Tensor

from ..fom_core.compose import Composition
from ..fom_core.compose.masks import Look
from ..fom_core.errors import NoFaceFound, UsageError
from ..fom_core.faces.following import follow_faces
from ..fom_core.faces.tracks import FaceTracks, select_tracks, whole_frames
from ..fom_core.media import VideoReader, VideoWriter
from ..fom_core.motion import smooth
from ..fom_core.parallel.overlap import run_in_background
from ..fom_core.pipeline import driving_motions
from ..fom_core.source_video import SourceOptions, compose_video, read_source_motions
from ..fom_core.types import Motion, RunOptions
from ..fom_core.weights.catalogue import is_for_faces
from . import host, marks, motions
from .detectors import open_detector, resolved
from .drivers import Driver, open_driver
from .kept import Kept, followed_faces, source_motions
from .sockets import PictureFaces, Tuned

DRIVER, SOURCE, SILENT = "driver", "source", "none"
SOUNDS = (DRIVER, SOURCE, SILENT)
FOUND, SEEN = 0.3, 0.4  # share of the progress bar at which the faces are found, and their keypoints


def is_video(image: Any, faces: PictureFaces | None) -> bool:
    """Whether what stands in the place of the picture is a video: a VIDEO, or frames whose faces were followed."""
    return isinstance(image, Input.Video) or (faces is not None and faces.tracks is not None)


def animated_video(
    model: Any,
    image: Any,
    faces: PictureFaces | None,
    driver: Any,
    tuned: Tuned,
    kept: Kept,
    progress: host.Progress,
    *,
    options: SourceOptions,
    face_choice: str,
    detector: str,
    mask: Look,
    feather: float,
    colour_match: float,
    quality_crf: int,
    chunk_size: int,
    mark: str,
    audio: str,
    pose: Motion | None,
) -> io.NodeOutput:
    """The output of Animate Picture."""
    with open_driver(image, "The video in the place of the picture") as source, motions.opened([driver]) as (opened,):
        rate = source.rate or tuned.fps
        on_faces = faces is not None or is_for_faces(host.name_of(model))
        tracks = tracks_of(source, faces, float(rate), detector, face_choice, on_faces, progress, kept)
        network = host.motion_model(model, chunk_size, len(tracks))
        reading = motions.read(network, [opened], progress, kept=kept, tuned=tuned, chunk_size=chunk_size)
        moving = motions.posed(reading.motions, pose, tuned.transfer.initial_frame, keep_head=options.keep_head)
        drivers = driving_motions(network, [smooth(motion, tuned.smoothing) for motion in moving], len(tracks))
        hears = motions.part_of(progress, FOUND, SEEN, tracks.frame_count)
        own = source_motions(
            kept, source.identity, tracks, float(rate),
            lambda: read_source_motions(
                network, source, tracks, float(rate), chunk_size=chunk_size, progress=hears
            ),
        )  # fmt: skip
        length = options.frame_count(tracks, drivers, float(rate))
        composition = Composition(mask if on_faces else "box", feather=feather, colour_match=colour_match)
        path = host.temporary_file(".mp4")
        with (
            VideoWriter(
                path, rate, audio_from=sound_of(source, opened, audio), crf=quality_crf, mark=marks.corner_of(mark)
            ) as writer,
            run_in_background(writer.write) as write,
        ):
            done = 0
            for frames in compose_video(
                network, source, tracks, own, drivers,
                fps=float(rate), transfer=tuned.transfer, options=options, composition=composition,
                run=RunOptions(chunk_size),
            ):  # fmt: skip
                write(frames[..., :3])
                done += len(frames)
                share = SEEN + (1 - SEEN) * done / length
                progress.show(round(motions.WHOLE * share), motions.WHOLE, frames[-1])
    return io.NodeOutput(
        InputImpl.VideoFromFile(str(path)),
        ui=ui.PreviewVideo([ui.SavedResult(path.name, "", io.FolderType.temp)]),
    )


def tracks_of(
    source: Driver,
    faces: PictureFaces | None,
    fps: float,
    detector: str,
    choice: str,
    on_faces: bool,
    progress: host.Progress,
    kept: Kept,
) -> FaceTracks:
    """The faces to animate; whole frames for a model that is not for faces. Raises NoFaceFound, UsageError."""
    if not on_faces:
        return whole_frames(source.size, sum(1 for _ in source))
    if faces is not None:
        given = faces.tracks
        if given is None or not isinstance(source.images, Tensor) or len(source.images) != given.frame_count:
            raise UsageError(
                "The faces are not those of this video. Connect the frames that Detect Faces looked at, with its batch "
                "set to 'frames of one video'; or the VIDEO without faces."
            )
        found = given
    else:
        hears = motions.part_of(progress, motions.READING, FOUND, source.frame_count)
        name = resolved(detector)
        found = followed_faces(
            kept, source.identity, fps, name,
            lambda: follow_faces(source, open_detector(name), fps=fps, progress=hears),
        )  # fmt: skip
    if not len(found):
        raise NoFaceFound(
            "No face was found in the video. Use one that shows a face for a while, choose another detector, or "
            "connect frames and faces from a Detect Faces whose if_none is 'pass through'."
        )
    return select_tracks(found, choice, shown=host.SHOWN)


def sound_of(source: Driver, opened: Driver, audio: str) -> VideoReader | None:
    """The video whose sound goes along."""
    with_sound = [each.reader for each in (opened, source) if each.reader is not None and each.reader.has_audio]
    if audio == SOURCE:
        return source.reader
    return with_sound[0] if audio == DRIVER and with_sound else None
