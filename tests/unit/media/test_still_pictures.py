"""Stills of any depth, layout and orientation become upright 8-bit RGB."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, features

from fom_core.errors import MediaError
from fom_core.media import list_pictures, read_picture, write_picture

SMOOTH = np.stack(np.broadcast_arrays(*np.meshgrid(np.arange(0, 240, 5), np.arange(0, 160, 5)), 90), -1).astype(
    np.uint8
)
STILLS: dict[str, tuple[str, str, dict[str, Any]]] = {  # the name's ending, Pillow's mode, and how it is saved
    "JPEG": (".jpg", "RGB", {"quality": 95}),
    "progressive JPEG": (".jpeg", "RGB", {"quality": 95, "progressive": True}),
    "grey JPEG": (".jpg", "L", {"quality": 95}),
    "CMYK JPEG": (".jpg", "CMYK", {"quality": 95}),
    "PNG": (".png", "RGB", {}),
    "transparent PNG": (".png", "RGBA", {}),
    "grey PNG": (".png", "L", {}),
    "grey, transparent PNG": (".png", "LA", {}),
    "PNG of a palette": (".png", "P", {}),
    "black and white PNG": (".png", "1", {}),
    "PNG of 16 bits": (".png", "I;16", {}),
    "WebP": (".webp", "RGB", {"quality": 95}),
    "lossless, transparent WebP": (".webp", "RGBA", {"lossless": True}),
    "AVIF": (".avif", "RGB", {"quality": 95}),
    "BMP": (".bmp", "RGB", {}),
    "BMP of a palette": (".bmp", "P", {}),
    "TIFF": (".tif", "RGB", {}),
    "TIFF, LZW": (".tiff", "RGB", {"compression": "tiff_lzw"}),
    "TIFF, deflated": (".tiff", "RGB", {"compression": "tiff_adobe_deflate"}),
    "CMYK TIFF": (".tif", "CMYK", {}),
    "PPM": (".ppm", "RGB", {}),
    "PGM": (".pgm", "L", {}),
    "JPEG 2000": (".jp2", "RGB", {}),
    "GIF": (".gif", "P", {}),
}
RGB = np.random.default_rng(0).integers(0, 255, (10, 14, 3), np.uint8)


@pytest.mark.parametrize("kind", STILLS)
def test_stills_of_every_kind_show_what_was_stored(tmp_path, kind):
    suffix, mode, options = STILLS[kind]
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    if suffix == ".gif" and not hasattr(cv2, "imdecodeanimation"):
        pytest.skip("OpenCV reads GIF from 4.11 on")
    picture = Image.fromarray(SMOOTH)
    if mode == "I;16":
        grey = np.asarray(picture.convert("L"))
        picture, shown = Image.fromarray(grey.astype(np.uint16) * 257), Image.fromarray(grey)
    else:
        picture = picture.convert(mode)
        shown = picture
    picture.save(tmp_path / f"a{suffix}", **options)
    (tmp_path / f"a{suffix}").rename(tmp_path / "a.png" if kind == "JPEG" else tmp_path / f"a{suffix}")

    (path,) = tmp_path.iterdir()
    found = read_picture(path)

    wanted = np.asarray(shown.convert("RGB")).astype(int)
    assert found.shape == (32, 48, 3)
    assert np.abs(found - wanted).mean() <= 2


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".PNG"])
def test_lossless_formats_bring_every_pixel_back(tmp_path, suffix):
    write_picture(tmp_path / f"picture{suffix}", RGB)

    np.testing.assert_array_equal(read_picture(tmp_path / f"picture{suffix}"), RGB)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_keep_the_channels_in_order(tmp_path, suffix):
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 220
    write_picture(tmp_path / f"picture{suffix}", red)

    np.testing.assert_allclose(read_picture(tmp_path / f"picture{suffix}"), red, atol=6)


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    deep = np.array([[0, 257, 32768, 65535]], np.uint16)[..., None].repeat(3, -1)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)

    assert read_picture(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_grey_becomes_three_equal_channels(tmp_path):
    write_picture(tmp_path / "grey.png", RGB[..., 0])

    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png"), RGB[..., :1].repeat(3, -1))


def test_transparency_is_kept_when_asked_for_and_laid_on_white_otherwise(tmp_path):
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    rgba[0, 0] = (10, 20, 30, 0)
    rgba[0, 1] = (0, 0, 0, 51)  # a fifth of black on white
    write_picture(tmp_path / "clear.png", rgba)

    np.testing.assert_array_equal(read_picture(tmp_path / "clear.png", alpha=True), rgba)
    flat = read_picture(tmp_path / "clear.png")
    assert flat[0, 0].tolist() == [255, 255, 255]
    assert flat[0, 1].tolist() == [204, 204, 204]
    np.testing.assert_array_equal(flat[1:], RGB[1:])


def test_an_opaque_picture_gets_full_alpha_when_asked_for(tmp_path):
    write_picture(tmp_path / "opaque.png", RGB)

    assert (read_picture(tmp_path / "opaque.png", alpha=True)[..., 3] == 255).all()


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_the_camera_orientation_is_applied(tmp_path, orientation, turns):
    picture = np.zeros((16, 32, 3), np.uint8)
    picture[:8, :8] = 255
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    tag = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tag
    (tmp_path / "phone.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])

    np.testing.assert_allclose(read_picture(tmp_path / "phone.jpg"), np.rot90(picture, turns), atol=12)


def test_names_beyond_ascii_work(tmp_path):
    write_picture(tmp_path / "Gesichter – 顔.png", RGB)

    np.testing.assert_array_equal(read_picture(tmp_path / "Gesichter – 顔.png"), RGB)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_damaged_pictures_are_refused_in_one_line(tmp_path, content):
    (tmp_path / "broken.png").write_bytes(content)

    with pytest.raises(MediaError) as error:
        read_picture(tmp_path / "broken.png")

    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_picture_that_is_cut_off_is_told_as_that(tmp_path, suffix):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    write_picture(whole, np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(whole.read_bytes()[:20])

    with pytest.raises(MediaError, match=rf"cut{suffix} breaks off after 20 bytes: its copy did not finish"):
        read_picture(path)


def test_missing_pictures_and_folders_are_refused(tmp_path):
    with pytest.raises(MediaError, match="does not exist"):
        read_picture(tmp_path / "nothing.png")
    with pytest.raises(MediaError, match="is a folder"):
        read_picture(tmp_path)


def test_an_unknown_picture_format_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(MediaError, match="no picture format"):
        write_picture(tmp_path / "picture.xyz", RGB)

    assert list(tmp_path.iterdir()) == []


def test_numbers_in_names_sort_by_value(tmp_path):
    for name in ("a10.png", "a2.png", "B1.png", ".hidden.png", "note.txt"):
        (tmp_path / name).write_bytes(b"")

    assert [path.name for path in list_pictures(tmp_path)] == ["a2.png", "a10.png", "B1.png"]


def test_a_picture_too_small_for_its_format_is_refused_with_a_remedy(tmp_path):
    with pytest.raises(MediaError, match=r"or use \.png"):
        write_picture(tmp_path / "tiny.jp2", np.zeros((4, 4, 3), np.uint8))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "suffix", [".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".wmv", ".flv", ".ogv", ".m4v"]
)
@pytest.mark.parametrize("name", ["clip", "clip.png"])
def test_a_video_in_the_place_of_a_picture_is_told_as_one(ffmpeg, tmp_path, suffix, name):
    made = tmp_path / f"made{suffix}"
    codec = ["-c:v", "theora" if suffix == ".ogv" else "mpeg2video"] if suffix in {".ogv", ".mpg", ".ts"} else []
    said = ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x64:rate=25:duration=0.2", *codec, made)
    if suffix == ".ogv" and not made.stat().st_size:
        pytest.skip(f"this ffmpeg writes no Theora: {said[-80:]}")
    path = made.rename(tmp_path / (name + suffix if name == "clip" else name))
    with pytest.raises(MediaError, match=f"{path.name} is a video, and a picture is wanted. Save one frame of it"):
        read_picture(path)
