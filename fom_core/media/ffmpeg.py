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
from .process import Ending, Ffmpeg
from .tracks import by_choice, tracks_of

DEFAULT_FPS = Fraction(25)  # of sources that have no rate of their own: folders and single pictures
_NO_TIME = -(2**63)  # ffmpeg's timestamp of a packet that has none
_PACKET = re.compile(rb"0, *(-?\d{1,18}|-9223372036854775808), *(-?\d{1,18}|-9223372036854775808),")
# Containers and bare streams that hold their pictures themselves. Left out are the formats that name other files, such
# as concat and hls: a file from a stranger opens nothing but itself.
_FORMATS = (
    "mov,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,m4v,flv,asf,ogg,mxf,nut,ivf,h264,hevc,obu,av1,rm,wtv,dv,apng,"
    "webp_pipe,yuv4mpegpipe,mjpeg,wav,mp3,aac,flac"
)
_ANY_SIZE = 2**31 - 1


def run_ffmpeg(*arguments: str) -> tuple[str, Ending]:
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
class Scan:
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


def scan_chosen(path: Path, max_pixels: int) -> Scan:
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


def frames_in(path: Path) -> int:
    """How many frames a video of one track holds, by its packets. Raises MediaError where ffmpeg dies."""
    scan = _scan(path, "V:0", _ANY_SIZE)
    return len(scan.times) + scan.early


def _scan(path: Path, track: str, max_pixels: int) -> Scan:
    packets = ["-map", f"0:{track}", "-c", "copy", "-f", "framecrc", "pipe:1"]
    first_frame = ["-map", f"0:{track}", "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "null", "-"]
    process = Ffmpeg("-v", "level+info", *input_of(path, max_pixels), *packets, *first_frame, read=True)
    try:
        times, tick, early, length = _read_table(process.lines())
        ending = process.end()
    finally:
        process.kill()
    if ending.died or (not ending.status and ending.size not in (None, length)):
        raise broken(f"looking through {path}", ending)
    return Scan(times, tick, early, ending)


def _read_table(lines: Iterator[bytes]) -> tuple[np.ndarray, Fraction, int, int]:
    """Times, tick and number of early packets of ffmpeg's list, of which 16 bytes each are kept, and its length."""
    shown, decoded, tick = array("q"), array("q"), Fraction(1)
    length = 0
    for line in lines:
        length += len(line)
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
    return np.sort(times), tick, len(shown) - len(times), length
