"""What a file is by its content: a still picture, an animated one, or what ffmpeg has to look into."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

Kind = Literal["still", "animation", "video", "heic"]

_HEAD = 64
VIDEO_HEAD = 192  # bytes that tell a video
_STILLS = re.compile(
    rb"\xff\xd8\xff|BM.{4}\0\0\0\0|II[\x2a\x2b]\0|MM\0[\x2a\x2b]|P[1-7Ff]\s|#\?(?:RADIANCE|RGBE)|\x59\xa6\x6a\x95|"
    rb"\x76\x2f\x31\x01|\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    re.DOTALL,
)
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"msf1", b"mif1"}
_STREAMS = {".mjpeg", ".mjpg"}  # begin like a single JPEG


def kind_of(path: Path, suffixes: frozenset[str]) -> Kind:
    """Look at the beginning of a file, whatever its name; what is unknown goes by its suffix, one of a still or not."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head.startswith(b"\x89PNG\r\n\x1a\n"):
                return "video" if _is_animated_png(file) else "still"
    except OSError:
        head = b""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "animation" if head[12:16] == b"VP8X" and head[20] & 2 else "still"
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12], path)
    if head.startswith(b"GIF8"):
        return "video"
    suffix = path.suffix.lower()
    if _STILLS.match(head) and suffix not in _STREAMS:
        return "still"
    return "still" if suffix in suffixes and not _is_container(head) else "video"


def _of_brand(brand: bytes, path: Path) -> Kind:
    """AVIF and HEIC hold one picture, or a sequence beside it, which then has an index as videos have."""
    if brand not in _HEIC | {b"avif", b"avis"}:
        return "video"
    with path.open("rb") as file:
        moving = b"moov" in _boxes(file)
    if moving:
        return "video"
    return "still" if brand in (b"avif", b"avis", b"mif1") else "heic"


def _boxes(file: BinaryIO) -> Iterator[bytes]:
    """Names of the boxes at the top of a file of the MP4 family."""
    end = file.seek(0, os.SEEK_END)
    at = 0
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:16], "big") if size == 1 else size
        yield head[4:8]
        if size < 8:
            return
        at += size


def _is_animated_png(file: BinaryIO) -> bool:
    """Whether the chunk that makes a PNG an animation comes before its pixels."""
    at = 8
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            return False
        if head[4:] == b"acTL":
            return True
        at += 12 + int.from_bytes(head[:4], "big")


def is_video_file(path: Path) -> bool:
    """Whether a file is surely a video, and no picture of any kind; not where it cannot be read."""
    with suppress(OSError), path.open("rb") as file:
        return is_video(file.read(VIDEO_HEAD))
    return False


def is_video(head: bytes) -> bool:
    """Whether a file that begins so, in its first :data:`VIDEO_HEAD` bytes, is surely a video."""
    box, brand = head[4:8], head[8:12]
    if box == b"ftyp":
        return len(brand) == 4 and brand not in _HEIC | {b"avif", b"avis", b"miaf", b"crx ", b"jp2 ", b"jpx "}
    streams = head.startswith((b"\0\0\1\xba", b"\x30\x26\xb2\x75")) or (head[:1] == b"G" and head[188:189] == b"G")
    return _is_container(head) or box in (b"moov", b"mdat", b"wide") or streams


def _is_container(head: bytes) -> bool:
    """Whether these are the first bytes of a usual video file."""
    return head[:4] in (b"\x1aE\xdf\xa3", b"FLV\x01", b"OggS") or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
