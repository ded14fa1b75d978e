"""What a pixel of a picture file takes in memory once it is decoded, read from the file's first bytes.

Formats that are not named here take four bytes at most: eight bits, and four channels.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from .limits import PIXEL_BYTES

_TEXT_BYTES = 1 << 16  # in which a header made of words says it
_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"
_PNM = re.compile(rb"P([2356])" + (_GAP + rb"\d{1,9}") * 2 + _GAP + rb"(\d{1,9})")
_EXR = re.compile(rb"channels\0chlist\0(.{4})", re.DOTALL)
_FLOAT = 4  # bytes of a number in EXR, HDR, PFM and LogLuv
_CHANNELS = 4  # that OpenCV takes from an EXR
_BITS, _COMPRESSION, _SAMPLES = 258, 259, 277  # tags of TIFF
_LOGLUV = 34676, 34677  # compressions of TIFF that come out as floats, whatever the bits say


def pixel_bytes(data: bytes) -> int:
    """Bytes of a decoded pixel by the header: PIXEL_BYTES, or more for deep pictures and for many channels."""
    for signature, read in _FORMATS:
        if re.match(signature, data, re.DOTALL):
            try:
                return max(PIXEL_BYTES, read(data))
            except (struct.error, IndexError, ValueError):  # a damaged header, which is told of elsewhere
                return PIXEL_BYTES
    return PIXEL_BYTES


def _png(data: bytes) -> int:
    depth, kind = data[24], data[25]
    channels = {0: 1, 2: 3, 4: 4}.get(kind, 4)  # grey with alpha becomes BGRA
    return channels * _whole(depth)


def _tiff(data: bytes) -> int:
    order = "<" if data[:1] == b"I" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0]
    at += 8 if big else 2
    step, room = (20, 8) if big else (12, 4)
    numbers = {_BITS: 1, _COMPRESSION: 1, _SAMPLES: 1}
    for entry in range(at, at + min(count, 0xFFFF) * step, step):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag not in numbers or kind != 3:
            continue
        many = struct.unpack_from(order + ("Q" if big else "I"), data, entry + 4)[0]
        value = entry + step - room
        if 2 * many > room:  # the numbers lie elsewhere, all alike in every known file
            value = struct.unpack_from(order + ("Q" if big else "I"), data, value)[0]
        numbers[tag] = max(numbers[tag], struct.unpack_from(order + "H", data, value)[0])
    return numbers[_SAMPLES] * (_FLOAT if numbers[_COMPRESSION] in _LOGLUV else _whole(numbers[_BITS]))


def _pnm(data: bytes) -> int:
    found = _PNM.match(data[:_TEXT_BYTES])
    if found is None:
        return PIXEL_BYTES
    return (3 if found[1] in (b"3", b"6") else 1) * (2 if int(found[2]) > 255 else 1)


def _pam(data: bytes) -> int:
    head = data[:_TEXT_BYTES].partition(b"ENDHDR")[0]
    depths, most = (re.findall(rb"^\s*" + name + rb"\s+(\d{1,9})", head, re.M | re.I) for name in (b"DEPTH", b"MAXVAL"))
    return max(map(int, depths)) * (2 if max(map(int, most)) > 255 else 1)


def _exr(data: bytes) -> int:
    found = _EXR.search(data[:_TEXT_BYTES])
    if found is None:
        return _CHANNELS * _FLOAT
    names = re.findall(
        rb"([^\0]+)\0.{16}", data[found.end() : found.end() + struct.unpack("<I", found[1])[0]], re.DOTALL
    )
    return _FLOAT * (1 if names == [b"Y"] else 3 if len(names) == 3 else _CHANNELS)


def _jpeg2000(data: bytes) -> int:
    """The channels, and the bits of the first of them, less one, stand behind the picture's and the tiles' corners."""
    at = data.index(b"\xff\x4f\xff\x51")
    channels, bits = struct.unpack_from(">HB", data, at + 40)
    return channels * _whole((bits & 0x7F) + 1)


def _avif(data: bytes) -> int:
    """Deep ones are decoded at their depth, with alpha, before they become eight bits."""
    depths = [max(found[1]) for found in re.finditer(rb"pixi\0{4}[\x01-\x04]([\x01-\x20]{1,4})", data[: 1 << 20])]
    return 4 * _whole(max(depths, default=8))


def _whole(bits: int) -> int:
    """Bytes of a number of so many bits."""
    return max(1, -(-bits // 8))


_FORMATS: tuple[tuple[bytes, Callable[[bytes], int]], ...] = (
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", _tiff),
    (rb"P7\s", _pam),
    (rb"PF\s", lambda data: 3 * _FLOAT),
    (rb"P[1-6]", _pnm),
    (rb"#\?", lambda data: 3 * _FLOAT),
    (rb"\x76\x2f\x31\x01", _exr),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", _jpeg2000),
    (rb".{4}ftyp", _avif),
)
