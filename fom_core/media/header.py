"""The size that a picture file declares, read from its first bytes without decoding anything.

For every format that OpenCV reads. Where a file tells its size in several places, the largest counts.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

_MISSING = 1 << 24  # bytes of a piece that may be cut off: OpenCV takes memory for all that it declares
_ENDING = 1 << 12  # bytes in which a file's end is looked for: some have more behind it
_TEXT_BYTES = 1 << 16  # in which a header made of words has its size
_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"  # comments stand between the numbers of a PNM header
_NUMBER = rb"(\d{1,9})(?=[\s#])"  # whole: what follows is there
_PNM = re.compile(rb"P[1-6]" + _GAP + _NUMBER + _GAP + _NUMBER)
_PFM = re.compile(rb"P[Ff]\s+" + _NUMBER + rb"\s+" + _NUMBER)
_HDR = re.compile(rb"-Y\s+" + _NUMBER + rb"\s+\+X\s+" + _NUMBER)
_EXR = re.compile(rb"dataWindow\0box2i\0\x10\0\0\0(.{16})", re.DOTALL)
_TIFF_SIDES = {256: "width", 257: "height", 322: "width", 323: "height"}  # of the picture, and of a tile
_TIFF_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}  # markers of JPEG that no segment follows
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of JPEG that tell the size


def declared_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) by the header; None for what is no picture, or one whose header is damaged."""
    for signature, read in _FORMATS:
        if re.match(signature, data, re.DOTALL):
            try:
                sizes = list(read(data))
            except (struct.error, ValueError):
                return None
            return (max(side[0] for side in sizes), max(side[1] for side in sizes)) if sizes else None
    return None


def lacks_end(data: bytes) -> bool:
    """Whether a JPEG, PNG or WebP lacks its end."""
    if data.startswith(b"\xff\xd8\xff"):
        return b"\xff\xd9" not in data[-_ENDING:]
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" not in data[-_ENDING:]
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) < int.from_bytes(data[4:8], "little")


def _png(data: bytes) -> Iterator[tuple[int, int]]:
    if data[12:16] == b"IHDR":
        width, height = struct.unpack_from(">II", data, 16)
        yield height, width
    at = 8
    while at + 4 <= len(data):
        length = struct.unpack_from(">I", data, at)[0]
        if length > len(data) + _MISSING:
            raise ValueError(f"a piece of {length} bytes")
        at += 12 + length


def _jpeg(data: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    while (at := data.find(b"\xff", at)) >= 0:
        marker = data[at + 1] if at + 1 < len(data) else 0xD9
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            yield height, width
            return
        if marker in (0xD9, 0xDA):  # the end, or the pixels
            return
        at += 1
        if marker not in _WITHOUT_LENGTH and marker not in (0x00, 0xFF):
            at += 1 + struct.unpack_from(">H", data, at + 1)[0]


def _webp(data: bytes) -> Iterator[tuple[int, int]]:
    kind = data[12:16]
    if kind == b"VP8X":
        width, width_high, height, height_high = struct.unpack_from("<HBHB", data, 24)
        yield height + (height_high << 16) + 1, width + (width_high << 16) + 1
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        yield (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        yield height & 0x3FFF, width & 0x3FFF


def _bmp(data: bytes) -> Iterator[tuple[int, int]]:
    old = struct.unpack_from("<I", data, 14)[0] == 12
    width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
    yield abs(height), abs(width)


def _gif(data: bytes) -> Iterator[tuple[int, int]]:
    width, height = struct.unpack_from("<HH", data, 6)
    yield height, width


def _pnm(data: bytes) -> Iterator[tuple[int, int]]:
    for width, height in _at_start(_PNM, data) or _at_start(_PFM, data):
        yield height, width


def _pam(data: bytes) -> Iterator[tuple[int, int]]:
    head = data[:_TEXT_BYTES].partition(b"ENDHDR")[0]
    widths, heights = (
        [int(found) for found in re.findall(rb"^\s*" + name + rb"\s+" + _NUMBER, head, re.MULTILINE | re.IGNORECASE)]
        for name in (b"WIDTH", b"HEIGHT")
    )
    if widths and heights:
        yield max(heights), max(widths)


def _hdr(data: bytes) -> Iterator[tuple[int, int]]:
    for found in _HDR.finditer(data[:_TEXT_BYTES]):
        yield int(found[1]), int(found[2])


def _raster(data: bytes) -> Iterator[tuple[int, int]]:
    width, height = struct.unpack_from(">II", data, 4)
    yield height, width


def _exr(data: bytes) -> Iterator[tuple[int, int]]:
    for found in _EXR.finditer(data[:_TEXT_BYTES]):
        left, top, right, bottom = struct.unpack("<4i", found[1])
        yield bottom - top + 1, right - left + 1


def _tiff(data: bytes) -> Iterator[tuple[int, int]]:
    order = "<" if data[:1] == b"I" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0]
    at += 8 if big else 2
    step, value = (20, 12) if big else (12, 8)
    sides = {"width": 0, "height": 0}
    for entry in range(at, at + min(count, 0xFFFF) * step, step):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in _TIFF_SIDES and kind in _TIFF_NUMBERS:
            number = struct.unpack_from(order + _TIFF_NUMBERS[kind], data, entry + value)[0]
            sides[_TIFF_SIDES[tag]] = max(number, sides[_TIFF_SIDES[tag]])
    if all(sides.values()):
        yield sides["height"], sides["width"]


def _jpeg2000(data: bytes) -> Iterator[tuple[int, int]]:
    streams = [0] if data[:4] == b"\xff\x4f\xff\x51" else [start for kind, start, _ in _boxes(data) if kind == b"jp2c"]
    for start in streams:
        right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
        yield bottom - top, right - left


def _avif(data: bytes) -> Iterator[tuple[int, int]]:
    for kind, start, stop in _boxes(data):
        if kind == b"meta":
            for found in re.finditer(rb"ispe.{4}(.{8})", data[start:stop], re.DOTALL):
                width, height = struct.unpack(">II", found[1])
                yield height, width


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and stop of the contents of every box at the top of the file."""
    at = 0
    while at + 8 <= len(data):
        length, head = int.from_bytes(data[at : at + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        stop = at + length if length else len(data)
        if stop < at + head:
            return
        yield data[at + 4 : at + 8], at + head, stop
        at = stop


def _at_start(pattern: re.Pattern[bytes], data: bytes) -> list[tuple[int, int]]:
    found = pattern.match(data[:_TEXT_BYTES])
    return [(int(found[1]), int(found[2]))] if found else []


_FORMATS: tuple[tuple[bytes, Callable[[bytes], Iterator[tuple[int, int]]]], ...] = (
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"\xff\xd8\xff", _jpeg),
    (rb"RIFF.{4}WEBP", _webp),
    (rb"BM", _bmp),
    (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", _tiff),
    (rb"GIF8[79]a", _gif),
    (rb"P7\s", _pam),
    (rb"P[1-6Ff]", _pnm),
    (rb"#\?", _hdr),
    (rb"\x59\xa6\x6a\x95", _raster),
    (rb"\x76\x2f\x31\x01", _exr),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", _jpeg2000),
    (rb".{4}ftyp", _avif),
)
