"""Pictures and videos tell their size before their pixels are read, and too large ones are refused by it."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from fom_core.errors import MediaError, UsageError
from fom_core.media import VideoReader, read_picture, write_picture
from fom_core.media.header import declared_size
from fom_core.media.limits import FRAME_PIXELS, PICTURE_PIXELS, VARIABLE, allowing, most_pixels
from fom_core.training.data.clips import decode_picture

WIDTH, HEIGHT = 60_000, 50_000
FORMATS = [".png", ".jpg", ".webp", ".bmp", ".tiff", ".ppm", ".pgm", ".pbm", ".pam", ".pfm", ".hdr", ".ras", ".jp2"]


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def tiff(width: int, height: int, *, big: bool = False) -> bytes:
    tags = [(256, 4, width), (257, 4, height)]
    if big:
        head = b"MM" + struct.pack(">HHHQQ", 43, 8, 0, 16, len(tags))
        return head + b"".join(struct.pack(">HHQIi", tag, kind, 1, value, 0) for tag, kind, value in tags)
    head = b"II" + struct.pack("<HIH", 42, 8, len(tags))
    return head + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)


def headers(width: int, height: int) -> dict[str, bytes]:
    """The beginnings of files that declare a size."""
    box = struct.pack(">I4sIII", 20, b"ispe", 0, width, height)
    avif = b"\0\0\0\x10ftypavif\0\0\0\0" + struct.pack(">I4s", 8 + len(box), b"meta") + box
    stream = b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 41, 0, width, height, 0, 0)
    return {
        "png": png(width, height),
        "jpeg": b"\xff\xd8\xff\xe0\0\x04ab\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width),
        "webp": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little"),
        "bmp": b"BM" + struct.pack("<IIIIii", 0, 0, 54, 40, width, -height),
        "gif": b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0),
        "pnm": b"P6\n# made for a test\n%d\t# so wide\n%d\n255\n" % (width, height),
        "pam": b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nENDHDR\n" % (width, height),
        "pfm": b"PF\n%d %d\n-1.0\n" % (width, height),
        "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width),
        "sun": b"\x59\xa6\x6a\x95" + struct.pack(">II", width, height),
        "exr": b"\x76\x2f\x31\x01\x02\0\0\0dataWindow\0box2i\0\x10\0\0\0"
        + struct.pack("<4i", 5, 5, width + 4, height + 4),
        "tiff": tiff(width, height),
        "big tiff": tiff(width, height, big=True),
        "j2k": stream,
        "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + struct.pack(">I4s", 8 + len(stream), b"jp2c") + stream,
        "avif": avif,
    }


def test_a_piece_that_declares_gigabytes_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "cut.png"
    path.write_bytes(png(10, 10) + struct.pack(">I", 2**32 - 1) + b"IDAT" + bytes(64))

    assert declared_size(path.read_bytes()) is None
    for read in (read_picture, decode_picture):
        with pytest.raises(MediaError, match=r"cut\.png breaks off after 105 bytes"):
            read(path)


@pytest.mark.parametrize("name", headers(1, 1))
def test_every_format_tells_its_size_before_its_pixels(name, tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(headers(WIDTH, HEIGHT)[name] + bytes(64))

    assert declared_size(path.read_bytes()) == (HEIGHT, WIDTH)
    for read in (read_picture, decode_picture, VideoReader):
        with pytest.raises(MediaError, match=r"declares 60000x50000 pixels[ ,].* and its decoder takes none") as e:
            read(path)
        assert "--max_pixels" not in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("size", "number"),
    [((20_000, 10_000), 200_000_000), ((2**15, 2**15), 2**30), ((2**15, 2**15 + 1), None), ((2**20 + 1, 200), None)],
)
def test_more_pixels_are_offered_where_a_decoder_takes_them(tmp_path, size, number):
    path = tmp_path / "large.png"
    path.write_bytes(png(*size))
    with pytest.raises(MediaError) as refusal:
        read_picture(path)
    if number:
        assert f"more: --max_pixels {number}; in ComfyUI and Python, FOM_MAX_PIXELS={number} " in str(refusal.value)
    else:
        assert str(refusal.value).endswith("its decoder takes none of that size. Make it smaller, or copy it again.")


@pytest.mark.parametrize("name", headers(1, 1))
def test_a_header_that_ends_early_or_means_nothing_is_refused(name, tmp_path):
    whole = headers(300, 200)[name]
    for length in range(1, len(whole)):
        assert declared_size(whole[:length]) in (None, (200, 300))
    path = tmp_path / "short.png"
    path.write_bytes(whole[:9])

    with pytest.raises(MediaError, match=r"not a picture|breaks off"):
        read_picture(path)


@pytest.mark.parametrize("suffix", [*FORMATS, ".gif", ".avif"])
@pytest.mark.parametrize("size", [(1, 1), (37, 211), (320, 240)])
def test_the_declared_size_is_that_of_the_decoded_picture(suffix, size):
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    if suffix in {".pgm", ".pbm"}:
        picture = picture[..., 0]
    if suffix in {".hdr", ".pfm"}:
        picture = picture.astype(np.float32)
    try:
        made, data = cv2.imencode(suffix, picture)
    except cv2.error:
        made, data = False, picture
    if not made:
        pytest.skip(f"this OpenCV writes no {suffix} of this size")
    decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert decoded is not None

    assert declared_size(data.tobytes()) == decoded.shape[:2]


@pytest.mark.parametrize("order", ["small first", "large first"])
def test_where_a_file_tells_two_sizes_the_larger_counts(order):
    small, large = b"-Y 5 +X 5\n", b"-Y %d +X %d\n" % (HEIGHT, WIDTH)
    lines = small + large if order == "small first" else large + small

    assert declared_size(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n" + lines) == (HEIGHT, WIDTH)


def test_the_limit_is_the_argument_then_the_environment_then_the_usual(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert most_pixels(None, PICTURE_PIXELS) == PICTURE_PIXELS
    monkeypatch.setenv(VARIABLE, "5000")
    assert most_pixels(None, PICTURE_PIXELS) == 5000
    assert most_pixels(70, PICTURE_PIXELS) == 70
    with allowing(90):
        assert most_pixels(None, FRAME_PIXELS) == 90
    assert os.environ[VARIABLE] == "5000"


@pytest.mark.parametrize("text", ["many", "-5", "0", "1e9", "9" * 5000])
def test_a_limit_that_is_no_number_is_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)

    with pytest.raises(UsageError):
        most_pixels(None, PICTURE_PIXELS)


def test_a_picture_of_just_the_limit_is_read_and_one_more_row_is_not(tmp_path):
    write_picture(tmp_path / "fits.png", np.zeros((10, 20, 3), np.uint8))
    write_picture(tmp_path / "more.png", np.zeros((11, 20, 3), np.uint8))

    assert read_picture(tmp_path / "fits.png", max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(MediaError, match="20x11 pixels, 220 in all; 200 are allowed"):
        read_picture(tmp_path / "more.png", max_pixels=200)


def test_a_file_larger_than_its_pixels_could_be_is_refused(tmp_path):
    path = tmp_path / "stuffed.png"
    with path.open("wb") as file:
        file.write(png(10, 10))
        file.truncate(1 << 30)  # a hole in the file: it takes no room

    with pytest.raises(MediaError, match="more than a picture of 200 pixels takes"):
        read_picture(path, max_pixels=200)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif", ".mkv", ".ts"])
def test_a_video_of_too_large_frames_is_refused_with_its_size(ffmpeg, tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x64:rate=10:duration=0.5", path)

    assert VideoReader(path, max_pixels=96 * 64).size == (64, 96)
    with pytest.raises(MediaError, match="declares 96x64 pixels, 6,144 in all; 6,000 are allowed"):
        VideoReader(path, max_pixels=6000)


def test_a_tiny_file_that_declares_huge_frames_is_refused(tmp_path):
    path = tmp_path / "clip.gif"
    pixels = b"\x80\0\0\0\0\0\xff\xff\xff," + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, 0) + b"\x02\x02\x44\x01\0;"
    path.write_bytes(b"GIF89a" + struct.pack("<HH", WIDTH, HEIGHT) + pixels)

    with pytest.raises(MediaError, match="declares 60000x50000 pixels"):
        VideoReader(path)


def test_a_folder_of_pictures_obeys_the_limit(tmp_path):
    write_picture(tmp_path / "1.png", np.zeros((10, 20, 3), np.uint8))
    (tmp_path / "2.png").write_bytes(png(WIDTH, HEIGHT))

    with pytest.raises(MediaError, match="declares 20x10 pixels"):
        VideoReader(tmp_path, max_pixels=100)
    with pytest.raises(MediaError, match="declares 60000x50000 pixels"):
        list(VideoReader(tmp_path))


def test_deep_pictures_are_brought_to_eight_bits_in_bands_as_at_once(tmp_path: Path, monkeypatch):
    deep = np.random.default_rng(0).integers(0, 65535, (50, 40, 4), np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    at_once = read_picture(tmp_path / "deep.png")
    monkeypatch.setattr("fom_core.media.pictures._BAND", 500)

    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png"), at_once)


@pytest.mark.parametrize(("suffix", "size"), [(".webp", (1, 16384)), (".jpg", (1, 65536))])
def test_a_picture_that_a_format_does_not_hold_is_refused(tmp_path, suffix, size):
    with pytest.raises(MediaError, match="do not hold"):
        write_picture(tmp_path / f"wide{suffix}", np.zeros((*size, 3), np.uint8))

    assert list(tmp_path.iterdir()) == []
