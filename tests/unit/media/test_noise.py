"""What decoders print by themselves stays off a program's stderr, and nothing else does."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]


def odd_png(path: Path) -> None:
    """A picture that opens, with a date that libpng warns of."""
    data = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    chunk = b"tIMEx"
    path.write_bytes(data[:33] + struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:])


def odd_tiff(path: Path) -> None:
    """A picture that opens, with a tag that libtiff warns of, in OpenCV's log."""
    tags = Image.Exif()
    tags[0x9999] = b"abc"
    Image.new("RGB", (8, 8)).save(path, exif=tags)


def odd_jpeg(path: Path) -> None:
    """A picture that opens, with facts beyond its end that Pillow warns of."""
    tags = Image.Exif()
    tags[0x9999] = b"abcdefgh"
    Image.new("RGB", (8, 8)).save(path, exif=tags)
    data = path.read_bytes()
    at = data.index(b"Exif\0\0") + 24
    path.write_bytes(data[:at] + b"\xff" * 8 + data[at + 8 :])


def cut_png(path: Path) -> None:
    """A picture that does not open."""
    coded = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))[1]
    path.write_bytes(coded[:5000].tobytes())


def ran(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("make", "suffix"), [(odd_png, ".png"), (odd_tiff, ".tif"), (odd_jpeg, ".jpg"), (cut_png, ".png")]
)
def test_a_decoder_speaks_in_a_library_and_not_in_a_program(tmp_path, make, suffix):
    path = tmp_path / f"odd{suffix}"
    make(path)
    reads = "from fom_core.media import noise, read_picture; from fom_core.errors import MediaError\n{}\ntry:\n    "
    reads += f"read_picture({str(path)!r})\nexcept MediaError: pass"
    spoken = ran(reads.format("")).stderr
    if suffix == ".tif" and not spoken:
        pytest.skip("libtiff of OpenCV before 4.10 passes tags by that it does not know")
    assert spoken
    assert ran(reads.format("noise.keep_off_stderr()")).stderr == ""


def test_messages_come_through_from_every_thread_meanwhile_and_all_comes_through_after():
    done = ran(
        "import os, sys, threading\n"
        "from fom_core.media.noise import hushed, keep_off_stderr\n"
        "keep_off_stderr(); keep_off_stderr()\n"
        "with hushed():\n"
        "    with hushed(): os.write(2, b'lost ')\n"
        "    os.write(2, b'lost ')\n"
        "    thread = threading.Thread(target=print, args=('heard',), kwargs={'file': sys.stderr})\n"
        "    thread.start(); thread.join()\n"
        "os.write(2, b'heard again')"
    )
    assert (done.returncode, done.stderr) == (0, "heard\nheard again")


def test_a_program_without_stderr_reads_pictures_all_the_same(tmp_path):
    odd_png(tmp_path / "odd.png")
    code = "import os; os.close(2)\nfrom fom_core.media import noise, read_picture; noise.keep_off_stderr()\n"
    done = ran(f"{code}print(read_picture({str(tmp_path / 'odd.png')!r}).shape)")
    assert (done.returncode, done.stdout) == (0, "(8, 8, 3)\n")
