"""Deep pictures and many channels count by the memory that their pixels take."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from fom_core.errors import MediaError
from fom_core.media import read_picture
from fom_core.media.depth import pixel_bytes
from fom_core.training.data.clips import decode_picture

U8, U16, F32, F64 = np.uint8, np.uint16, np.float32, np.float64


def tiff(samples: int, bits: int, *, big: bool = False) -> bytes:
    """The beginning of a TIFF of 10x10 pixels; the depths of its channels stand behind its tags, or in them."""
    tags = [(256, 3, 1, 10), (257, 3, 1, 10), (277, 3, 1, samples)]
    if big:
        head = b"II" + struct.pack("<HHHQQ", 43, 8, 0, 16, 4)
        at = 16 + 8 + 20 * 4
        inline = int.from_bytes(struct.pack("<H", bits) * samples, "little") if samples <= 4 else at
        tags.append((258, 3, samples, inline))
        return head + b"".join(struct.pack("<HHQQ", *tag) for tag in tags) + struct.pack("<H", bits) * samples
    tags.append((258, 3, samples, 8 + 2 + 12 * 4))
    head = b"II" + struct.pack("<HIH", 42, 8, 4)
    return head + b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<H", bits) * samples


@pytest.mark.parametrize(
    ("suffix", "kind", "channels", "wanted"),
    [
        (".png", U8, 3, 4), (".png", U8, 4, 4), (".png", U16, 1, 4), (".png", U16, 3, 6), (".png", U16, 4, 8),
        (".tiff", U8, 3, 4), (".tiff", U16, 3, 6), (".tiff", U16, 4, 8), (".tiff", F32, 1, 4), (".tiff", F32, 3, 12),
        (".tiff", F64, 3, 24), (".ppm", U8, 3, 4), (".ppm", U16, 3, 6), (".pgm", U16, 1, 4), (".pam", U16, 4, 8),
        (".pfm", F32, 3, 12), (".pfm", F32, 1, 4), (".hdr", F32, 3, 12), (".jp2", U8, 3, 4), (".jp2", U16, 3, 6),
        (".jpg", U8, 3, 4), (".webp", U8, 4, 4), (".bmp", U8, 3, 4),
    ],
)  # fmt: skip
def test_a_pixel_takes_what_the_header_says(suffix, kind, channels, wanted):
    values = np.random.default_rng(0).integers(0, 200, (20, 20, channels))
    options = [cv2.IMWRITE_PAM_TUPLETYPE, cv2.IMWRITE_PAM_FORMAT_RGB_ALPHA] if suffix == ".pam" else []
    pixels = values.astype(kind) if kind in (U8, U16) else (values / 200).astype(kind)
    try:
        made, data = cv2.imencode(suffix, pixels, options)
    except cv2.error:  # OpenCV 4.8 writes no JPEG 2000 of so few pixels
        made, data = False, pixels
    if not made:
        pytest.skip(f"this OpenCV writes no {suffix} of this depth")
    decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    assert pixel_bytes(data.tobytes()) == wanted
    assert decoded.nbytes <= 400 * wanted


@pytest.mark.parametrize(("samples", "bits", "wanted"), [(3, 16, 6), (12, 16, 24), (64, 64, 512), (5, 1, 5)])
@pytest.mark.parametrize("big", [False, True])
def test_channels_of_a_tiff_count_however_many(samples, bits, wanted, big):
    assert pixel_bytes(tiff(samples, bits, big=big)) == wanted


@pytest.mark.parametrize(("names", "wanted"), [("Y", 4), ("BGR", 12), ("ABGR", 16), ("ABGRZ", 16)])
def test_an_exr_counts_the_channels_that_are_read(names, wanted):
    channels = b"".join(name.encode() + b"\0" + struct.pack("<iiii", 1, 0, 1, 1) for name in names) + b"\0"
    head = b"\x76\x2f\x31\x01\x02\0\0\0channels\0chlist\0" + struct.pack("<I", len(channels)) + channels
    assert pixel_bytes(head) == wanted
    assert pixel_bytes(head[:12]) == 16


@pytest.mark.parametrize(("bits", "wanted"), [(8, 4), (10, 8), (12, 8)])
def test_a_deep_avif_counts_twice(bits, wanted):
    assert pixel_bytes(b"\0\0\0\x10ftypavif\0\0\0\0" + b"pixi\0\0\0\0\x03" + bytes([bits] * 3)) == wanted


def test_a_deep_picture_is_refused_where_a_flat_one_of_its_size_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("FOM_MAX_PIXELS", "200")
    for kind in (U8, U16):
        cv2.imwrite(str(tmp_path / f"{np.dtype(kind).itemsize}.png"), np.zeros((10, 20, 4), kind))
    assert read_picture(tmp_path / "1.png").shape == (10, 20, 3)
    for read in (read_picture, decode_picture):
        with pytest.raises(MediaError) as refusal:
            read(tmp_path / "2.png")
        found = "declares 20x10 pixels of 8 bytes, as much as 400 of 4 bytes; 200 are allowed. Make it smaller, or"
        assert found in str(refusal.value) and "--max_pixels 400;" in str(refusal.value)
    monkeypatch.setenv("FOM_MAX_PIXELS", "400")
    assert read_picture(tmp_path / "2.png").shape == (10, 20, 3)


def test_the_beginning_of_a_header_is_no_error():
    for whole in (tiff(3, 16), cv2.imencode(".png", np.zeros((4, 4, 4), U16))[1].tobytes(), b"P7\nDEPTH x"):
        for length in range(len(whole)):
            assert pixel_bytes(whole[:length]) in (4, 6, 8)
