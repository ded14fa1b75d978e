"""What is known about a video before its frames are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import MediaError
from .clock import Clock, clock_of, nominal_rate, unhurry
from .colour import curve_of_video, warn_of_hdr
from .ffmpeg import DEFAULT_FPS, broken, of_pictures, scan_chosen
from .limits import FFMPEG_PIXELS, require_modest
from .process import Ending
from .tracks import Track, by_choice, sound_track, tracks_of

_SQUARE = 0.01  # pixels that are less than this off the square are taken as square: rounding makes such
_ASPECTS = (0.25, 4.0)  # of pixels; others are mistakes
_ANIMATED = ("gif", "apng")  # pictures, whose frames viewers show at their own pace
_RACING = {"theora", "vp3", "vp4"}  # one decoder; of ffmpeg 9.0 it gives wrong pictures now and then with frame threads
_REORDERED = 16  # frames at most stand between where a frame is stored and where it is shown


@dataclass(frozen=True)
class VideoFacts:
    """What is known about a video before its frames are read.

    track:          ffmpeg's number of the pictures' track.
    size:           height and width of the frames as delivered: rotation applied, pixels made square.
    stretched:      the pixels of the file are not square.
    clock:          the constant rate, and when the stored frames are shown at it.
    times_s:        (N,) when they are shown on the stream's own clock, on which its players seek.
    tick_s:         how finely that clock goes.
    promised_count: frames the file's header promises; more than ``frame_count`` in a truncated file.
    damaged:        ffmpeg met an error while looking through the file.
    start_s:        when the first frame is shown on the clock that begins with the file.
    unhurried:      delays between frames that nobody means are made those that viewers show.
    unthreaded:     its decoder in ffmpeg errs where it takes several frames at a time.
    sound:          the track of the sound, or None.
    sound_decoders: ffmpeg's names of all sound streams' codecs and decoders.
    """

    track: int
    size: tuple[int, int]
    stretched: bool
    clock: Clock
    times_s: np.ndarray
    tick_s: float
    promised_count: int
    damaged: bool
    start_s: float
    unhurried: bool
    unthreaded: bool
    sound: Track | None
    sound_decoders: frozenset[str]

    @property
    def frame_count(self) -> int:
        """Frames that can be read; exact but for damaged files."""
        return self.clock.frame_count

    @property
    def filters(self) -> list[str]:
        """ffmpeg's filters between the file's frames and those delivered."""
        scale = [f"scale={self.size[1]}:{self.size[0]},setsar=1"] if self.stretched else []
        return scale if self.clock.constant else [*scale, self.clock.retiming(self.unhurried)]

    def slot_at(self, moment_s: float) -> int:
        """Number of the first frame from a moment of the stream's own clock on, as ComfyUI trims videos."""
        stored = int(np.searchsorted(self.times_s, moment_s - self.tick_s + 2e-6))
        return int(self.clock.slots[stored]) if stored < len(self.times_s) else self.frame_count


def probe(path: Path, max_pixels: int) -> VideoFacts:
    """Read the facts of a video file. Raises MediaError when it is none, holds no frame or too large ones."""
    scan = scan_chosen(path, max_pixels)
    declared = scan.declared
    warn_of_hdr(path, curve_of_video(declared), "its frames are read without tone mapping, so colours look flat")
    tracks = tracks_of(declared)
    decoders = frozenset(name for track in tracks if track.kind == "Audio" for name in track.names)
    damaged = "[error]" in of_pictures(scan.report, decoders)
    tick = scan.tick
    pts = _before_the_gap(scan.times) if damaged else scan.times
    if scan.delivered is None or not len(pts):
        _refuse_large(path, scan.report, max_pixels)
        raise MediaError(_explain(path, declared, scan.ending))
    unhurried = declared.partition("Input #0, ")[2].startswith(_ANIMATED)
    hints = {nominal_rate(float(rate)) for rate in re.findall(r" ([\d.]+) (?:fps|tbr)", declared)} - {Fraction(0)}
    clock = clock_of(
        unhurry(pts, tick) if unhurried else pts, tick, sorted(hints, key=lambda hint: hint.denominator), DEFAULT_FPS
    )
    promised = re.search(r"Duration: (\d+):(\d+):([\d.]+)", declared)
    length_s = 3600 * int(promised[1]) + 60 * int(promised[2]) + float(promised[3]) if promised else 0.0
    begins = re.search(r"Duration: .*?, start: (-?[\d.]+)", declared)
    size = _square_pixels(scan.delivered)
    require_modest(path, *size, max_pixels, most=FFMPEG_PIXELS)
    return VideoFacts(
        track=scan.track,
        size=size,
        stretched=size != (int(scan.delivered[2]), int(scan.delivered[1])),
        clock=clock,
        times_s=pts * float(tick) + (float(begins[1]) if begins else 0.0),
        tick_s=float(tick),
        promised_count=max(clock.frame_count, round(length_s * clock.rate)),
        damaged=damaged,
        start_s=max(0.0, float(pts[0] * tick)),
        unhurried=unhurried,
        unthreaded=any(track.number == scan.track and _RACING.intersection(track.names) for track in tracks),
        sound=sound_track(tracks),
        sound_decoders=decoders,
    )


def _square_pixels(delivered: re.Match[str]) -> tuple[int, int]:
    """Height and width of a frame once its pixels are square; no side becomes shorter."""
    width, height = int(delivered[1]), int(delivered[2])
    aspect = int(delivered[3] or 1) / max(1, int(delivered[4] or 1))
    if not _ASPECTS[0] <= aspect <= _ASPECTS[1] or abs(aspect - 1) < _SQUARE:
        return height, width
    return (height, round(width * aspect)) if aspect > 1 else (round(height / aspect), width)


def _before_the_gap(pts: np.ndarray) -> np.ndarray:
    """Leave out what is shown after the frames that a cut took away.

    Frames are stored in another order than they are shown in, so the last ones stored need not be the last ones shown.
    """
    if len(pts) < 3:
        return pts
    steps = np.diff(pts)
    gaps = np.flatnonzero(steps[-_REORDERED:] > 1.5 * np.median(steps))
    return pts[: max(0, len(steps) - _REORDERED) + gaps[0] + 1] if len(gaps) else pts


def _refuse_large(path: Path, report: str, max_pixels: int) -> None:
    for width, height in re.findall(r"Picture size (\d+)x(\d+) (?:exceeds|is invalid)", report):
        require_modest(path, int(height), int(width), max_pixels, most=FFMPEG_PIXELS)


def _explain(path: Path, declared: str, ending: Ending) -> str:
    if "Input #0" not in declared:
        if not re.search("Error opening input|Invalid data found|moov atom not found|End of file", ending.said):
            return str(broken(f"opening {path}", ending))
        with path.open("rb") as file:
            unfinished = b"ftyp" in file.read(12) and "moov atom not found" in ending.said
        cause = "its index is missing, so it is incomplete" if unfinished else "it is no video"
        return f"{path} cannot be opened as a video ({cause}). Copy or download it again, or convert it to MP4."
    if not by_choice(tracks_of(declared)):
        return f"{path} holds no moving pictures, only sound, a cover or other data. Give a video file."
    return f"{path} is a video without a single readable frame. Copy or download it again."
