"""``fom live``: a picture moves like whoever sits before the camera, now."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from contextlib import ExitStack, closing, suppress
from typing import Any

import numpy as np

from ..backends import Backend
from ..compose import Composition
from ..driver import needs_face
from ..errors import UsageError
from ..faces.regions import to_rgb, whole_picture
from ..files.places import Work, keep_apart
from ..live import (
    Camera,
    Capture,
    Controls,
    LiveAnimator,
    LiveRecording,
    Meter,
    Page,
    Playing,
    Screen,
    VirtualCamera,
    Window,
    play,
)
from ..media import VideoReader, VideoWriter, read_picture
from ..media.mark import BOTTOM_RIGHT, Corner, marked
from ..resources import threads
from ..types import FaceSet, MotionTransfer
from . import common, drivers
from .animate import choose_faces
from .backend import open_backend
from .live_options import ANY, declare
from .progress import LINE_S
from .verbs import HELP

log = logging.getLogger(__name__)
MOST_FPS = 30.0  # of a recording
REDRAW_S = 0.5
ENDS = (None, KeyboardInterrupt, SystemExit)  # by itself, by Ctrl-C, by SIGTERM


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "live",
        help=HELP["live"],
        description="Animate a picture with a camera: in a window, on a page of this machine, in a file, or as a "
        "camera for other programs. Frames are left out rather than shown late.",
        usage="fom live --source_image FILE [FILE ...] [--camera N | --input FILE] [OPTION ...]",
        allow_abbrev=False,
    )
    declare(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Open everything, so that mistakes show before the camera's light goes on; then animate until it ends."""
    drivers.check_gains(args)
    if args.loop and args.input is None:
        raise UsageError("--loop plays a video over and over. Add --input FILE, or leave it out.")
    media = (*args.source_image, *filter(None, [args.input]))
    keep_apart([Work(common.files_of_model(args, *media), [args.output] if args.output else [])])
    reader = None if args.input is None else VideoReader(args.input)
    if args.loop and args.output and reader is not None and reader.has_audio:
        log.warning("%s has its sound once; the rounds of --loop after the first are silent.", args.output)
    if args.output:
        VideoWriter(args.output, MOST_FPS).discard()  # one that cannot be written is told before the camera opens
    threads.fit()
    animator = _animator(args, open_backend(args))
    controls, meter = Controls(), Meter()
    with ExitStack() as stack:
        recording: LiveRecording | None = None
        screens, told = _screens(args, animator, controls, stack)
        feed = stack.enter_context(closing(Camera(args.camera))) if reader is None else Playing(reader, loop=args.loop)
        for line in told:  # now that there is something to see
            log.info("%s", line)
        capture = Capture(feed.frames)
        stack.push(lambda kind, *_: _tell(meter, capture) if kind in ENDS else None)
        if args.output:
            recording = _recording(args, animator, feed.fps, reader)
            screens.append(_shown(recording, args.mark))
            stack.callback(_complete, recording)
        stack.enter_context(capture)
        if recording is not None and reader is not None:
            recording.began_s = capture.began_s  # with the sound
        line = stack.enter_context(_Line())
        play(
            capture, animator, screens, controls,
            name=feed.name, mirror=args.mirror, duration_s=args.duration, meter=meter, tell=line,
        )  # fmt: skip
    return 0


def _animator(args: argparse.Namespace, model: Backend) -> LiveAnimator:
    on_faces = common.wants_faces(args.source_crop, model)
    if args.faces is not None and not on_faces:
        raise UsageError(
            "The whole picture is animated, so no faces are chosen. Add --source_crop face, or leave --faces out."
        )
    follows = needs_face(model, args.driving_crop)
    detector = common.open_detector(args, model.device) if on_faces or follows else None
    pictures: list[tuple[np.ndarray, FaceSet]] = []
    for path in args.source_image:
        picture = read_picture(path, alpha=True, max_size=args.max_size)
        if picture[..., 3].min() < 255:
            log.warning("%s is transparent, which live frames are not: it is laid on white.", path)
            picture = read_picture(path, max_size=args.max_size)
        picture = np.ascontiguousarray(to_rgb(picture))
        faces = whole_picture(picture.shape[:2])
        if on_faces and detector is not None:
            every = args.multi_person or args.faces is not None
            given = argparse.Namespace(**{**vars(args), "source_image": path})
            faces = choose_faces(given, picture, detector, every, tell=True)
        pictures.append((picture, faces))
    transfer = MotionTransfer(
        args.relative, args.relative, args.adapt_scale,
        gain=args.gain, head_gain=args.head_gain, expression_gain=args.expression_gain,
    )  # fmt: skip
    mask = args.mask if on_faces else "box"
    return LiveAnimator(
        model, pictures, detector if follows else None,
        crop=args.driving_crop, transfer=transfer, smoothing=args.smoothing,
        composition=Composition(mask, args.ratio, args.feather, args.colour_match),
    )  # fmt: skip


def _screens(
    args: argparse.Namespace, animator: LiveAnimator, controls: Controls, stack: ExitStack
) -> tuple[list[Screen], list[str]]:
    """What shows the frames now, and lines that say where; the stack closes it."""
    screens: list[Screen] = []
    told: list[str] = []

    def add(screen: Screen, mark: Corner | None) -> None:
        stack.callback(screen.close)
        screens.append(_shown(screen, mark))

    if args.serve is not None:
        page = Page(controls, args.serve)
        add(page, args.mark)
        told.append(f"Watch at {page.address}")
    if args.virtual_camera is not None:
        device = None if args.virtual_camera == ANY else args.virtual_camera
        camera = VirtualCamera(animator.size, MOST_FPS, device)
        add(camera, None if args.no_mark else args.mark or BOTTOM_RIGHT)
        told.append(f"Other programs find it as the camera {camera.device}.")
    if args.window or not (screens or args.output):
        add(Window(controls), args.mark)
    return screens, told


def _recording(
    args: argparse.Namespace, animator: LiveAnimator, fps: float, reader: VideoReader | None
) -> LiveRecording:
    sound = reader if reader is not None and reader.has_audio else None
    return LiveRecording(args.output, min(fps, MOST_FPS), animator.size, audio_from=sound)


def _complete(recording: LiveRecording) -> None:
    """Whatever ended it, what was recorded is kept."""
    recording.close()
    if recording.frame_count:
        print(recording.path)


class _Marked:
    """A screen whose frames show the letters AI."""

    def __init__(self, screen: Screen, corner: Corner) -> None:
        self._screen = screen
        self._corner: Corner = corner

    def show(self, frame: np.ndarray, captured_s: float, state: str) -> None:
        self._screen.show(marked(frame[None], self._corner)[0], captured_s, state)

    def close(self) -> None:
        self._screen.close()


def _shown(screen: Screen, mark: Corner | None) -> Screen:
    return screen if mark is None else _Marked(screen, mark)


class _Line:
    """Rate and latency on stderr: redrawn on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._told_s = time.monotonic()

    def __call__(self, state: str) -> None:
        threads.fit()
        now_s = time.monotonic()
        if now_s - self._told_s >= (REDRAW_S if self._terminal else LINE_S):
            self._told_s = now_s
            self._print(f"\rlive  {state}\033[K" if self._terminal else f"live  {state}\n")

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._print("\r\033[K")

    @staticmethod
    def _print(text: str) -> None:
        with suppress(BrokenPipeError):  # whoever reads along has seen enough; the work goes on
            print(text, end="", file=sys.stderr, flush=True)


def _tell(meter: Meter, capture: Capture) -> None:
    log.info(
        "%d frames shown, %.1f a second, %.0f ms after they were captured (19 of 20 within %.0f ms); %d left out.",
        meter.frames, meter.whole_rate, meter.whole_latency_ms(0.5), meter.whole_latency_ms(0.95),
        capture.newest.dropped,
    )  # fmt: skip
