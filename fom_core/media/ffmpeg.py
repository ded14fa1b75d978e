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
from .colour import curve_of_video, warn_of_hdr
from .limits import require_modest
from .process import Ending, Ffmpeg

DEFAULT_FPS = Fraction(25)  # of sources that have no rate of their own: folders and single pictures
_NTSC = tuple(Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120))
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
LIP_SYNC_S = 0.04  # sound and picture further apart than this are noticed (EBU R37)


@dataclass(frozen=True)
class VideoFacts:
    """What is known about a video before its frames are read.

    size:           height and width of the frames as delivered, rotation applied.
    rate:           frames a second; the average for a variable rate.
    frame_count:    frames that can be read; exact but for damaged files and variable rates.
    promised_count: frames the file's header promises; more than ``frame_count`` in a truncated file.
    damaged:        ffmpeg met an error while looking through the file.
    constant_rate:  False if the frames must be spread anew to stay with the sound.
    start_s:        when the first frame is shown, on the file's clock.
    audio_codec:    ffmpeg's name of the first sound stream's codec, or None.
    sound_decoders: ffmpeg's names of all sound streams' codecs and decoders.
    """

    size: tuple[int, int]
    rate: Fraction
    frame_count: int
    promised_count: int
    damaged: bool
    constant_rate: bool
    start_s: float
    audio_codec: str | None
    sound_decoders: frozenset[str]


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
    table, ending = _scan(path, max_pixels)
    report = ending.said
    if ending.died or (not ending.status and ending.frames != len(table.times) + table.early):
        raise broken(f"looking through {path}", ending)
    delivered = re.search(r"Output #1.*?Video: wrapped_avframe.*?, (\d+)x(\d+)[ ,\n]", report, re.DOTALL)
    declared = report.split("Stream mapping:")[0].split("Output #")[0]
    warn_of_hdr(path, curve_of_video(declared), "its frames are read without tone mapping, so colours look flat")
    sound = re.findall(r"Stream #0:.*?Audio: (\w+)(?: \((\w+)\))?", declared)
    decoders = frozenset(name for names in sound for name in names if name)
    damaged = "[error]" in of_pictures(report, decoders)
    pts = _before_the_gap(table.times) if damaged else table.times
    if delivered is None or not len(pts):
        _refuse_large(path, report, max_pixels)
        raise MediaError(_explain(path, declared, ending))
    hints = {nominal_rate(float(rate)) for rate in re.findall(r" ([\d.]+) (?:fps|tbr)", declared)} - {Fraction(0)}
    rate = _frame_rate(pts, table.tick, sorted(hints, key=lambda hint: hint.denominator))
    promised = re.search(r"Duration: (\d+):(\d+):([\d.]+)", declared)
    length_s = 3600 * int(promised[1]) + 60 * int(promised[2]) + float(promised[3]) if promised else 0.0
    return VideoFacts(
        size=(int(delivered[2]), int(delivered[1])),
        rate=rate,
        frame_count=len(pts),
        promised_count=max(len(pts), round(length_s * rate)),
        damaged=damaged,
        constant_rate=_is_constant(pts, table.tick, rate),
        start_s=max(0.0, float(pts[0] * table.tick)),
        audio_codec=sound[0][0] if sound else None,
        sound_decoders=decoders,
    )


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
class _Table:
    """Sorted presentation times of frames in ticks; the tick in seconds; and how many packets came before zero."""

    times: np.ndarray
    tick: Fraction
    early: int


def _scan(path: Path, max_pixels: int) -> tuple[_Table, Ending]:
    packets = ["-map", "0:V:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    first_frame = ["-map", "0:V:0", "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "null", "-"]
    process = Ffmpeg("-v", "level+info", *input_of(path, max_pixels), *packets, *first_frame, read=True)
    try:
        table = _read_table(process.lines())
        return table, process.end()
    finally:
        process.kill()


def _read_table(lines: Iterator[bytes]) -> _Table:
    """Read ffmpeg's list of packets: 16 bytes are kept of each."""
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
    return _Table(np.sort(times), tick, len(shown) - len(times))


def _before_the_gap(pts: np.ndarray) -> np.ndarray:
    """Leave out what is shown after the frames that a cut took away.

    Frames are stored in another order than they are shown in, so the last ones stored need not be the last ones shown.
    """
    if len(pts) < 3:
        return pts
    steps = np.diff(pts)
    gaps = np.flatnonzero(steps[-_REORDERED:] > 1.5 * np.median(steps))
    return pts[: max(0, len(steps) - _REORDERED) + gaps[0] + 1] if len(gaps) else pts


def nominal_rate(printed: float) -> Fraction:
    """The rate meant by a rounded one: 29.97 is 30000/1001."""
    for rate in _NTSC:
        if abs(float(rate) - printed) < 0.006:
            return rate
    return Fraction(printed).limit_denominator(1001)


def _frame_rate(pts: np.ndarray, tick: Fraction, hints: list[Fraction]) -> Fraction:
    """The declared rate if the timestamps agree with it, else their average."""
    span = int(pts[-1] - pts[0]) * tick
    if span == 0:
        return hints[0] if hints else DEFAULT_FPS
    for hint in hints:
        if abs((len(pts) - 1) / hint - span) <= tick:
            return hint
    return ((len(pts) - 1) / span).limit_denominator(1001)


def _is_constant(pts: np.ndarray, tick: Fraction, rate: Fraction) -> bool:
    regular = np.arange(len(pts)) / float(rate)
    late = (pts - pts[0]) * float(tick) - regular
    return bool(np.abs(late).max() <= max(LIP_SYNC_S, 0.5 / float(rate)))


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
    if not re.search(r"Stream #0:.*?Video:", declared):
        return f"{path} holds no pictures, only sound or other data. Give a video file."
    return f"{path} is a video without a single readable frame. Copy or download it again."
