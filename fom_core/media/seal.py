"""The label in finished moving pictures, where ffmpeg cannot write it."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfileobj

from ..files.paths import reserve_temporary
from ..files.reserved import release
from .header import declared_size
from .label import comment, xmp_box, xmp_packet
from .packets import labelled


def seal(path: Path) -> None:
    """Add an XMP box to MP4 and AVIF, comment and XMP to GIF, an XMP chunk to WebP; other files stay as they are.

    Raises OSError, WriteError.
    """
    suffix = path.suffix.lower()
    if suffix in {".mp4", ".avif"}:
        with path.open("ab") as file:  # at the end, so that no offset in the file changes
            file.write(xmp_box())
    elif suffix == ".gif":
        _seal_gif(path)
    elif suffix == ".webp":
        data = path.read_bytes()
        size = declared_size(data)
        assert size is not None  # ffmpeg wrote it
        path.write_bytes(labelled(data, suffix, size))


def _seal_gif(path: Path) -> None:
    fresh = reserve_temporary(path)
    try:
        with path.open("rb") as made, fresh.open("wb") as file:
            head = made.read(13)
            colours = 3 << ((head[10] & 7) + 1) if head[10] & 0x80 else 0
            file.write(head + made.read(colours) + _gif_blocks())
            copyfileobj(made, file)
        fresh.replace(path)
    finally:
        release(fresh)


def _gif_blocks() -> bytes:
    """A comment, and XMP as an application block: the packet as it is, which readers of blocks get over by its tail."""
    text = comment().encode("ascii")
    parts = b"".join(bytes([len(part)]) + part for part in (text[i : i + 255] for i in range(0, len(text), 255)))
    tail = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
    return b"!\xfe" + parts + b"\0" + b"!\xff\x0bXMP DataXMP" + xmp_packet().encode() + tail
