"""``fom animate``: a picture and a driving video in, a moving picture with the driver's sound out."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..backends import Backend
from ..compose.masks import Look
from ..compose.paste import FEATHER
from ..enhance import FaceEnhancer
from ..errors import NoFaceFound, UsageError
from ..faces.detect import detect_faces
from ..faces.detection import Detector
from ..faces.regions import CropRule, whole_picture
from ..faces.selection import LEFT_TO_RIGHT, ORDERS, select_faces
from ..files.paths import require_name
from ..files.places import Work, keep_apart
from ..media import VIDEO_SUFFIXES, WRITTEN_SUFFIXES, VideoWriter, read_picture
from ..media.encoders import ENCODERS, SOFTWARE
from ..media.mark import BOTTOM_RIGHT, Corner
from ..media.write import target_of
from ..parallel.overlap import behind
from ..parallel.scaleout import animate_picture, joined, team
from ..pipeline import match_drivers
from ..resources import threads
from ..types import FaceSet, Motion, MotionTransfer
from . import common, drivers
from .backend import add_backend_options
from .enhancement import add_enhancement_options
from .jobs import Opened, left_to_do, one_each, work_off
from .manifest import jobs_of, named
from .progress import ProgressBar

log = logging.getLogger(__name__)
FILENAME = "result.mp4"


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options: PaddleGAN's under their own names, and ours."""
    parser = subparsers.add_parser(
        "animate",
        help="animate the faces of a picture with a driving video",
        description="Animate the faces of a picture with the motion of a driving video.",
        allow_abbrev=False,
    )
    _declare(parser)
    parser.set_defaults(run=run)


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-s",
        "--source_image",
        type=common.file_name,
        nargs="+",
        metavar="FILE",
        help="picture with one or many faces; required. Several, or a folder of pictures, give a result each, named "
        "after the picture",
    )
    drivers.add_drivers(parser)
    parser.add_argument(
        "--manifest",
        type=common.file_name,
        metavar="FILE",
        help='many jobs instead: a JSON object a line, such as {"source_image": "a.jpg", "driving_video": "b.mp4", '
        '"output": "c.mp4"}; options given here hold for all',
    )
    parser.add_argument(
        "--output",
        type=common.file_name,
        default="output",
        metavar="DIR",
        help="folder, or video file (default: output)",
    )
    parser.add_argument(
        "--filename",
        type=common.file_name,
        metavar="NAME",
        help=f".mp4, .webm, .mov, .mkv, .gif, or .png for numbered pictures (default: {FILENAME}); of several "
        "pictures only the ending counts",
    )
    parser.add_argument(
        "--result_video",
        type=common.file_name,
        dest="output",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="the authors' name for --output",
    )
    parser.add_argument("--audio", action="store_true", help="the authors' option; the driver's sound is always kept")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="of many jobs, also make those again whose result is there and newer than what it is made from",
    )
    parser.add_argument(
        "--encoder",
        choices=list(ENCODERS),
        help=f"of H.264 videos: a graphics chip's, where it is there (default: {SOFTWARE}, on the processor)",
    )
    parser.add_argument(
        "--mark",
        nargs="?",
        const=BOTTOM_RIGHT,
        choices=get_args(Corner),
        metavar="CORNER",
        help="show the letters AI in a corner of every frame, as well as saying in the file that the result is "
        f'synthetic: "{BOTTOM_RIGHT}", which --mark alone means, "bottom left", "top right" or "top left"',
    )
    drivers.add_motion_options(parser.add_argument_group("motion"))
    _add_face_options(parser.add_argument_group("faces"))
    common.add_model_options(parser)
    add_backend_options(parser)


def _add_face_options(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--multi_person",
        action="store_true",
        help="animate every face; without it the most prominent one: large and near the middle",
    )
    group.add_argument(
        "--faces",
        metavar="NUMBERS",
        help='animate these, by their numbers from 1 in --order: "all", "2", "1,3" or "2-4"; `fom faces --output` '
        "draws them from left to right",
    )
    group.add_argument(
        "--order",
        default=LEFT_TO_RIGHT,
        choices=list(ORDERS),
        help=f"how faces are numbered, and so which driver moves which face (default: {LEFT_TO_RIGHT})",
    )
    common.add_detector_option(group)
    group.add_argument(
        "--source_crop",
        default="auto",
        choices=["auto", "face", "none"],
        help="animate faces, or the picture as a whole (default: auto, by what the model is for)",
    )
    group.add_argument("--crop", default="square", choices=get_args(CropRule), help="rule for the part around a face")
    group.add_argument(
        "--mask",
        default="flow",
        choices=get_args(Look),
        help="how faces get into the picture: flow moves the picture's own pixels and adds the model's where there are "
        "none to show; the others paste what the model paints (default: flow)",
    )
    group.add_argument(
        "--ratio",
        type=common.not_negative,
        default=0.4,
        help="with --mask paddlegan: radius of the pasted circle in crop heights (default: 0.4); the other masks find "
        "the border between close faces by themselves",
    )
    group.add_argument(
        "--feather",
        type=common.zero_to_one,
        default=FEATHER,
        help="with --mask soft or ellipse: part of the way from the face's middle to the mask's outline over which it "
        f"fades, 0 to 1 (default: {FEATHER})",
    )
    group.add_argument(
        "--colour_match",
        type=common.zero_to_one,
        default=0.0,
        help="fit the face's colours to the picture around it: from 0, as the model paints them, to 1 (default: 0)",
    )
    add_enhancement_options(group)


def run(args: argparse.Namespace) -> int:
    """Animate pictures or the jobs of a manifest, alone or with the processes that torchrun started."""
    with joined(args.device) as args.device:
        given = [("", args)] if args.manifest is None else jobs_of(args, _declare)
        jobs = one_each(given, Path(FILENAME).suffix)
        for name, job in jobs:
            with named(name):
                _check_complete(job)
        keep_apart(_work(job, name, args.manifest) for name, job in jobs)
        if args.manifest is not None or jobs[0][0]:
            jobs = left_to_do(jobs, _work)
        opened = Opened()
        return work_off(jobs, lambda job, label: _animate(job, opened, label))


def _work(job: argparse.Namespace, name: str, manifest: str | None = None) -> Work:
    """What a job reads and writes."""
    media = (job.source_image, *(job.driving_video or ()), *(job.motion or ()))
    return Work(common.files_of_model(job, *media, job.enhancer, manifest), [target_of(output_path(job))], name)


def _animate(args: argparse.Namespace, opened: Opened, label: str) -> None:
    """Open everything, so that mistakes show before work starts; animate; say where the result is."""
    transfer = drivers.transfer_of(args)
    picture = read_picture(args.source_image)
    enhancer = opened.enhancer(args)
    driving = opened.drivers(args)
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
        every = args.multi_person or len(driving) > 1 or args.faces is not None
        faces = (
            choose_faces(args, picture, detector, every) if on_faces and detector else whole_picture(picture.shape[:2])
        )
        match_drivers(len(driving), len(faces))
        drivers.check_initial_frame(transfer, driving)
        motions = opened.motions(args, model, driving, detector)
        if writer is not None:
            picture = _transparent(args.source_image, picture, writer)
        write_animation(
            writer, model, picture, faces, motions, transfer=transfer,
            chunk_size=common.chunk_size(args), mask=args.mask if on_faces else "box", ratio=args.ratio,
            feather=args.feather, colour_match=args.colour_match, enhancer=enhancer, label=label,
        )  # fmt: skip
    if writer is not None:
        print(writer.path)


def _check_complete(args: argparse.Namespace) -> None:
    if args.source_image is None or (args.driving_video is None and args.motion is None):
        missing = "--source_image" if args.source_image is None else "--driving_video or --motion"
        raise UsageError(f"A picture and what drives it are needed: {missing} is missing. Many jobs: --manifest FILE.")


@contextmanager
def _open_writer(args: argparse.Namespace, driving: list[drivers.Driver]) -> Iterator[VideoWriter | None]:
    """The result; of several processes only the first one writes."""
    if not team().first:
        yield None
        return
    with VideoWriter(
        output_path(args),
        drivers.frame_rate(driving),
        audio_from=drivers.sound_of(driving),
        encoder=args.encoder,
        mark=args.mark,
    ) as writer:
        yield writer


def write_animation(
    writer: VideoWriter | None,
    model: Backend,
    picture: np.ndarray,
    faces: FaceSet,
    motions: Sequence[Motion],
    *,
    transfer: MotionTransfer,
    chunk_size: int = common.CHUNK_SIZE,
    mask: Look = "flow",
    ratio: float = 0.4,
    feather: float = FEATHER,
    colour_match: float = 0.0,
    enhancer: FaceEnhancer | None = None,
    label: str = "animating",
) -> None:
    """Animate chunk by chunk into the writer, with a progress bar and a summary.

    Without a writer this process paints for another one.
    """
    if enhancer is not None:
        enhancer.restorer.to(model.device)
    with ProgressBar(label, len(motions[0])) as bar, ExitStack() as stack:
        write = stack.enter_context(behind(writer.write)) if writer else None
        for frames in animate_picture(
            model, picture, faces, motions, transfer,
            chunk_size=chunk_size, mask=mask, ratio=ratio, feather=feather, colour_match=colour_match,
            enhance=enhancer, progress=bar,
        ):  # fmt: skip
            assert write is not None  # who has none gets no frames
            write(frames)
    if writer is None:
        return
    sound = "with sound" if writer.has_audio else "without sound"
    log.info("%d face(s), %d frames, %.6g frames/s, %s.", len(faces), writer.frame_count, writer.fps, sound)


def output_path(args: argparse.Namespace) -> Path:
    """``--output`` as a folder with ``--filename`` in it, or as the file itself where only it is given."""
    output = Path(args.output)
    require_name(output, folder=True)
    is_file = output.suffix.lower() in VIDEO_SUFFIXES | WRITTEN_SUFFIXES and not output.is_dir()
    return output if is_file and args.filename is None else output / (args.filename or FILENAME)


def choose_faces(args: argparse.Namespace, picture: np.ndarray, detector: Detector, every: bool) -> FaceSet:
    """The faces to animate: those chosen by number, all, or the most prominent. Raises NoFaceFound, UsageError."""
    faces = detect_faces(picture, detector, crop=args.crop)
    if not len(faces):
        raise NoFaceFound(
            f"No face was found in {args.source_image} by the detector {detector.name}. Choose a picture with a "
            "visible face or another --face_detector, or animate the whole picture with --source_crop none."
        )
    choice = args.faces or "all" if every else None
    return select_faces(faces, choice, order=args.order, picture=picture, detector=detector)


def _transparent(path: str, opaque: np.ndarray, writer: VideoWriter) -> np.ndarray:
    """The source with its alpha, if it has any and the result keeps it; one line tells where it does not."""
    picture = read_picture(path, alpha=True)
    if picture[..., 3].min() == 255:
        return opaque
    if not writer.keeps_alpha:
        log.warning(
            "%s is transparent, which %s files do not keep: it is laid on white. Name the output .webm, or .png for "
            "numbered pictures, to keep it.", path, writer.path.suffix,
        )  # fmt: skip
        return opaque
    return picture
