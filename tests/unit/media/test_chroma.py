"""Colours of results lie where their shapes do, and files say how their numbers mean them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fom_core.media import VideoReader, VideoWriter


def stripes(height: int, width: int, channels: int) -> np.ndarray:
    """Three frames of purple and green that pass into each other every eight pixels, down and across."""
    y, x = np.mgrid[:height, :width]
    tint = 30 * (np.sin(2 * np.pi * x / 16) + np.sin(2 * np.pi * y / 16))
    frame = np.stack([128 + tint, 128 - tint, 128 + tint, np.full_like(tint, 255)], axis=-1)[..., :channels]
    return np.repeat(frame.round().astype(np.uint8)[None], 3, axis=0)


def write(path: Path, frames: np.ndarray, **options) -> Path:
    with VideoWriter(path, 10, **options) as writer:
        writer.write(frames)
    return path


def blue_of_fours(frame: np.ndarray) -> np.ndarray:
    """Cb of each two by two pixels by BT.709, in the range of television; odd sides repeat their last pixels."""
    height, width = frame.shape[:2]
    even = np.pad(frame[..., :3].astype(float), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    cb = (even[..., 2] - even @ (0.2126, 0.7152, 0.0722)) / 1.8556
    return 128 + 224 / 255 * cb.reshape(len(even) // 2, 2, -1, 2).mean((1, 3))


@pytest.mark.parametrize("size", [(80, 96), (80, 95), (79, 96), (79, 95)], ids=str)
@pytest.mark.parametrize(("suffix", "channels"), [(".mp4", 3), (".webm", 3), (".webm", 4), (".avif", 3), (".avif", 4)])
def test_chroma_is_that_of_the_middle_of_four_pixels(
    tmp_path: Path, ffmpeg: Callable[..., str], size: tuple[int, int], suffix: str, channels: int
):
    frames = stripes(*size, channels)
    path, raw = write(tmp_path / f"a{suffix}", frames, crf=1), tmp_path / "planes.raw"

    ffmpeg("-i", path, "-map", "0:v:0", "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "yuv420p", raw)

    expected = blue_of_fours(frames[0])
    height, width = 2 * np.array(expected.shape) if suffix == ".mp4" else size
    planes = np.fromfile(raw, np.uint8)
    assert planes.size == height * width + 2 * expected.size
    stored = planes[height * width :][: expected.size].reshape(expected.shape).astype(float)
    assert np.abs(stored - expected)[:-1, :-1].mean() < 1.5  # half a pixel aside it is 4 to 6


@pytest.mark.parametrize("size", [(48, 64), (47, 63)], ids=str)
@pytest.mark.parametrize("sound", [False, True], ids=["silent", "with sound"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_videos_say_their_range_matrix_curve_and_where_the_chroma_lies(
    tmp_path: Path, ffmpeg: Callable[..., str], sound_clip: Path, suffix: str, sound: bool, size: tuple[int, int]
):
    driver = VideoReader(sound_clip) if sound else None
    path = write(tmp_path / f"a{suffix}", stripes(*size, 3), audio_from=driver)

    assert "yuv420p(tv, bt709, progressive, center)" in ffmpeg("-v", "verbose", "-i", path)
