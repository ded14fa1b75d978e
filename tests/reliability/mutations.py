"""Damage to files, chosen by a seed: what disks, networks and strangers do to them."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

HEAD = 512  # bytes, where most formats tell their sizes
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
NUMBERS = (b"0", b"-1", b"1", b"65536", b"2147483648", b"99999999999999999999", b"1e999", b"nan", b"0.5", b'"1"', b"")
PNG = b"\x89PNG\r\n\x1a\n"
Mutation = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def mutated(data: bytes, others: Sequence[bytes], seed: str) -> bytes:
    """A damaged copy of a file; ``others`` are files that pieces are taken from. The seed alone decides.

    Half of the archives, headers and pictures with checksums get lengths and checksums that fit the damage, so that
    it is met further in.
    """
    choice = random.Random(seed)
    fitted = choice.random() < 0.5
    if fitted and data[:2] == b"PK":
        return _in_archive(choice, data, others)
    if fitted and data[8:9] == b"{":
        return _in_header(choice, data, others)
    damaged = _damaged(choice, data, others)
    return _with_checksums(damaged) if fitted and data.startswith(PNG) else damaged


def _damaged(choice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(choice.choice((1, 1, 1, 2, 3, 5))):
        choice.choice(MUTATIONS)(choice, changed, others)
    return bytes(changed)


def _in_archive(choice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One member of a zip is damaged, or gone; the rest and the index are right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    struck = choice.choice([next((name for name in members if name.endswith(".pkl")), ""), *members])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            if name != struck:
                archive.writestr(name, content)
            elif choice.random() < 0.9:
                archive.writestr(name, _damaged(choice, content, others))
    return out.getvalue()


def _in_header(choice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The text of a safetensors header is damaged, and its length fits."""
    stop = 8 + int.from_bytes(data[:8], "little")
    header = _damaged(choice, data[8:stop], others)
    if choice.random() < 0.5:  # one value in place of another, in right JSON
        values = json.loads(data[8:stop])
        part = values[choice.choice(list(values))]
        wrong = (None, -1, 2**62, [], {}, "BOOL", "F64", "", "{}", [0], [1, 1 << 40], [0, 0], 1.5)
        part[choice.choice(list(part))] = choice.choice(wrong)
        header = json.dumps(values).encode()
    return len(header).to_bytes(8, "little") + header + data[stop:]


def _with_checksums(data: bytes) -> bytes:
    """A PNG whose pieces have the checksums of what they hold, as far as its lengths make sense."""
    fixed, at = bytearray(data), len(PNG)
    while at + 12 <= len(fixed):
        stop = at + 8 + struct.unpack_from(">I", fixed, at)[0]
        if stop + 4 > len(fixed):
            break
        struct.pack_into(">I", fixed, stop, zlib.crc32(fixed[at + 4 : stop]))
        at = stop + 4
    return bytes(fixed)


def _place(choice: random.Random, data: bytearray) -> int:
    return choice.randrange(max(1, min(len(data), HEAD if choice.random() < 0.5 else len(data))))


def _flip(choice: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    for _time in range(choice.choice((1, 1, 4, 16, 64))):
        if data:
            data[_place(choice, data)] ^= 1 << choice.randrange(8)


def _cut(choice: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_place(choice, data) :]


def _take_out(choice: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = _place(choice, data)
    del data[start : start + choice.choice((1, 2, 4, 16, 200, 5000))]


def _splice(choice: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """A piece of another file over, or between, what is there."""
    other = choice.choice(others)
    start, length = choice.randrange(len(other)), choice.choice((1, 4, 16, 200, 5000))
    at = _place(choice, data)
    data[at : at + choice.choice((0, length))] = other[start : start + length]


def _exchange(choice: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """The first or the last half is that of another file."""
    other, at = choice.choice(others), _place(choice, data)
    if choice.random() < 0.5:
        data[at:] = other[min(at, len(other)) :]
    else:
        data[:at] = other[:at]


def _repeat(choice: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start, length = _place(choice, data), choice.choice((1, 8, 64, 1000))
    data[start:start] = data[start : start + length] * choice.choice((1, 2, 20, 300))


def _swap(choice: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    length = choice.choice((1, 4, 32, 500))
    first, second = sorted((_place(choice, data), _place(choice, data)))
    if first + length <= second and second + length <= len(data):
        data[first : first + length], data[second : second + length] = (
            data[second : second + length],
            data[first : first + length],
        )


def _fill(choice: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = _place(choice, data)
    length = min(choice.choice((1, 4, 64, 2000)), len(data) - start)
    data[start : start + length] = bytes([choice.choice((0, 0x20, 0x41, 0xFF))]) * length


def _number(choice: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A length or a size is an odd one."""
    width, order = choice.choice((1, 2, 4, 8)), choice.choice(("little", "big"))
    at = _place(choice, data)
    value = choice.choice((*EDGES, len(data), choice.getrandbits(64))) & (2 ** (8 * width) - 1)
    if at + width <= len(data):
        data[at : at + width] = value.to_bytes(width, order)


def _written_number(choice: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A number in a text is another one, or none."""
    found = list(re.finditer(rb"\d+(\.\d+)?", bytes(data[: 1 << 16])))
    if found:
        data[slice(*choice.choice(found).span())] = choice.choice(NUMBERS)


MUTATIONS: tuple[Mutation, ...] = (
    _flip, _flip, _cut, _take_out, _splice, _exchange, _repeat, _swap, _fill, _number, _number, _written_number,
)  # fmt: skip
