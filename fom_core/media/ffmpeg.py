"""The ffmpeg program: how it is started, and what it says about a video.

There is no ffprobe beside it. One run of ffmpeg tells everything instead: the packet table of the video (exact
timestamps, without decoding), the delivered size of the first decoded frame, and the streams of the file.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from .program import environment, executable

DEFAULT_FPS = Fraction(25)  # of sources that have no rate of their own: folders and single pictures
_NTSC = tuple(Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120))
_REORDERED = 16  # frames at most stand between where a frame is stored and where it is shown
_NO_TIME = -(2**63)  # ffmpeg's timestamp of a packet that has none
# Containers and bare streams that hold their pictures themselves. Left out are the formats that name other files, such
# as concat and hls: a file from a stranger opens nothing but itself.
_FORMATS = (
    "mov,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,m4v,flv,asf,ogg,mxf,nut,ivf,h264,hevc,obu,av1,rm,wtv,dv,apng,"
    "webp_pipe,yuv4mpegpipe,mjpeg,wav,mp3,aac,flac"
)
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
    """

    size: tuple[int, int]
    rate: Fraction
    frame_count: int
    promised_count: int
    damaged: bool
    constant_rate: bool
    start_s: float
    audio_codec: str | None


def start(*arguments: str, **pipes: Any) -> subprocess.Popen[bytes]:
    """Start ffmpeg quietly in a process group of its own, so that Ctrl-C reaches Python alone and we end it."""
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        apart = {"creationflags": 0x200}  # CREATE_NEW_PROCESS_GROUP
    command = [executable(), "-hide_banner", "-nostdin", *arguments]
    return subprocess.Popen[bytes](command, env=environment(), **pipes, **apart)


def input_of(path: Path) -> list[str]:
    """Arguments that open a local file and nothing else, whatever its name or content looks like."""
    return ["-protocol_whitelist", "file", "-format_whitelist", _FORMATS, "-i", f"file:{path}"]


def probe(path: Path) -> VideoFacts:
    """Read the facts of a video file. Raises MediaError when it is none or holds no frame."""
    table, report = _scan(path)
    delivered = re.search(r"Output #1.*?Video: wrapped_avframe.*?, (\d+)x(\d+)[ ,\n]", report, re.DOTALL)
    declared = report.split("Stream mapping:")[0].split("Output #")[0]
    damaged = "[error]" in report
    pts, tick = _timestamps(table)
    if damaged:
        pts = _before_the_gap(pts)
    if delivered is None or not len(pts):
        raise MediaError(_explain(path, declared, report))
    hints = {nominal_rate(float(rate)) for rate in re.findall(r" ([\d.]+) (?:fps|tbr)", declared)} - {Fraction(0)}
    rate = _frame_rate(pts, tick, sorted(hints, key=lambda hint: hint.denominator))
    audio = re.search(r"Stream #0:.*?Audio: (\w+)", declared)
    promised = re.search(r"Duration: (\d+):(\d+):([\d.]+)", declared)
    length_s = 3600 * int(promised[1]) + 60 * int(promised[2]) + float(promised[3]) if promised else 0.0
    return VideoFacts(
        size=(int(delivered[2]), int(delivered[1])),
        rate=rate,
        frame_count=len(pts),
        promised_count=max(len(pts), round(length_s * rate)),
        damaged=damaged,
        constant_rate=_is_constant(pts, tick, rate),
        start_s=max(0.0, float(pts[0] * tick)),
        audio_codec=audio[1] if audio else None,
    )


def first_complaint(report: str) -> str:
    """The line of ffmpeg's error output that came first, without its memory addresses."""
    lines = [re.sub(r"^(\[[^\]]*\] )+", "", line).strip() for line in report.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"


def _scan(path: Path) -> tuple[str, str]:
    packets = ["-map", "0:V:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    first_frame = ["-map", "0:V:0", "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "null", "-"]
    process = start(
        "-v", "level+info", *input_of(path), *packets, *first_frame, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        try:
            table, report = process.communicate()
        except BaseException:
            process.kill()
            raise
    return table.decode("utf-8", "replace"), report.decode("utf-8", "replace")


def _timestamps(table: str) -> tuple[np.ndarray, Fraction]:
    """Sorted presentation times of the frames in ticks, and the tick in seconds."""
    unit = re.search(r"^#tb 0: (\d+)/(\d+)", table, re.MULTILINE)
    tick = Fraction(int(unit[1]), int(unit[2])) if unit else Fraction(1)
    rows = [line.split(",") for line in table.splitlines() if line.startswith("0,")]
    shown, decoded = [int(row[2]) for row in rows], [int(row[1]) for row in rows]
    if _NO_TIME not in shown:
        times = [time for time in shown if time >= 0]  # packets before zero only prepare the decoder
    elif _NO_TIME not in decoded:
        times = decoded
    else:
        times, tick = list(range(len(rows))), 1 / DEFAULT_FPS
    return np.sort(np.array(times, np.int64)), tick


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


def _explain(path: Path, declared: str, report: str) -> str:
    if "Input #0" not in declared:
        with path.open("rb") as file:
            unfinished = b"ftyp" in file.read(12) and "moov atom not found" in report
        cause = "its index is missing, so it is incomplete" if unfinished else "it is no video"
        return f"{path} cannot be opened as a video ({cause}). Copy or download it again, or convert it to MP4."
    if not re.search(r"Stream #0:.*?Video:", declared):
        return f"{path} holds no pictures, only sound or other data. Give a video file."
    return f"{path} is a video without a single readable frame. Copy or download it again."
