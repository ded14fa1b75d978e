"""Many results from one call: which there are to make, which are there already, and what became of each."""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ..backends import Backend
from ..documents.times import duration_text
from ..enhance import FaceEnhancer
from ..errors import DeviceLost, UsageError
from ..faces.detection import Detector
from ..faces.parsing import HeadParser
from ..files.leftovers import tidy
from ..files.places import NUMBER, Work, place_of, with_number
from ..media import PICTURE_SUFFIXES, WRITTEN_SUFFIXES, list_pictures
from ..media.pictures import no_pictures_in
from ..motion import motion_path
from ..parallel.distributed import team
from ..parallel.meeting import SharedJobs
from ..resources.faults import told
from ..types import Motion
from . import common, drivers
from .backend import open_backend
from .edits import further_motions, keeps_head
from .enhancement import open_enhancer
from .face_parts import open_parser
from .manifest import named
from .names import ending_of, looks_like_file
from .progress import each_warning_once, sentence

log = logging.getLogger(__name__)
Job = tuple[str, argparse.Namespace]  # what messages call it, and its options
SHOWN = 5  # names in a line
LONGEST_NAME = 30  # characters of a picture's name in the line of progress


def one_each(jobs: Sequence[Job]) -> list[Job]:
    """A job for every picture: each of several, and those of a folder, named after the picture.

    Raises UsageError for a file as ``--output`` of several pictures, MediaError for a folder without any.
    """
    found: list[Job] = []
    for name, job in jobs:
        with named(name):
            found += _of_each_picture(name, job)
    return found


def _of_each_picture(name: str, job: argparse.Namespace) -> list[Job]:
    given = _once(map(Path, job.source_image or ()))
    if not given or (len(given) == 1 and not given[0].is_dir()):
        return [(name, _with(job, source_image=str(given[0]) if given else None))]
    pictures = _once(picture for path in given for picture in _pictures_at(path))
    if looks_like_file(job.output):
        several = (
            f"{len(pictures)} pictures give as many results" if len(pictures) > 1 else "A folder gives many results"
        )
        raise UsageError(
            f"{several}: --output names their folder, and {job.output} looks like a file. Name a folder; {job.output}/ "
            "is one in any case."
        )
    suffix = ending_of(job)
    _check_folder(job, [path for path in given if path.is_dir()], suffix)
    stems = Counter(picture.stem.casefold() for picture in pictures)
    return [
        (
            f"{name}, {picture.name}" if name else str(picture),
            _with(
                job,
                source_image=str(picture),
                filename=(picture.stem if stems[picture.stem.casefold()] == 1 else picture.name) + suffix,
            ),
        )
        for picture in pictures
    ]


def _once(paths: Iterable[Path]) -> list[Path]:
    """The paths without those that name a file again; a link of another name is another picture."""
    found: dict[object, Path] = {}
    for path in paths:
        found.setdefault((place_of(path), path.name), path)
    return list(found.values())


def _check_folder(job: argparse.Namespace, folders: Sequence[Path], suffix: str) -> None:
    """Raise UsageError for results that the next call would take for pictures to animate."""
    if job.preview is None and Path(f"x{suffix}").suffix.lower() not in PICTURE_SUFFIXES:
        return
    if any(place_of(folder) == place_of(job.output) for folder in folders):
        raise UsageError(
            f"The results are pictures, and {job.output} is the folder that the pictures are read from: the next call "
            "would animate them as well. Name another folder as --output."
        )


def _with(job: argparse.Namespace, **changes: Any) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(job), **changes})


def _pictures_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    pictures = list_pictures(path)
    if not pictures:
        raise no_pictures_in(path)
    return pictures


def left_to_do(jobs: Sequence[Job], work: Callable[[argparse.Namespace, str], Work]) -> list[Job]:
    """The jobs whose result is not there yet, or is older than what it is made from; a line tells of the others.

    Options are not looked at: previews, which are for trying them, are always made.
    """
    there = [job for job in jobs if _may_stay(job[1]) and _is_there(work(job[1], job[0]))]
    if there:
        results = [str(work(job, name).outputs[0]) for name, job in there[:SHOWN]]
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        log.info(
            "%d of %d results are there and newer than what they are made from, so they are left as they are, and "
            "options given now were not looked at: %s%s. --overwrite makes them anew.",
            len(there), len(jobs), ", ".join(results), more,
        )  # fmt: skip
        for name, job in there:
            tidy(Path(work(job, name).outputs[0]).parent)
    names = {name for name, _ in there}
    return [job for job in jobs if job[0] not in names]


def _may_stay(job: argparse.Namespace) -> bool:
    return not job.overwrite and job.preview is None


def _is_there(work: Work) -> bool:
    """Whether a result is newer than its inputs, and so was finished: results appear as a whole."""
    result = Path(work.outputs[0])
    if result.suffix.lower() in WRITTEN_SUFFIXES and NUMBER.search(result.name):
        result = result.with_name(with_number(result.name, 0))
    with suppress(OSError):
        written = result.stat().st_mtime_ns
        return all(_changed_ns(Path(source)) < written for source in work.inputs)
    return False


def _changed_ns(path: Path) -> int:
    """When a file changed last, or any file of a folder; 0 for what is only a name."""
    with suppress(OSError):
        inside = [file.stat().st_mtime_ns for file in path.iterdir()] if path.is_dir() else []
        return max(path.stat().st_mtime_ns, *inside, 0)
    return 0


def work_off(jobs: Sequence[Job], do: Callable[[argparse.Namespace, str], None], shared: SharedJobs) -> int:
    """Do one job after the other, of those that ``shared`` gives; gives the exit status when all of them are ended.

    ``do`` takes the job's options and the label of its progress. An only job, and one of several processes that paint
    it together and wait for one another, raises its error instead; others that fail are listed at the end. What one
    warning says of all of them is said once.
    """
    several = len(jobs) > 1 or shared.among.size > 1
    with each_warning_once(shared.is_said_first if several else None, heard=shared.among.size > 1):
        started = time.monotonic()

        def tell() -> None:
            _tell(shared, time.monotonic() - started)

        for place in shared:
            reason, lost = _reason_of_failure(jobs, place, do, raises=not several or team().size > 1)
            shared.end(place, reason)
            if lost:
                break
            tell()
        if shared.among.size > 1 and shared.ended < shared.count:
            log.info("The other processes are at their last jobs.")
        shared.wait_for_all(tell)
        status = _sum_up(shared, time.monotonic() - started)
        shared.leave()
    return status


def _reason_of_failure(
    jobs: Sequence[Job], place: int, do: Callable[[argparse.Namespace, str], None], *, raises: bool
) -> tuple[str | None, bool]:
    """Do a job. What to say of it if it failed, and whether the device is lost."""
    name, job = jobs[place]
    try:
        with named(name):
            do(job, "animating" if len(jobs) == 1 else _label(place + 1, len(jobs), job))
    except Exception as error:
        if raises:
            raise
        if log.isEnabledFor(logging.DEBUG):
            traceback.print_exc()
        line = sentence(error)
        return line if name in line else f"{name}: {line}", isinstance(told(error), DeviceLost)
    return None, False


def _sum_up(shared: SharedJobs, elapsed_s: float) -> int:
    """Say what became of all jobs, in one of the processes; gives the exit status of each."""
    failures, left = shared.failures(), shared.count - shared.ended
    if shared.among.first:
        if shared.among.size > 1:
            log.info(
                "%d of %d jobs done by %d processes (tried: %s) in %s.", shared.ended - len(failures), shared.count,
                shared.among.size, ", ".join(map(str, shared.by_process())), duration_text(elapsed_s),
            )  # fmt: skip
        if failures:
            print(
                f"fom: {len(failures)} of {shared.count} jobs failed"
                + ("; the results of the others are there." if len(failures) < shared.ended else "."),
                file=sys.stderr,
            )
        for line in [*failures, *([f"{left} jobs were not begun."] if left else [])]:
            print(f"fom: {line}", file=sys.stderr)
    return 1 if failures or left else 0


def _label(number: int, total: int, job: argparse.Namespace) -> str:
    """Of a job's progress: the picture or video by its name, of which a long one is cut."""
    picture = Path(job.source_image or job.source_video).name
    if len(picture) > LONGEST_NAME:
        picture = picture[: LONGEST_NAME - 1] + "…"
    return f"animating {number} of {total}, {picture}"


def _tell(shared: SharedJobs, elapsed_s: float) -> None:
    ended, failed, total = shared.ended, shared.failed, shared.count
    if ended < total:
        whole = ended - failed
        left = f", about {duration_text(elapsed_s / whole * (total - ended))} left" if whole else ""
        log.info("%d of %d jobs done%s%s.", whole, total, f", {failed} failed" * bool(failed), left)


class Opened:
    """What the last job used, for the next one that asks for the same: the networks, and the driver's motion."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[object, Any]] = {}

    def model(self, args: argparse.Namespace) -> Backend:
        return self._same("model", _asked_model(args), lambda: open_backend(args))

    def detector(self, args: argparse.Namespace, device: torch.device) -> Detector:
        asked = (args.face_detector, args.landmarks, device)
        return self._same("detector", asked, lambda: common.open_detector(args, device))

    def parser(self, args: argparse.Namespace, device: torch.device) -> HeadParser | None:
        return self._same("parser", (args.parsing, device), lambda: open_parser(args, device))

    def enhancer(self, args: argparse.Namespace) -> FaceEnhancer | None:
        asked = (args.face_enhancement, args.enhancer, args.enhancement_strength)
        return self._same("enhancer", asked, lambda: open_enhancer(args))

    def drivers(self, args: argparse.Namespace) -> list[drivers.Driver]:
        asked = (_asked_drivers(args), args.model, keeps_head(args))  # a pose alone is of the model
        return self._same("drivers", asked, lambda: drivers.open_drivers(args))

    def motions(
        self, args: argparse.Namespace, model: Backend, driving: list[drivers.Driver], detector: Detector | None
    ) -> list[Motion]:
        """The drivers' motions, which the networks need not look for again."""
        ways = (args.driving_crop, args.driving_face, args.smoothing, args.length, args.face_detector)
        ways += (args.landmarks, args.source_video is None, keeps_head(args))
        asked = (_asked_model(args), _asked_drivers(args), ways, detector is None)
        return self._same("motions", asked, lambda: drivers.read_drivers(args, model, driving, detector))

    def _same(self, kind: str, asked: object, open_it: Callable[[], Any]) -> Any:
        if kind not in self._last or self._last[kind][0] != asked:
            self._last.pop(kind, None)  # its memory first
            self._last[kind] = asked, open_it()
        return self._last[kind][1]


def _asked_model(args: argparse.Namespace) -> list[Any]:
    names = ("model", "config", "mobile_net", "image_size", "device", "dtype", "backend", "provider", "precision")
    return [getattr(args, name) for name in names]


def _asked_drivers(args: argparse.Namespace) -> list[Any]:
    """The drivers by name, date and part, for a file may be replaced between two jobs."""
    names = [*map(motion_path, args.motion or ()), *(args.driving_video or ()), *further_motions(args)]
    files = [(path, _changed_ns(Path(path))) for path in names]
    edit = (args.play, args.seconds, args.mirror, args.speed, args.amplitude, args.then, args.mix, args.blend_s)
    return [*files, bool(args.motion), args.start, args.duration, edit, args.pose, args.initial_frame, args.best_frame]
