"""What ffmpeg says about a video, and how it is told to open one.

There is no ffprobe beside it. One run of ffmpeg tells everything instead: the packet table of the video (exact
timestamps, without decoding), the delivered size of the first decoded frame, and the streams of the file.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import MediaError
from .clock import Clock, clock_of, nominal_rate, unhurry
from .limits import require_modest
from .process import Ending, Ffmpeg
from .tracks import Track, by_choice, sound_track, tracks_of

DEFAULT_FPS = Fraction(25)  # of sources that have no rate of their own: folders and single pictures
_REORDERED = 16  # frames at most stand between where a frame is stored and where it is shown
_NO_TIME = -(2**63)  # ffmpeg's timestamp of a packet that has none
_PACKET = re.compile(rb"0, *(-?\d{1,18}|-9223372036854775808), *(-?\d{1,18}|-9223372036854775808),")
# Containers and bare streams that hold their pictures themselves. Left out are the formats that name other files, such
# as concat and hls: a file from a stranger opens nothing but itself.
_FORMATS = (
    "mov,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,m4v,flv,asf,ogg,mxf,nut,ivf,h264,hevc,obu,av1,rm,wtv,dv,apng,"
    "webp_pipe,yuv4mpegpipe,mjpeg,wav,mp3,aac,flac"
)
_ANY_SIZE = 2**31 - 1
_SQUARE = 0.01  # pixels that are less than this off the square are taken as square: rounding makes such
_ASPECTS = (0.25, 4.0)  # of pixels; others are mistakes
_ANIMATED = ("gif", "apng")  # pictures, whose frames viewers show at their own pace


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


def run(*arguments: str) -> tuple[str, Ending]:
    """What ffmpeg prints, and how it ended."""
    process = Ffmpeg(*arguments, read=True)
    try:
        printed = process.rest(1 << 20)
        return printed.decode("utf-8", "replace"), process.end()
    finally:
        process.kill()


def input_of(path: Path, max_pixels: int = _ANY_SIZE) -> list[str]:
    """Arguments that open a local file and nothing else, whatever its name or content looks like.

    max_pixels: of a frame; ffmpeg refuses larger ones before it takes memory for them.
    """
    limit = ["-max_pixels", str(min(max_pixels, _ANY_SIZE))]
    return [*limit, "-protocol_whitelist", "file", "-format_whitelist", _FORMATS, "-i", f"file:{path}"]


def probe(path: Path, max_pixels: int) -> VideoFacts:
    """Read the facts of a video file. Raises MediaError when it is none, holds no frame or too large ones."""
    scan = _scan_chosen(path, max_pixels)
    declared = scan.declared
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
    require_modest(path, *size, max_pixels)
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


def of_pictures(said: str, sound_decoders: frozenset[str]) -> str:
    """What ffmpeg said, without the words of the sound's decoders: they speak even where no sound is asked for."""
    kept, ours = [], True
    for line in said.splitlines():
        if "Last message repeated" not in line:  # these go with the line before
            speaker = re.match(r"\[(?:dec:)?([\w#:./]+)", line)
            ours = speaker is None or not (speaker[1] in sound_decoders or speaker[1].startswith("aist#"))
        if ours:
            kept.append(line)
    return "\n".join(kept)


def broken(doing: str, ending: Ending) -> MediaError:
    """The error for an ffmpeg that failed by itself, not by the file it was given."""
    return MediaError(
        f"ffmpeg failed while {doing}: {ending.reason}. Try again with more memory free, or name another ffmpeg in the "
        "environment variable IMAGEIO_FFMPEG_EXE."
    )


@dataclass(frozen=True)
class _Scan:
    """What one look through a track found.

    times: sorted presentation times of its frames in ticks; tick: their unit in seconds.
    early: how many packets came before zero.
    """

    times: np.ndarray
    tick: Fraction
    early: int
    ending: Ending

    @property
    def report(self) -> str:
        return self.ending.said

    @property
    def declared(self) -> str:
        return self.report.split("Stream mapping:")[0].split("Output #")[0]

    @property
    def track(self) -> int:
        mapped = re.search(r"Stream #0:(\d+) -> #0:0 \(copy\)", self.report)
        return int(mapped[1]) if mapped else -1

    @property
    def delivered(self) -> re.Match[str] | None:
        """Width, height and the pixels' aspect of the first decoded frame."""
        frame = r"Output #1.*?Video: wrapped_avframe.*?, (\d+)x(\d+)(?: \[SAR (\d+):(\d+) DAR [\d:]+\])?[ ,\n]"
        return re.search(frame, self.report, re.DOTALL)


def _scan_chosen(path: Path, max_pixels: int) -> _Scan:
    """Look through the track that a player shows; one of a single frame is a cover where there are others."""
    first = _scan(path, "V:0", max_pixels)
    chosen = by_choice(tracks_of(first.declared))
    if len(chosen) < 2:
        return first
    scans = []
    for track in chosen:
        scans.append(first if first.track == track.number else _scan(path, str(track.number), max_pixels))
        if scans[-1].delivered is not None and len(scans[-1].times) > 1:
            return scans[-1]
    return next((scan for scan in scans if scan.delivered is not None), first)


def _scan(path: Path, track: str, max_pixels: int) -> _Scan:
    packets = ["-map", f"0:{track}", "-c", "copy", "-f", "framecrc", "pipe:1"]
    first_frame = ["-map", f"0:{track}", "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "null", "-"]
    process = Ffmpeg("-v", "level+info", *input_of(path, max_pixels), *packets, *first_frame, read=True)
    try:
        times, tick, early = _read_table(process.lines())
        ending = process.end()
    finally:
        process.kill()
    if ending.died or (not ending.status and ending.frames != len(times) + early):
        raise broken(f"looking through {path}", ending)
    return _Scan(times, tick, early, ending)


def _read_table(lines: Iterator[bytes]) -> tuple[np.ndarray, Fraction, int]:
    """Times, tick and number of early packets of ffmpeg's list: 16 bytes are kept of each."""
    shown, decoded, tick = array("q"), array("q"), Fraction(1)
    for line in lines:
        if packet := _PACKET.match(line):
            decoded.append(int(packet[1]))
            shown.append(int(packet[2]))
        elif unit := re.match(rb"#tb 0: (\d+)/(\d+)", line):
            tick = Fraction(int(unit[1]), int(unit[2]))
    times = np.array(shown, np.int64)
    if _NO_TIME not in times:
        times = times[times >= 0]  # packets before zero only prepare the decoder
    elif _NO_TIME not in (ordered := np.array(decoded, np.int64)):
        times = ordered
    else:
        times, tick = np.arange(len(shown)), 1 / DEFAULT_FPS
    return np.sort(times), tick, len(shown) - len(times)


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
        require_modest(path, int(height), int(width), max_pixels)


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
