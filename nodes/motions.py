"""What the nodes that animate have in common: drivers of any kind, read to motions on one clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from comfy_api.latest import io

from ..fom_core.backends import Backend
from ..fom_core.driver import ReadingStage, align_drivers, find_view, needs_face
from ..fom_core.errors import UsageError
from ..fom_core.motion import Length, bridged, chorus, with_pose, without_head
from ..fom_core.types import CHUNK_SIZE, InitialFrame, Motion
from . import host, notices, sockets
from .detectors import AUTO, open_detector, resolved
from .drivers import Driver, open_driver
from .face_parts import landmarks_input
from .kept import Kept
from .readings import Read, read_and_watch

DRIVERS = [f"driver{number}" for number in range(1, 17)]  # sockets, numbered like the faces that they move
LENGTHS: Mapping[str, Length] = {
    "longest, hold the last frame": "hold",
    "longest, loop": "loop",
    "shortest": "shortest",
}
LOOKING, READING = 0.08, 0.2  # share of the progress bar at which finding and reading the drivers are over
WHOLE = 1000  # steps of the progress bar


def driver_input(name: str, tooltip: str | None = None) -> io.MultiType.Input:
    """A socket for a VIDEO, an IMAGE batch or a FOM_MOTION."""
    return io.MultiType.Input(name, types=[io.Video, io.Image, sockets.Motion], tooltip=tooltip)


def driving_crop_input() -> io.Combo.Input:
    return io.Combo.Input(
        "driving_crop",
        options=["auto", "face", "none"],
        advanced=True,
        tooltip="What the model sees of a driver: a fixed square around the face, or the whole frame (none). auto "
        "takes the whole frame if it shows little else than the face.",
    )


def driving_face_input() -> io.Int.Input:
    return io.Int.Input(
        "driving_face",
        optional=True,
        default=0,
        min=0,
        max=64,
        advanced=True,
        tooltip="Whose face drives, where a driver shows several: counted from the left in its first frame with faces. "
        "0 is the largest there.",
    )


def driving_landmarks_input() -> io.Combo.Input:
    return landmarks_input("Steady the driver's crop by the points of its face, in place of the detector's box.")


def fps_input() -> io.Float.Input:
    return io.Float.Input(
        "fps",
        default=25.0,
        min=1.0,
        max=240.0,
        step=0.01,
        advanced=True,
        tooltip="Frames a second of drivers, and of a source video, that come as IMAGE batches; videos and motions "
        "bring their own.",
    )


def chunk_size_input() -> io.Int.Input:
    return io.Int.Input(
        "chunk_size",
        default=CHUNK_SIZE,
        min=1,
        max=256,
        advanced=True,
        tooltip="Frames at a time. More keeps a large graphics card busier and takes more memory; when that runs out, "
        "it goes on with fewer. The result does not depend on it.",
    )


def phase_input() -> io.Float.Input:
    """Faces one after the other; optional, so that graphs made before it stay as they are."""
    return io.Float.Input(
        "phase_s",
        default=0.0,
        min=0.0,
        max=60.0,
        step=0.05,
        optional=True,
        advanced=True,
        tooltip="Seconds by which every face is further in the motion than the one before it, whose end goes over into "
        "its beginning: a choir that is not in lockstep. 0 moves all at once; sound fits the first face.",
    )


def pose_input() -> io.Input:
    """A face moved by hand besides its driver."""
    return sockets.Motion.Input(
        "pose",
        optional=True,
        tooltip="From Pose Face: comes on top of the drivers, counted from its rest, and holds its last frame.",
    )


@contextmanager
def opened(values: Sequence[Any]) -> Iterator[list[Driver]]:
    """Open what came on drivers' sockets. Raises UsageError for nothing, MediaError for what is no driver."""
    values = [value for value in values if value is not None]
    if not values:
        raise UsageError("There is no driver. Connect a VIDEO, an IMAGE batch or a FOM_MOTION.")
    with ExitStack() as stack:
        yield [
            stack.enter_context(open_driver(value, "The driver" if len(values) == 1 else f"Driver {number}"))
            for number, value in enumerate(values, 1)
        ]


def in_order(drivers: Mapping[str, Any]) -> list[Any]:
    """What is connected to an Autogrow input, by the numbers of its sockets; gaps close up."""
    names = sorted(drivers, key=lambda name: int(name.removeprefix("driver")))
    return [drivers[name] for name in names if drivers[name] is not None]


@dataclass(frozen=True)
class Reading:
    """What drivers were read to.

    motions: as they are, at their own frame rates; what is worth saving.
    aligned: smoothed, at one frame rate and of one length.
    rate:    frames a second of the result, exact where it comes from a video.
    reads:   the motions with what was seen.
    """

    aligned: list[Motion]
    rate: Fraction | float
    reads: list[Read]

    @property
    def motions(self) -> list[Motion]:
        return [read.motion for read in self.reads]

    @property
    def length(self) -> int:
        return len(self.aligned[0])

    def for_faces(self, faces: int, phase_s: float, pose: Motion | None, initial: InitialFrame) -> list[Motion]:
        """What moves the faces: with a pose on top, every one so much further in it than the one before."""
        found = posed(self.aligned, pose, initial)
        return chorus(found, faces, phase_s, initial=initial) if phase_s else found


def posed(
    drivers: list[Motion], pose: Motion | None, initial: InitialFrame, *, keep_head: bool = False
) -> list[Motion]:
    """The drivers with a pose on top, which holds its last frame; ``keep_head``: without what poses do to the head."""
    if keep_head:
        drivers = [without_head(motion) for motion in drivers]
        pose = None if pose is None else without_head(pose)
    return drivers if pose is None else [with_pose(motion, pose, initial) for motion in drivers]


def read(
    model: Backend,
    drivers: Sequence[Driver],
    progress: host.Progress,
    *,
    kept: Kept,
    tuned: sockets.Tuned,
    chunk_size: int,
    length: Length = "hold",
) -> Reading:
    """Read the drivers' motions one after the other, over the first part of the progress bar; kept ones are there."""
    reads = []
    for index, driver in enumerate(drivers):
        start, end = (READING * place / len(drivers) for place in (index, index + 1))
        reads.append(read_one(model, driver, progress, (start, end), kept, tuned, chunk_size))
    rate = next((driver.rate for driver in drivers if driver.rate is not None), tuned.fps)
    aligned = align_drivers([read.motion for read in reads], float(rate), smoothing=tuned.smoothing, length=length)
    return Reading(aligned, rate, reads)


def read_one(
    model: Backend,
    driver: Driver,
    progress: host.Progress,
    share: tuple[float, float],
    kept: Kept,
    tuned: sockets.Tuned,
    chunk_size: int = CHUNK_SIZE,
) -> Read:
    """A driver's motion and what was seen of it, read once for each way to look at it."""
    if driver.motion is not None:
        return Read(driver.motion)
    fps = float(driver.rate or tuned.fps)
    detector = resolved(AUTO) if needs_face(model, tuned.driving_crop) else None
    looked = detector, tuned.driving_crop, tuned.driving_face, tuned.landmarks
    key = None if driver.key is None else (driver.key, *looked)
    found = kept.drivers.get(
        key, lambda: look_and_read(model, driver, fps, progress, share, tuned, chunk_size), Read.bytes_of
    )
    notices.again(found.told)
    return replace(found, motion=replace(found.motion, fps=fps))


def look_and_read(
    model: Backend,
    driver: Driver,
    fps: float,
    progress: host.Progress,
    share: tuple[float, float],
    tuned: sockets.Tuned,
    chunk_size: int,
) -> Read:
    """Find the driver's face, and read the motion."""
    start, end = share
    found = start + (end - start) * LOOKING / READING
    parts: dict[ReadingStage, tuple[float, float]] = {
        "looking for the driver": (start, found),
        "reading the motion": (found, end),
    }

    def stages(stage: ReadingStage) -> AbstractContextManager[Callable[[int, int | None], None]]:
        return nullcontext(part_of(progress, *parts[stage], driver.frame_count))

    crop = tuned.driving_crop
    detector = open_detector(AUTO, landmarks=tuned.landmarks) if needs_face(model, crop) else None
    with notices.collected() as told:
        view = find_view(model, driver, detector, crop=crop, choose=tuned.driving_face or None, stages=stages)
        with stages("reading the motion") as heard:
            read = read_and_watch(model, driver, fps, box=view.box, chunk_size=chunk_size, progress=heard)
    motion = bridged(replace(read.motion, seen=view.seen), view.covered)
    return replace(read, motion=motion, found=view, told=tuple(told))


def animated(done: int, length: int) -> tuple[int, int]:
    """Where the bar stands, and its whole, when so many frames of the result are done."""
    return round(WHOLE * (READING + (1 - READING) * done / length)), WHOLE


def part_of(progress: host.Progress, start: float, end: float, count: int) -> Callable[[int, int | None], None]:
    """Report ``count`` steps as the part of the bar from ``start`` to ``end``, both from 0 to 1."""

    def report(done: int, total: int | None) -> None:
        share = min(1.0, done / max(total or count, 1))
        progress(round(WHOLE * (start + (end - start) * share)), WHOLE)

    return report
