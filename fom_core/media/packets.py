"""The label in pictures: comment and XMP packet put into encoded bytes, where each format has its place for them.

No pixel changes. BMP has no such place.
"""

from __future__ import annotations

import struct
import zlib

from .label import comment, xmp_box, xmp_packet


def labelled(data: bytes, suffix: str, shape: tuple[int, ...]) -> bytes:
    """An encoded picture with the label in it.

    data:   the whole file, as OpenCV encodes it.
    suffix: of its format, in small letters; of others than PNG, JPEG, WebP, TIFF, PPM and JPEG 2000 it stays as it is.
    shape:  of the picture: height, width and, where there are several, channels.
    """
    if suffix == ".png":
        return _png(data)
    if suffix in {".jpg", ".jpeg"}:
        return _jpeg(data)
    if suffix == ".webp":
        return _webp(data, *shape[:2], alpha=shape[2:] == (4,))
    if suffix in {".tif", ".tiff"}:
        return _tiff(data)
    if suffix in {".ppm", ".pgm"}:
        return data[:3] + b"# " + comment().encode() + b"\n" + data[3:]
    return data + xmp_box() if suffix == ".jp2" else data


def _png(data: bytes) -> bytes:
    """A text chunk and an international one, after the header chunk."""
    text = b"Comment\0" + comment().encode("latin-1")
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_packet().encode()
    chunks = b""
    for name, body in ((b"tEXt", text), (b"iTXt", xmp)):
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:33] + chunks + data[33:]


def _jpeg(data: bytes) -> bytes:
    """A segment APP1 and a comment, after the JFIF segment that has to come first."""
    start = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + xmp_packet().encode()
    segments = [(b"\xff\xe1", xmp), (b"\xff\xfe", comment().encode())]
    made = b"".join(marker + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return data[:start] + made + data[start:]


def _webp(data: bytes, height: int, width: int, *, alpha: bool) -> bytes:
    """A chunk at the end, announced in the extended header, which simple files do not have yet."""
    chunks = data[12:]
    if chunks[:4] == b"VP8X":
        flags, chunks = chunks[8] | 4, chunks[18:]
    else:
        flags = 0x14 if alpha else 4
    header = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    packet = xmp_packet().encode()
    body = b"WEBPVP8X" + struct.pack("<I", 10) + header + chunks
    body += b"XMP " + struct.pack("<I", len(packet)) + packet + b"\0" * (len(packet) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tiff(data: bytes) -> bytes:
    """Two more fields in the directory of the picture, which moves to the end of the file."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    fields = [data[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    following = data[start + 2 + 12 * count : start + 6 + 12 * count]
    made = bytearray(data)
    for tag, kind, body in ((270, 2, comment().encode() + b"\0"), (700, 1, xmp_packet().encode())):
        made += b"\0" * (len(made) % 2)
        fields.append(struct.pack(order + "HHII", tag, kind, len(body), len(made)))
        made += body
    made += b"\0" * (len(made) % 2)
    struct.pack_into(order + "I", made, 4, len(made))
    fields.sort(key=lambda field: struct.unpack_from(order + "H", field))
    return bytes(made) + struct.pack(order + "H", len(fields)) + b"".join(fields) + following
