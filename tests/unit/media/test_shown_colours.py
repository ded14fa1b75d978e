"""Results in a browser look like the picture does there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from fom_core.media import VideoWriter, read_picture
from fom_core.media.encode import VIDEO_SUFFIXES
from tests.unit.media.test_colour import ADOBE, P3, SRGB_CURVE, rgb_profile

pytestmark = pytest.mark.browser
SCRIPT = Path(__file__).with_name("show_media.mjs")
SUFFIXES = [".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp", ".avif"]
VIDEOS = {"primaries": "bt709", "transfer": "bt709", "matrix": "bt709", "fullRange": False}
MOST_LEVELS = 2.0  # by the other matrix they are 4 to 5


def colourful(height: int, width: int) -> np.ndarray:
    """Soft waves of all hues."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 23 + y / 61), np.sin(y / 29 + 2), np.cos(x / 31 - y / 37)]
    return np.clip(128 + 60 * np.stack(waves, axis=-1), 0, 255).astype(np.uint8)


def srgb(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path.with_suffix(".jpg"), quality=98, subsampling=0)
    return path.with_suffix(".jpg")


def display_p3(path: Path, pixels: np.ndarray) -> Path:
    icc = rgb_profile(P3, SRGB_CURVE)
    Image.fromarray(pixels).save(path.with_suffix(".jpg"), quality=98, subsampling=0, icc_profile=icc)
    return path.with_suffix(".jpg")


def adobe_rgb(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path.with_suffix(".png"), icc_profile=rgb_profile(ADOBE, (563 / 256,)))
    return path.with_suffix(".png")


def grey(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels[..., 0]).save(path.with_suffix(".jpg"), quality=98)
    return path.with_suffix(".jpg")


def sixteen_bits(path: Path, pixels: np.ndarray) -> Path:
    cv2.imwrite(str(path.with_suffix(".png")), pixels[..., ::-1].astype(np.uint16) * 257)
    return path.with_suffix(".png")


def show(browser: dict[str, str], folder: Path, seconds: float, *files: Path) -> tuple[list[Any], list[np.ndarray]]:
    """What the browser tells of these files, and (H, W, 3) pictures of what it shows at that time."""
    folder.mkdir()
    command = ["node", str(SCRIPT), str(folder), str(seconds), *map(str, files)]
    ended = subprocess.run(command, env=browser, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert [entry for entry in told if "error" in entry] == []
    return told, [read_picture(folder / f"{number}.png")[..., :3] for number in range(len(files))]


# Heights on both sides of those by which players guess a matrix where a file tells none: 576 and 1080 lines.
@pytest.mark.parametrize(
    ("save", "size"),
    [
        (srgb, (240, 320)),
        (display_p3, (720, 960)),
        (adobe_rgb, (175, 231)),
        (grey, (577, 435)),
        (sixteen_bits, (1101, 641)),
    ],
)
def test_results_look_like_their_picture_in_a_browser(browser, tmp_path, save, size):
    source = save(tmp_path / "source", colourful(*size))
    still = read_picture(source)
    frames = np.stack([still, still - still // 4, still, still - still // 4])  # the third is looked at
    results = [tmp_path / f"result{suffix}" for suffix in SUFFIXES]
    for result in [*results, tmp_path / "result.png"]:
        with VideoWriter(result, 10) as writer:
            writer.write(frames)

    told, shown = show(browser, tmp_path / "shown", 0.25, source, *results, tmp_path / "result_000002.png")

    wanted = shown[0].astype(int)
    for suffix, entry, found in zip([*SUFFIXES, ".png"], told[1:], shown[1:], strict=True):
        error = found[: size[0], : size[1]].astype(np.float32) - wanted
        if suffix == ".gif":
            error = error.mean((0, 1))  # of 256 colours, whose dots are right together
        assert np.abs(error).mean() <= MOST_LEVELS, suffix
        if suffix in VIDEO_SUFFIXES - {".gif"}:
            assert entry["colours"] == VIDEOS, suffix
