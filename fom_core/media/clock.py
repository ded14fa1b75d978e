"""When stored frames are shown, and the constant rate at which none of them is lost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

LIP_SYNC_S = 0.04  # sound and picture further apart than this are noticed (EBU R37)
HASTE_S, UNHURRIED_S = Fraction(1, 100), Fraction(1, 10)  # viewers take delays of up to this as that
_SLOWEST, _FASTEST = 12.5, 120  # frames a second made of a variable rate; half a frame of the slowest is in step
_NTSC = tuple(Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120))
_USUAL = (*_NTSC, *map(Fraction, (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)))
_SHARES = (50, 25, 10, 2)  # of the steps between frames, in percent, that may be shorter than the rate's
_ALIKE = (4, 16)  # steps that differ by this part are of one rate: a jittery one, or one of several


@dataclass(frozen=True)
class Clock:
    """The constant rate that stands for the times of the stored frames.

    rate:  frames a second.
    slots: (N,) the frame of the constant rate from which on each stored one is shown; equal for those left out.
    kept:  every stored frame is shown, as late as 40 ms at most; else some give way to the next.
    """

    rate: Fraction
    slots: np.ndarray
    kept: bool = True

    @property
    def constant(self) -> bool:
        """Whether the frames can be shown as they are stored, one after the other."""
        return self.kept and int(self.slots[-1]) == len(self.slots) - 1

    @property
    def frame_count(self) -> int:
        return int(self.slots[-1]) + 1

    def retiming(self, unhurried: bool) -> str:
        """ffmpeg's filters that do the same to frames as they are decoded; ``unhurried`` as :func:`unhurry`."""
        times = "PTS-STARTPTS"
        if unhurried:
            step = f"if(lte((PTS-PREV_INPTS)*TB,{float(HASTE_S)}+1e-6),{float(UNHURRIED_S)}/TB,PTS-PREV_INPTS)"
            times = f"if(eq(N,0),0,PREV_OUTPTS+{step})"
        filters = [f"setpts='{times}'", f"settb=expr={self.rate.denominator}/{self.rate.numerator}"]
        if self.kept:
            filters.append("setpts='if(isnan(PREV_OUTPTS),PTS,max(PTS,PREV_OUTPTS+1))'")
        return ",".join([*filters, f"fps={self.rate}"])


def unhurry(times: np.ndarray, tick: Fraction) -> np.ndarray:
    """The times of an animated picture as viewers have them: delays of 1/100 s or none are a mistake, and 1/10 s."""
    steps = np.diff(times)
    hasty = steps * float(tick) <= float(HASTE_S) + 1e-6
    return np.concatenate([times[:1], times[0] + np.cumsum(np.where(hasty, round(UNHURRIED_S / tick), steps))])


def clock_of(times: np.ndarray, tick: Fraction, hints: Sequence[Fraction], usual: Fraction) -> Clock:
    """The clock of frames shown at these sorted times, in ticks of so many seconds.

    hints: rates that the file declares; usual: the rate of a single frame without any.

    A steady course has the declared rate, else its average. Any other has the rate of its usual step, so that pauses
    are filled with repeats, or a finer one where frames would come late: of several rates the highest that lasts.
    """
    steady = _average_rate(times, tick, hints, usual)
    ideal = (times - times[0]) * float(tick)
    late = ideal - np.arange(len(times)) / float(steady)
    if np.abs(late).max() <= max(LIP_SYNC_S, 0.5 / float(steady)):
        return Clock(steady, np.arange(len(times)))
    finest = Fraction(_FASTEST)
    for rate in _usual_rates(np.diff(ideal), float(tick), hints):
        slots = _near(ideal, rate)
        slots = np.arange(len(slots)) + np.maximum.accumulate(slots - np.arange(len(slots)))
        if (slots / float(rate) - ideal).max() <= LIP_SYNC_S + 1e-9:
            return Clock(rate, slots)
        finest = rate
    return Clock(finest, _near(ideal, finest), kept=False)


def nominal_rate(printed: float) -> Fraction:
    """The rate meant by a rounded one: 29.97 is 30000/1001."""
    for rate in _NTSC:
        if abs(float(rate) - printed) < 0.006:
            return rate
    return Fraction(printed).limit_denominator(1001)


def _average_rate(times: np.ndarray, tick: Fraction, hints: Sequence[Fraction], usual: Fraction) -> Fraction:
    """The declared rate if the timestamps agree with it, else their average."""
    span = int(times[-1] - times[0]) * tick
    if span == 0:
        return hints[0] if hints else usual
    for hint in hints:
        if abs((len(times) - 1) / hint - span) <= tick:
            return hint
    return ((len(times) - 1) / span).limit_denominator(1001)


def _usual_rates(steps: np.ndarray, tick: float, hints: Sequence[Fraction]) -> Iterator[Fraction]:
    """Rates by the step that half of all are as long as, and then by shorter ones."""
    steps = steps[steps > 0]
    for part, share in product(_ALIKE, _SHARES):
        step = np.percentile(steps, share)
        alike = steps[np.abs(steps - step) <= max(step / part, tick)]
        exact = 1 / float(alike.mean() if len(alike) else step)  # between steps that are far apart
        meant = min((*hints, *_USUAL), key=lambda rate: abs(float(rate) - exact))
        measured = Fraction(exact).limit_denominator(1001)
        for rate in (meant, measured) if abs(float(meant) / exact - 1) < 0.01 else (measured,):
            if (quick := rate * math.ceil(_SLOWEST / float(rate))) <= _FASTEST:
                yield quick


def _near(seconds: np.ndarray, rate: Fraction) -> np.ndarray:
    return np.floor(seconds * float(rate) + 0.5 + 1e-9).astype(np.int64)
