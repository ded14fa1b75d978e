"""What the nodes that animate have in common: drivers of any kind, read to motions on one clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from comfy_api.latest import io

from ..fom_core.backends import Backend
from ..fom_core.driver import ReadingStage, align_drivers, find_view, needs_face, read_driver
from ..fom_core.errors import UsageError
from ..fom_core.faces.tracking import DrivingCrop, DrivingView
from ..fom_core.motion import Length
from ..fom_core.types import CHUNK_SIZE, Motion
from . import host, sockets
from .detect_faces import open_detector
from .drivers import Driver, open_driver

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
    """

    motions: list[Motion]
    aligned: list[Motion]
    rate: Fraction | float

    @property
    def length(self) -> int:
        return len(self.aligned[0])


def read(
    model: Backend,
    drivers: Sequence[Driver],
    progress: host.Progress,
    *,
    driving_crop: DrivingCrop,
    fps: float,
    chunk_size: int,
    smoothing: float = 0.0,
    length: Length = "hold",
    driving_face: int = 0,
) -> Reading:
    """Read the drivers' motions one after the other, over the first part of the progress bar."""
    motions = []
    for index, driver in enumerate(drivers):
        start, end = (READING * place / len(drivers) for place in (index, index + 1))
        motions.append(read_one(model, driver, progress, (start, end), driving_crop, fps, chunk_size, driving_face)[0])
    rate = next((driver.rate for driver in drivers if driver.rate is not None), fps)
    aligned = align_drivers(motions, float(rate), smoothing=smoothing, length=length)
    return Reading(motions, aligned, rate)


def read_one(
    model: Backend,
    driver: Driver,
    progress: host.Progress,
    share: tuple[float, float],
    driving_crop: DrivingCrop,
    fps: float,
    chunk_size: int,
    driving_face: int = 0,
) -> tuple[Motion, DrivingView | None]:
    """A driver's motion, and where its face was found; None for a motion, which has no frames."""
    if driver.motion is not None:
        return driver.motion, None
    start, end = share
    found = start + (end - start) * LOOKING / READING
    parts: dict[ReadingStage, tuple[float, float]] = {
        "looking for the driver": (start, found),
        "reading the motion": (found, end),
    }

    def stages(stage: ReadingStage) -> AbstractContextManager[Callable[[int, int | None], None]]:
        return nullcontext(part_of(progress, *parts[stage], driver.frame_count))

    detector = open_detector("auto") if needs_face(model, driving_crop) else None
    view = find_view(model, driver, detector, crop=driving_crop, choose=driving_face or None, stages=stages)
    fps = float(driver.rate or fps)
    return read_driver(model, driver, fps, view=view, chunk_size=chunk_size, stages=stages), view


def animated(done: int, length: int) -> tuple[int, int]:
    """Where the bar stands, and its whole, when so many frames of the result are done."""
    return round(WHOLE * (READING + (1 - READING) * done / length)), WHOLE


def part_of(progress: host.Progress, start: float, end: float, count: int) -> Callable[[int, int | None], None]:
    """Report ``count`` steps as the part of the bar from ``start`` to ``end``, both from 0 to 1."""

    def report(done: int, total: int | None) -> None:
        share = min(1.0, done / max(total or count, 1))
        progress(round(WHOLE * (start + (end - start) * share)), WHOLE)

    return report
