"""The verdict: what was measured of a picture and a driver, in sentences.

The limits were measured with the embedded model: docs/looks.md has the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..faces.tracking import DrivingView
from ..types import FaceRegion
from .flows import GAINS, Course

SOURCE_PX, DRIVER_PX = 40, 32  # longer side of a face: in smaller ones keypoints go astray
FOLDS = 0.005  # share of the flow that folds, above which a face is bent
TURNS = 0.06  # movement unlike that of a plane, in half sides of the crop, above which a head is turned too far
UNLIKE = 0.05  # by how much a pose is further from the source's than the driver's nearest one
FEWER = 0.5  # another initial frame is better if so much of the folds is left from there, or less
SHOWN = 6  # parts of the driver in a sentence

Frames = tuple[int, int]


@dataclass(frozen=True)
class Finding:
    """One sentence of a verdict.

    name:    which one, whatever the words.
    warns:   whether it speaks against the pair as it is; the others are only to be known.
    text:    the sentence.
    frames:  the parts of the driver that it is about, the first and the last frame of each, counted from 0.
    figures: what was measured, and the limit where there is one.
    """

    name: str
    warns: bool
    text: str
    frames: tuple[Frames, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The sentence with its mark: ``!`` where it warns, else ``-``."""
        return f"{'!' if self.warns else '-'} {self.text}"


@dataclass(frozen=True)
class Measured:
    """All that a verdict goes by.

    face:   that moves: number ``number`` from the left of all that are found; of ``faces`` large enough.
    view:   what is known of the driver's face; None where nobody looked. ``seen`` is the motion's.
    still:  whether relative motion moves nothing, see :func:`~fom_core.motion.stands_still`; ``one_pose``, whether all
            frames of the driver are the same. ``relative`` says whether the motion is.
    first:  the initial frame; ``begins`` is the first one that shows the driver, ``nearest`` the one of nearest pose.
    apart:  how far their poses are from the source's, by their numbers, see :func:`~fom_core.motion.pose_distances`.
    course: the flow over the driver; None for a model without one, as are those below.
    better: the initial frame from which least folds, and the course from there.
    gain:   the largest gain that stays whole; None where none does. For relative motion. ``asked``: now.
    rested: whether the motion counts from a pose at rest of its own, and so from no initial frame.
    """

    face: FaceRegion
    faces: int
    number: int
    view: DrivingView | None
    seen: Sequence[bool] | None
    still: bool
    one_pose: bool
    relative: bool
    first: int
    begins: int
    nearest: int
    apart: Mapping[int, float]
    course: Course | None = None
    better: tuple[int, Course] | None = None
    gain: float | None = None
    asked: float = 1.0
    rested: bool = False

    @property
    def counts_from(self) -> int | None:
        """The frame from which the motion counts; None where it counts from none."""
        return self.first if self.relative and not self.rested else None


def findings_of(measured: Measured, further: Sequence[Finding] = ()) -> tuple[Finding, ...]:
    """The verdict, with ``further`` sentences; warnings come first. One sentence where nothing speaks against it."""
    found = [
        *_sizes(measured),
        *_sight(measured),
        *_movement(measured),
        *_start(measured),
        *further,
        *_faces(measured),
        *_gain(measured),
    ]
    if not any(finding.warns for finding in found):
        found.insert(0, Finding("fine", False, "Nothing speaks against this pair."))
    return tuple(sorted(found, key=lambda finding: not finding.warns))


def _sizes(measured: Measured) -> Iterator[Finding]:
    """Faces that are too small to be read."""
    x0, y0, x1, y1 = measured.face.box_px
    view = measured.view
    sizes = (
        ("source_small", "The picture's face", max(x1 - x0, y1 - y0), SOURCE_PX, "Take a larger picture"),
        ("driver_small", "The driver's face", view and view.face_px, DRIVER_PX, "Take a closer driver"),
    )
    for name, whose, side, least, advice in sizes:
        if side is not None and side < least:
            text = f"{whose} is {side:.0f} pixels large; below {least} the model misses its features. {advice}."
            yield Finding(name, True, text, figures={"face_px": side, "limit_px": least})


def _sight(measured: Measured) -> Iterator[Finding]:
    """A driver that is nowhere, for a while, or stands still, at rest or in one pose."""
    if measured.view is not None and measured.view.looked and measured.view.seen is None:
        text = "No face was found in the driver, so its whole frames drive. Take a driver with a visible face."
        yield Finding("driver_not_found", True, text)
    if measured.seen is not None and not all(measured.seen):
        gone = ranges(frame for frame, here in enumerate(measured.seen) if not here)
        share = 1 - float(np.mean(measured.seen))
        text = (
            f"The driver's face is missing in {frames_text(gone)} ({100 * share:.0f} % of them): the result stands "
            "still before it comes and after it goes, and may be torn between. Use a part of the driver that shows it "
            "(`--start`, `--duration`)."
        )
        yield Finding("driver_missing", True, text, gone, {"share": share})
    if measured.still and measured.relative:
        same = "the same, so nothing moves; absolute motion takes its pose"
        which = "its pose at rest, so nothing moves" if measured.rested else same
        yield Finding("driver_still", True, f"All frames of the driver are {which}.")
    elif measured.one_pose:
        yield Finding("driver_still", False, "All frames of the driver are the same, so one pose is held.")


def _movement(measured: Measured) -> Iterator[Finding]:
    """Where the driver goes further than the model follows."""
    course = measured.course
    if course is None:
        return
    far = course.turned > TURNS
    if far.any():
        parts = course.parts(far)
        worst = float(course.turned.max())
        text = (
            f"The driver turns or moves too far in {frames_text(parts)}: {worst / TURNS:.1f} times what the model "
            "follows. The face is blurred or torn there. Leave these frames out (`--start`, `--duration`), calm the "
            "head (`--head_gain 0.6`), or take a calmer driver."
        )
        yield Finding("turned_too_far", True, text, parts, {"turned": worst, "limit": TURNS})
    bent = course.folded > FOLDS
    if bent.any():
        parts = course.parts(bent)
        text = (
            f"The flow folds in {frames_text(parts)}, by up to {percent(course.worst)} of the face; from "
            f"{percent(FOLDS)} on the face or its outline may be bent or doubled."
        )
        yield Finding("folds", True, text, parts, {"folded": course.worst, "limit": FOLDS})


def _start(measured: Measured) -> Iterator[Finding]:
    """The initial frame: whether the first one would do, and which is better."""
    if measured.counts_from is None or measured.still:
        return
    begins, nearest, apart = measured.begins, measured.nearest, measured.apart
    if apart[begins] - apart[nearest] > UNLIKE:
        text = (
            f"The driver's first frame ({begins}) is not in the source's pose: {apart[begins]:.2f} from it, where "
            f"frame {nearest} is {apart[nearest]:.2f}. Motion that counts from there carries the difference along: "
            f"choose the initial frame {nearest} or medoid (`--initial_frame {nearest}`), not first."
        )
        figures = {"apart": apart[begins], "nearest": apart[nearest], "limit": apart[nearest] + UNLIKE}
        yield Finding("first_frame_unlike", measured.first == begins, text, ((begins, begins),), figures)
    if measured.course is None or measured.better is None:
        return
    frame, course = measured.better
    if frame != measured.first and measured.course.worst > FOLDS and course.usual <= FEWER * measured.course.usual:
        text = (
            f"A better initial frame is {frame}: {percent(course.usual)} of the flow folds from there on average, and "
            f"{percent(measured.course.usual)} from frame {measured.first}. `--initial_frame {frame}` takes it."
        )
        figures = {"folded": course.usual, "folded_now": measured.course.usual, "initial_frame": measured.first}
        yield Finding("better_initial_frame", True, text, ((frame, frame),), figures)


def _faces(measured: Measured) -> Iterator[Finding]:
    """Which face it is about, where there are several."""
    if measured.faces > 1:
        text = (
            f"The picture shows {measured.faces} faces to choose from; this is about number {measured.number} from the "
            f"left of all that `fom faces` finds. Another can be chosen (`--faces {1 if measured.number != 1 else 2}`)."
        )
        yield Finding("several_faces", False, text, figures={"faces": measured.faces, "number": measured.number})
    view = measured.view
    if view is not None and view.faces > 1:
        text = (
            f"The driver shows {view.faces} faces where it begins; the largest drives, unless another is chosen "
            "(`--driving_face 2`)."
        )
        yield Finding("several_drivers", False, text, figures={"faces": view.faces})


def _gain(measured: Measured) -> Iterator[Finding]:
    """How far the movement may be exaggerated, or has to be calmed."""
    if measured.course is None or not measured.relative or measured.still:
        return
    gain = measured.gain
    if gain is None:
        text = f"More than {percent(FOLDS)} folds even at a gain of {GAINS[0]}: take another driver or initial frame."
        yield Finding("gain", True, text)
        return
    most = "at least " * (gain == GAINS[-1])
    text = f"The largest gain (`--gain`) at which no more than {percent(FOLDS)} folds is {most}{gain:g}."
    yield Finding("gain", gain < measured.asked, text, figures={"gain": gain})


def ranges(numbers: Iterator[int]) -> tuple[Frames, ...]:
    """Numbers that follow one another as first and last ones."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return tuple((first, last) for first, last in parts)


def frames_text(parts: Sequence[Frames]) -> str:
    """``frames 3-9 and 20``; of many parts the first ones."""
    shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in parts[:SHOWN]]
    rest = len(parts) - len(shown)
    if rest:
        shown.append(f"{rest} more parts" if rest > 1 else "another part")
    one = len(parts) == 1 and parts[0][0] == parts[0][1]
    return f"frame{'s' * (not one)} " + (", ".join(shown[:-1]) + f" and {shown[-1]}" if len(shown) > 1 else shown[0])


def percent(share: float) -> str:
    """A share in hundredths, with two digits."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
