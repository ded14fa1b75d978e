"""``fom animate``: a picture and a driving video in, a moving picture with the driver's sound out."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from ..backends import Backend
from ..backends.pytorch.remembered import chosen_together
from ..compose import Composition
from ..errors import NoFaceFound, UsageError
from ..faces.detect import detect_faces
from ..faces.detection import Detector
from ..faces.parsing import head_masks
from ..faces.regions import whole_picture
from ..faces.selection import select_faces
from ..files.places import Work, keep_apart
from ..media import read_picture
from ..media.sheet import SheetWriter
from ..motion import motion_path
from ..parallel.distributed import animation_group, launched_processes, meeting, team
from ..parallel.meeting import SharedJobs
from ..parallel.overlap import run_in_background
from ..pipeline import Scene, match_drivers
from ..resources import threads
from ..scaleout import animate_picture_in_team
from ..types import FaceSet, RunOptions
from . import common, drivers, results
from .animate_options import declare
from .animate_video import animate_source_video
from .edits import changes_time, further_motions, in_turn, with_model_of
from .idle import ANIMATE, tell_idle, tell_overruled, tell_phase, tell_return
from .jobs import Opened, left_to_do, one_each, work_off
from .manifest import jobs_of, named
from .names import target
from .progress import ProgressBar, how_many
from .verbs import HELP

log = logging.getLogger(__name__)


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options: PaddleGAN's under their own names, and ours."""
    parser = subparsers.add_parser(
        "animate",
        help=HELP["animate"],
        description="Animate the faces of a picture, or of a video, with the motion of a driving video, with motions "
        "that come along (`fom motion list`), or with a pose by hand.",
        usage="fom animate (--source_image FILE [FILE ...] | --source_video FILE) (--driving_video FILE [FILE ...] | "
        "--motion MOTION [MOTION ...] | --pose TEXT) [OPTION ...]\n       fom animate --manifest FILE [OPTION ...]",
        allow_abbrev=False,
    )
    declare(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Animate pictures or the jobs of a manifest, alone or with the processes that torchrun started.

    Where these are no more than the jobs, each takes jobs of its own; else all of them paint each job together.
    """
    with launched_processes(args.device) as args.device, chosen_together(meeting().first_said):
        given = [("", args)] if args.manifest is None else jobs_of(args, declare)
        if args.manifest is not None:
            tell_overruled(args, given)
        jobs = one_each(given)
        for name, job in jobs:
            with named(name):
                _check_complete(job)
        keep_apart(_work(job, name, args.manifest) for name, job in jobs)
        tell_idle(jobs, declare, ANIMATE)
        us, each_takes_some = meeting(), len(jobs) >= meeting().size
        if args.manifest is not None or jobs[0][0]:
            left = us.told_by_first("left to do", lambda: [name for name, _ in left_to_do(jobs, _work)])
            jobs = [(name, job) for name, job in jobs if name in left]
        opened = Opened()
        with nullcontext() if each_takes_some else animation_group():
            shared = SharedJobs(len(jobs), us if each_takes_some else None)
            return work_off(jobs, lambda job, label: _animate(job, opened, label), shared)


def _work(job: argparse.Namespace, name: str, manifest: str | None = None) -> Work:
    """What a job reads and writes."""
    motions = (str(motion_path(motion)) for motion in job.motion or ())
    media = (job.source_image, job.source_video, *(job.driving_video or ()), *motions, *further_motions(job))
    with named(name):
        return Work(common.files_of_model(job, *media, job.enhancer, manifest), [target(job)], name)


def _animate(args: argparse.Namespace, opened: Opened, label: str) -> None:
    """Open everything, so that mistakes show before work starts; animate; say where the result is."""
    if args.source_video is not None:
        animate_source_video(args, opened, label)
        return
    transfer = drivers.transfer_of(args)
    picture = read_picture(args.source_image, max_size=args.max_size)
    enhancer = opened.enhancer(args)
    driving = opened.drivers(args)
    args = with_model_of(args, driving)
    with _open_writer(args, driving) as writer:
        threads.fit()
        model = opened.model(args)
        on_faces = common.wants_faces(args.source_crop, model)
        if enhancer and not on_faces:
            raise UsageError("Only faces can be restored. Add --source_crop face, or leave --face_enhancement out.")
        if args.faces is not None and not on_faces:
            raise UsageError(
                "The whole picture is animated, so no faces are chosen. Add --source_crop face, or leave --faces out."
            )
        detector = opened.detector(args, model.device) if on_faces or args.driving_crop == "face" else None
        parser = opened.parser(args, model.device) if on_faces else None
        every = args.multi_person or len(driving) > 1 or args.faces is not None
        faces = whole_picture(picture.shape[:2])
        if on_faces and detector:
            faces = choose_faces(args, picture, detector, every, tell=True)
        match_drivers(len(driving), len(faces))
        tell_phase(args, len(faces) if on_faces else 0)  # of a whole picture it is told already
        drivers.check_initial_frame(transfer, driving)
        motions = opened.motions(args, model, driving, detector)
        motions = in_turn(args, motions, len(faces), transfer.initial_frame)
        tell_return(args, len(motions[0]) / motions[0].fps)
        if writer is not None:
            picture = _transparent(args, picture, writer)
        shown = results.Shown(args, picture, driving, len(motions[0]), motions[0].fps)
        if isinstance(writer, SheetWriter):
            writer.captions = shown.captions
        if enhancer is not None:
            enhancer.restorer.to(model.device)
        mask = args.mask if on_faces else "box"
        face_masks = head_masks(picture, faces, parser)
        composition = Composition(mask, args.ratio, args.feather, args.colour_match, enhancer, face_masks)
        run = RunOptions(common.chunk_size(args), frames=shown.frames)
        scene = Scene(picture, faces, motions, transfer)
        write_animation(writer, model, scene, composition, run, label=label, shown=shown)
    if writer is not None:
        results.tell_result(writer)
        print(writer.path, flush=True)


def _check_complete(args: argparse.Namespace) -> None:
    source = args.source_image or args.source_video
    if source is None or (args.driving_video is None and args.motion is None and args.pose is None):
        missing = "--driving_video, --motion or --pose" if source else "--source_image"
        other = "" if source else " (or --source_video)"
        raise UsageError(
            f"A picture and what drives it are needed: {missing} is missing{other}. Many jobs: --manifest FILE."
        )
    if args.source_image is not None and args.source_video is not None:
        raise UsageError("The source is --source_image or --source_video, not both. Leave one of them out.")
    if args.source_video is None and args.audio == "source":
        raise UsageError("A picture has no sound: --audio source is for --source_video. Say driver or none.")
    if args.driving_video and args.side_by_side and changes_time(args):
        raise UsageError(
            "--side_by_side shows the driving video as it is, and --speed, --play, --seconds or --then has its motion "
            "at other moments. Leave one of them out."
        )


@contextmanager
def _open_writer(args: argparse.Namespace, driving: list[drivers.Driver]) -> Iterator[results.Writer | None]:
    """The result; of several processes only the first one writes."""
    if not team().first:
        yield None
        return
    with results.open_writer(args, driving) as writer:
        yield writer


def write_animation(
    writer: results.Writer | None,
    model: Backend,
    scene: Scene,
    composition: Composition,
    run: RunOptions,
    *,
    label: str = "animating",
    shown: Callable[[np.ndarray], np.ndarray] = lambda painted: painted,
) -> None:
    """Animate a scene of motions chunk by chunk into the writer, with a progress bar and a summary.

    shown: what becomes of the frames before they are written.
    Without a writer this process paints for another one.
    """
    length = len(scene.motions[0] if run.frames is None else run.frames)
    with ProgressBar(label, length) as bar, ExitStack() as stack:
        write: Callable[[np.ndarray], None] | None = None
        if writer is not None:
            write = stack.enter_context(run_in_background(lambda painted: writer.write(shown(painted))))
        for painted in animate_picture_in_team(model, scene, composition, replace(run, progress=bar)):
            assert write is not None  # who has none gets no frames
            write(painted)
    if writer is None:
        return
    sound = "with sound" if writer.has_audio else "without sound"
    found, frame_count = how_many(len(scene.faces), "face"), how_many(writer.frame_count, "frame")
    log.info("%s, %s, %.6g frames/s, %s.", found, frame_count, writer.fps, sound)


def choose_faces(
    args: argparse.Namespace, picture: np.ndarray, detector: Detector, every: bool, *, tell: bool = False
) -> FaceSet:
    """The faces to animate: those chosen by number, all, or the most prominent. Raises NoFaceFound, UsageError.

    tell: say where others stay still.
    """
    faces = detect_faces(picture, detector, crop=args.crop)
    if not len(faces):
        raise NoFaceFound(
            f"No face was found in {args.source_image} by the detector {detector.name}. Choose a picture with a "
            "visible face or another --face_detector, or animate the whole picture with --source_crop none."
        )
    if tell and len(faces) > 1 and not every:
        log.info("1 of %d faces moves; --multi_person moves all.", len(faces))
    choice = args.faces or "all" if every else None
    return select_faces(faces, choice, order=args.order, picture=picture, detector=detector)


def _transparent(args: argparse.Namespace, opaque: np.ndarray, writer: results.Writer) -> np.ndarray:
    """The source with its alpha, if it has any and the result keeps it; one line tells where it does not."""
    path = args.source_image
    picture = read_picture(path, alpha=True, max_size=args.max_size)
    if picture[..., 3].min() == 255:
        return opaque
    if not writer.keeps_alpha:
        log.warning(
            "%s is transparent, which %s files do not keep: it is laid on white. Name the output .webm, .webp or "
            ".avif, or .png for numbered pictures, to keep it.", path, writer.path.suffix,
        )  # fmt: skip
        return opaque
    return picture
