"""Every result says in its file that it is synthetic, by the same bytes in every run, and no pixel changes for it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

from fom_core.errors import WriteError
from fom_core.files import leftovers
from fom_core.media import VideoReader, VideoWriter, read_picture, write_picture
from fom_core.media.label import SOURCE_TYPE, XMP_BOX, comment, xmp_packet
from fom_core.version import version
from tests.capabilities import READS_ANIMATED_WEBP

VIDEOS = [".mp4", ".mov", ".mkv", ".webm", ".gif"]
ANIMATED = [".webp", ".avif"]
PICTURES = [".png", ".jpg", ".webp", ".tif", ".ppm", ".jp2"]
WITH_XMP = {".mp4", ".mov", ".gif", ".png", ".jpg", ".webp", ".tif", ".jp2"}
WITHOUT_ALPHA = {".jpg", ".ppm"}


def written(path: Path, **options) -> Path:
    frames = np.linspace(20, 235, 5)[:, None, None, None].repeat(32, 1).repeat(48, 2).repeat(3, 3).astype(np.uint8)
    with VideoWriter(path, 25, **options) as writer:
        writer.write(frames)
    return path


def noise(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (41, 37, channels), np.uint8)


@pytest.mark.parametrize("suffix", VIDEOS)
def test_ffmpeg_reads_the_label_of_a_video_back(tmp_path, ffmpeg: Callable[..., str], suffix):
    report = ffmpeg("-i", written(tmp_path / f"result{suffix}"))

    assert re.findall(r"comment +: (.*)", report, re.IGNORECASE) == [comment()]


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_matroska_has_the_source_type_under_a_name_of_its_own(tmp_path, ffmpeg: Callable[..., str], suffix):
    assert f"DIGITAL_SOURCE_TYPE: {SOURCE_TYPE}" in ffmpeg("-i", written(tmp_path / f"result{suffix}"))


@pytest.mark.parametrize("suffix", sorted(WITH_XMP & set(VIDEOS)))
def test_videos_that_have_a_place_for_xmp_hold_the_packet_once(tmp_path, suffix):
    data = written(tmp_path / f"result{suffix}").read_bytes()

    assert data.count(xmp_packet().encode()) == 1


def test_the_xmp_of_mp4_is_a_box_at_the_top_level(tmp_path):
    data, found, start = written(tmp_path / "result.mp4").read_bytes(), {}, 0
    while start < len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        found[kind], start = data[start + 8 : start + size], start + size

    assert found[b"uuid"] == XMP_BOX + xmp_packet().encode()


def test_the_xmp_of_mov_is_where_its_user_data_are(tmp_path):
    data = written(tmp_path / "result.mov").read_bytes()

    assert data[data.index(b"<?xpacket") - 4 :][:4] == b"XMP_"
    assert data.index(b"moov") < data.index(b"XMP_")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_the_label_stays_when_sound_is_added(tmp_path, ffmpeg: Callable[..., str], sound_clip, suffix):
    result = written(tmp_path / f"result{suffix}", audio_from=VideoReader(sound_clip))

    assert comment() in ffmpeg("-i", result)
    assert VideoReader(result).has_audio
    assert (xmp_packet().encode() in result.read_bytes()) == (suffix in WITH_XMP)


def test_nothing_that_the_driver_says_of_itself_is_taken_over(tmp_path, ffmpeg: Callable[..., str], sound_clip):
    driver = tmp_path / "driver.mp4"
    ffmpeg("-i", sound_clip, "-c", "copy", "-metadata", "artist=Somebody", "-metadata", "comment=Private", driver)

    report = ffmpeg("-i", written(tmp_path / "result.mp4", audio_from=VideoReader(driver)))

    assert "Somebody" not in report and "Private" not in report


@pytest.mark.parametrize("suffix", ANIMATED)
def test_animated_pictures_hold_the_packet_once(tmp_path, suffix):
    path = written(tmp_path / f"result{suffix}")

    assert path.read_bytes().count(xmp_packet().encode()) == 1
    if suffix == ".webp":
        with Image.open(path) as picture:
            assert picture.info["xmp"].decode() == xmp_packet()


@pytest.mark.parametrize("suffix", VIDEOS + ANIMATED)
def test_the_same_frames_make_the_same_bytes(tmp_path, suffix):
    first, second = (written(tmp_path / name / f"result{suffix}") for name in ("a", "b"))

    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", [*VIDEOS, pytest.param(".webp", marks=READS_ANIMATED_WEBP), ".avif"])
def test_labelled_frames_are_those_of_a_video_without_label(tmp_path, ffmpeg: Callable[..., str], suffix):
    labelled, plain = written(tmp_path / f"a{suffix}"), written(tmp_path / f"b{suffix}", synthetic=False)

    assert "Synthetic" not in ffmpeg("-i", plain) and b"xpacket" not in plain.read_bytes()
    np.testing.assert_array_equal(list(VideoReader(labelled)), list(VideoReader(plain)))


@pytest.mark.parametrize(
    ("suffix", "channels"),
    [(suffix, channels) for suffix in PICTURES for channels in (3, 4) if channels == 3 or suffix not in WITHOUT_ALPHA],
)
def test_pictures_keep_their_pixels_and_hold_the_label(tmp_path, suffix, channels):
    plain, labelled = tmp_path / f"plain{suffix}", tmp_path / f"labelled{suffix}"
    for path in (plain, labelled):
        write_picture(path, noise(channels), synthetic=path == labelled)

    data = labelled.read_bytes()
    np.testing.assert_array_equal(read_picture(labelled, alpha=True), read_picture(plain, alpha=True))
    assert comment().encode() in data
    assert (xmp_packet().encode() in data) == (suffix in WITH_XMP)
    assert b"Synthetic" not in plain.read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_another_program_finds_the_packet_in_pictures(tmp_path, suffix):
    if int(PIL.__version__.split(".")[0]) < 11:
        pytest.skip("Pillow before 11 hands packets out in another way for each kind of file")
    path = tmp_path / f"picture{suffix}"
    write_picture(path, noise(), synthetic=True)

    with Image.open(path) as picture:
        picture.load()
        found = picture.info["xmp"]

    assert found.decode() == xmp_packet()


def test_a_bmp_has_no_place_and_stays_as_it_is(tmp_path):
    for name in ("a.bmp", "b.bmp"):
        write_picture(tmp_path / name, noise(), synthetic=name == "a.bmp")

    assert (tmp_path / "a.bmp").read_bytes() == (tmp_path / "b.bmp").read_bytes()


def test_numbered_pictures_are_labelled_one_by_one(tmp_path):
    written(tmp_path / "f.png")
    written(tmp_path / "plain.png", synthetic=False)

    labels = {path.name: comment().encode() in path.read_bytes() for path in tmp_path.iterdir()}
    assert labels == {f"{name}_{n:06d}.png": name == "f" for name in ("f", "plain") for n in range(5)}


def test_the_label_names_the_tool_and_nobody():
    assert f"ComfyUI-FOM {version()}" in comment() and "Synthetic" in comment()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version())
    assert SOURCE_TYPE in xmp_packet() and comment() in xmp_packet()


def test_a_run_killed_while_labelling_leaves_names_that_are_found(tmp_path, monkeypatch):
    seen: list[Path] = []

    def look(*_: object) -> None:
        seen.extend(tmp_path.iterdir())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fom_core.media.seal.copyfileobj", look)

    with pytest.raises(WriteError):
        written(tmp_path / f"{'x' * 120}.gif")
    assert len(seen) == 2
    assert all(leftovers._OURS.fullmatch(path.name) for path in seen)
    assert max(len(path.name) for path in seen) <= 143


def test_a_full_disk_while_labelling_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fom_core.media.seal.copyfileobj", full)

    with pytest.raises(WriteError, match="No space left"):
        written(tmp_path / "result.gif")
    assert list(tmp_path.iterdir()) == []
