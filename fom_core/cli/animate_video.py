"""``fom animate --source_video``: a video and a driving video in, the first with the motion of the second out."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator

import numpy as np

from ..compose import Composition
from ..errors import NoFaceFound, UsageError
from ..faces.detection import Detector
from ..faces.following import follow_faces
from ..faces.tracks import FaceTracks, require_moving, select_tracks, whole_frames
from ..media import VideoReader
from ..media.sheet import SheetWriter
from ..parallel.distributed import team
from ..parallel.overlap import run_in_background
from ..pictures import fit_picture
from ..pipeline import driving_motions, match_drivers
from ..resources import threads
from ..source_video import SourceOptions, compose_video, read_source_motions
from ..types import RunOptions
from . import common, drivers, results
from .edits import with_model_of
from .idle import tell_phase, tell_return
from .jobs import Opened
from .progress import ProgressBar, how_many

log = logging.getLogger(__name__)


class SourceFrames:
    """The frames of a source video, none larger than ``--max_size``; a pass through them as often as needed."""

    def __init__(self, reader: VideoReader, longest: int | None) -> None:
        self.reader, self._longest = reader, longest
        self.fps, self.frame_count = reader.fps, reader.frame_count
        self.size = next(iter(self)).shape[:2] if longest else reader.size

    def __iter__(self) -> Iterator[np.ndarray]:
        longest = self._longest
        return iter(self.reader) if longest is None else (fit_picture(frame, longest) for frame in self.reader)


def animate_source_video(args: argparse.Namespace, opened: Opened, label: str) -> None:
    """Open everything, so that mistakes show before work starts; animate; say where the result is."""
    if team().size > 1:
        raise UsageError("A source video is animated by one process. Run it without torchrun.")
    transfer = drivers.transfer_of(args)
    if not args.relative:
        raise UsageError("--no_relative copies the driver's pose, and a video has its own. Leave it out.")
    source = SourceFrames(VideoReader(args.source_video), args.max_size)
    require_moving(source.frame_count, args.source_video)
    enhancer = opened.enhancer(args)
    driving = opened.drivers(args)
    args = with_model_of(args, driving)
    with results.open_writer(args, driving, source.reader) as writer:
        threads.fit()
        model = opened.model(args)
        on_faces = common.wants_faces(args.source_crop, model)
        if (enhancer or args.faces is not None) and not on_faces:
            raise UsageError("Only faces can be restored or chosen. Add --source_crop face, or leave the option out.")
        detector = opened.detector(args, model.device) if on_faces or args.driving_crop == "face" else None
        tracks = _tracks(args, source, detector if on_faces else None, len(driving) > 1)
        match_drivers(len(driving), len(tracks))
        tell_phase(args, len(tracks) if on_faces else 0)
        drivers.check_initial_frame(transfer, driving)
        motions = driving_motions(model, opened.motions(args, model, driving, detector), len(tracks))
        options = SourceOptions(args.source_motion, args.keep_head, args.length, args.phase_s, args.blend_s)
        length = options.frame_count(tracks, motions, source.fps)
        tell_return(args, length / source.fps)
        shown = results.Shown(args, source, driving, length, source.fps)
        if isinstance(writer, SheetWriter):
            writer.captions = shown.captions
        if enhancer is not None:
            enhancer.restorer.to(model.device)
        composition = Composition(
            args.mask if on_faces else "box", args.ratio, args.feather, args.colour_match, enhancer
        )
        chunk_size = common.chunk_size(args)
        with ProgressBar("reading the faces", tracks.frame_count) as bar:
            own = read_source_motions(model, source, tracks, source.fps, chunk_size=chunk_size, progress=bar)
        painted = len(shown.frames) if shown.frames is not None else length

        def write_shown(frames: np.ndarray) -> None:
            writer.write(shown(frames))

        with ProgressBar(label, painted) as bar, run_in_background(write_shown) as write:
            for frames in compose_video(
                model, source, tracks, own, motions,
                fps=source.fps, transfer=transfer, options=options, composition=composition,
                run=RunOptions(chunk_size, bar, shown.frames),
            ):  # fmt: skip
                write(frames)
        sound = "with sound" if writer.has_audio else "without sound"
        found, frame_count = how_many(len(tracks), "face"), how_many(writer.frame_count, "frame")
        log.info("%s, %s, %.6g frames/s, %s.", found, frame_count, writer.fps, sound)
    results.tell_result(writer)
    print(writer.path, flush=True)


def _tracks(args: argparse.Namespace, source: SourceFrames, detector: Detector | None, several: bool) -> FaceTracks:
    """The faces to animate; without a detector frames as a whole. Raises NoFaceFound, UsageError."""
    if detector is None:
        return whole_frames(source.size, sum(1 for _ in source))
    with ProgressBar("looking for the faces", source.frame_count) as bar:
        found = follow_faces(source, detector, fps=source.fps, crop=args.crop, progress=bar)
    if not len(found):
        raise NoFaceFound(
            f"No face was found in {args.source_video} by the detector {detector.name}. Choose a video that shows a "
            "face for a while or another --face_detector, or animate whole frames with --source_crop none."
        )
    every = args.multi_person or several or args.faces is not None
    if len(found) > 1 and not every:
        log.info("1 of %d faces moves; --multi_person moves all.", len(found))
    return select_tracks(found, args.faces or "all" if every else None, order=args.order)
