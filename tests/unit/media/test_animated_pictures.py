"""GIF, animated WebP and AVIF go out complete, small, in time, with their alpha, or not at all."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fom_core.errors import MediaError, UsageError
from fom_core.media import VideoReader, VideoWriter
from fom_core.media.write import target_of
from tests.capabilities import PILLOW_READS_AVIF, READS_ANIMATED_WEBP

KINDS = [".gif", ".webp", ".avif"]
READ_BACK = [".gif", pytest.param(".webp", marks=READS_ANIMATED_WEBP), ".avif"]
BY_PILLOW = [".gif", ".webp", pytest.param(".avif", marks=PILLOW_READS_AVIF)]


def waves(count: int = 12, height: int = 71, width: int = 93) -> np.ndarray:
    """A smooth picture in whose middle a bright square moves, of odd size."""
    y, x = np.mgrid[:height, :width]
    still = np.stack([90 + 60 * np.sin(x / 17), 100 + 60 * np.cos(y / 13), 120 + x * 0.4], axis=-1)
    frames = np.repeat(still[None], count, axis=0)
    for index in range(count):
        left = 5 + 7 * index % 70
        frames[index, 30:40, left : left + 10] = (250, 240, 200)
    return frames.astype(np.uint8)


def write(path: Path, frames: np.ndarray, fps: float | Fraction = 25, **options) -> Path:
    with VideoWriter(path, fps, **options) as writer:
        for chunk in np.array_split(frames, 3):
            writer.write(chunk)
    return path


def stored(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """All frames as RGBA, and how long each is shown in milliseconds, as Pillow has them."""
    with Image.open(path) as picture:
        frames, delays = [], []
        for index in range(getattr(picture, "n_frames", 1)):
            picture.seek(index)
            picture.load()
            frames.append(np.asarray(picture.convert("RGBA")))
            delays.append(picture.info["duration"])
    return frames, delays


@pytest.mark.parametrize("suffix", READ_BACK)
def test_every_frame_comes_back_as_it_went_in(tmp_path, suffix):
    frames = waves()

    back = np.stack(list(VideoReader(write(tmp_path / f"a{suffix}", frames))))

    assert back.shape == frames.shape
    assert 10 * np.log10(255**2 / ((back.astype(float) - frames) ** 2).mean()) > 33
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", BY_PILLOW)
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), 12.5, 25])
def test_the_length_is_that_of_the_frames(tmp_path, suffix, fps):
    _, delays = stored(write(tmp_path / f"a{suffix}", waves(30), fps))

    assert abs(sum(delays) / 1000 - 30 / float(fps)) < 0.04
    assert max(delays) - min(delays) <= 10  # a hundredth of a second is a GIF's finest step


def test_a_gif_of_more_than_50_frames_a_second_is_slowed_to_what_viewers_show(tmp_path):
    _, delays = stored(write(tmp_path / "a.gif", waves(60), 60))

    assert set(delays) == {20} and len(delays) == 50


def test_a_gif_is_written_in_folders_of_any_name_and_without_x264(tmp_path, monkeypatch):
    first = write(tmp_path / "50%d off" / "a.gif", waves())
    monkeypatch.setattr("fom_core.media.animated.has_codec", lambda name: False)

    assert write(tmp_path / "b.gif", waves()).read_bytes() == first.read_bytes()


@pytest.mark.parametrize("suffix", [BY_PILLOW[0], BY_PILLOW[2]])
def test_a_number_in_the_name_of_what_is_no_still_means_nothing(tmp_path, suffix):
    path = write(tmp_path / f"f_%04d{suffix}", waves())

    assert [path.name] == [each.name for each in tmp_path.iterdir()] == [f"f_%04d{suffix}"]
    assert len(stored(path)[0]) == 12


@pytest.mark.parametrize("suffix", BY_PILLOW)
def test_a_single_frame_is_a_picture_too(tmp_path, suffix):
    frames, _ = stored(write(tmp_path / f"a{suffix}", waves(1)))

    assert len(frames) == 1 and frames[0].shape == (71, 93, 4)


@pytest.mark.parametrize("suffix", BY_PILLOW[1:])
def test_alpha_is_kept(tmp_path, suffix):
    alpha = np.clip(np.linspace(40, 450, 93), 0, 255).astype(np.uint8)
    frames = np.concatenate([waves(), np.broadcast_to(alpha[:, None], (12, 71, 93, 1))], axis=-1)

    back, _ = stored(write(tmp_path / f"a{suffix}", frames))

    assert len(back) == 12
    for frame in back:
        np.testing.assert_allclose(frame[..., 3].astype(int), frames[0, ..., 3].astype(int), atol=12)
    np.testing.assert_allclose(back[7][35, 58, :3].astype(int), (250, 240, 200), atol=25)


@pytest.mark.parametrize(
    ("suffix", "loop", "said"), [(".gif", 0, 0), (".gif", 3, 2), (".gif", 1, None), (".webp", 0, 0), (".webp", 3, 3)]
)
def test_the_file_says_how_often_it_plays(tmp_path, suffix, loop, said):
    """A GIF counts how often it plays again, and plays once where it says nothing."""
    with Image.open(write(tmp_path / f"a{suffix}", waves(), loop=loop)) as picture:
        assert picture.info.get("loop") == said


@pytest.mark.parametrize(("loop", "repeats"), [(0, True), (1, False)])
def test_an_avif_says_in_its_edit_list_whether_it_repeats(tmp_path, loop, repeats):
    data = write(tmp_path / "a.avif", waves(), loop=loop).read_bytes()
    at = data.index(b"elst")

    assert bool(data[at + 7] & 1) == repeats


def test_a_gif_has_one_palette_and_takes_no_bytes_for_what_stands_still(tmp_path):
    frames = waves(40, 160, 200)
    moving = write(tmp_path / "moving.gif", frames).stat().st_size
    one = write(tmp_path / "one.gif", frames[:1]).stat().st_size

    assert moving < 3 * one
    data = (tmp_path / "moving.gif").read_bytes()
    at, local = 13 + 3 * 256, 0
    assert data[10] & 0x87 == 0x87  # one table of 256 colours for all
    while data[at] != 0x3B:
        if data[at] == 0x21:
            at += 2
        else:
            local += data[at + 9] >> 7
            at += 11
        while data[at]:
            at += 1 + data[at]
        at += 1
    assert local <= 2  # ffmpeg 7.0 repeats the table of the first two


@pytest.mark.parametrize("suffix", READ_BACK[1:])
def test_smaller_crf_is_better_and_larger(tmp_path, suffix):
    sizes, errors = [], []
    frames = waves()
    for crf in (10, 40):
        path = write(tmp_path / f"{crf}{suffix}", frames, crf=crf)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(np.stack(list(VideoReader(path))).astype(int) - frames).mean())

    assert sizes[0] > sizes[1] and errors[0] < errors[1]


def test_colours_of_an_avif_are_told_as_srgb(tmp_path):
    data = write(tmp_path / "a.avif", waves()).read_bytes()
    at = data.index(b"nclx")

    assert struct.unpack_from(">HHHB", data, at + 4) == (1, 13, 1, 0)  # sRGB, in the range of television


def test_a_webp_with_a_number_in_its_name_is_many_stills(tmp_path):
    write(tmp_path / "f_%03d.webp", waves(3))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["f_000.webp", "f_001.webp", "f_002.webp"]
    assert target_of(tmp_path / "a.webp") == tmp_path / "a.webp"


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_interrupted_picture_leaves_nothing_behind_and_keeps_the_earlier_one(tmp_path, suffix, stop):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"earlier")

    with pytest.raises(stop), VideoWriter(path, 25) as writer:
        writer.write(waves())
        raise stop

    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"earlier"


def test_sides_that_a_webp_does_not_hold_are_refused_at_the_first_frame(tmp_path):
    with pytest.raises(MediaError, match="up to 16383 pixels in a side"), VideoWriter(tmp_path / "a.webp", 25) as out:
        out.write(np.zeros((1, 2, 16384, 3), np.uint8))

    assert list(tmp_path.iterdir()) == []


def test_an_ffmpeg_without_the_encoder_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("fom_core.media.encoders.run_ffmpeg", lambda *_: (" V..... libx264 H.264\n", None))

    with pytest.raises(MediaError, match=r"no encoder libwebp_anim, which \.webp files need"):
        VideoWriter(tmp_path / "a.webp", 25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", KINDS)
def test_the_encoders_of_h264_make_no_animated_pictures(tmp_path, suffix):
    with pytest.raises(UsageError, match=r"makes H\.264"):
        VideoWriter(tmp_path / f"a{suffix}", 25, encoder="libx264")
