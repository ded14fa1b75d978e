"""Makes the contact sheets of docs/looks.md: hard pictures, animated by an earlier checkout and by this one.

    python docs/make_looks.py EARLIER

EARLIER is a checkout of the project from before pictures were composed. Run it in the project's folder, with the extra
``demo`` installed. Everything is derived from one public-domain photograph, and moved by the embedded motion.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from fom_core.media import read_picture, write_picture
from fom_core.pictures import resize_picture

ROOT = Path(__file__).resolve().parents[1]
SHEETS = ROOT / "docs" / "looks"
MOTION = "fom_core/assets/motion_talk.safetensors"
MOMENTS = (44, 76, 116)  # of the motion, telling ones
HEIGHT = 220  # of a picture on a sheet
QUALITY = 80


def main(earlier: Path) -> None:
    """A sheet for each picture: the source, then moments as they were and as they are."""
    SHEETS.mkdir(exist_ok=True)
    for name, make in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "source.png"
            write_picture(source, make())
            rows = []
            for number, (text, tree) in enumerate((("before", earlier), ("now", ROOT))):
                frames = animated(tree, source, Path(folder) / str(number))
                rows.append(labelled(strip(source, frames), text if frames else f"{text}: no face is found"))
        width = max(row.shape[1] for row in rows)
        sheet = np.vstack(
            [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=250) for row in rows]
        )
        jpeg = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        (SHEETS / f"{name}.jpg").write_bytes(jpeg.tobytes())


def animated(tree: Path, source: Path, folder: Path) -> list[np.ndarray]:
    """Moments of the animation that a checkout makes; none where it finds no face."""
    words = ["animate", "--source_image", source, "--motion", tree / MOTION, "--multi_person", "--model", "mini"]
    words += ["--face_detector", "embedded", "--output", folder, "--filename", "frame.png"]
    command = [sys.executable, "-m", "fom_core", *map(str, words)]
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, check=False, capture_output=True, text=True
    )
    if "No face was found" in done.stderr:
        return []
    done.check_returncode()
    return [read_picture(folder / f"frame_{moment:06}.png", alpha=True) for moment in MOMENTS]


def strip(source: Path, frames: list[np.ndarray]) -> np.ndarray:
    """Source and moments in a row."""
    pictures = [over_checks(picture) for picture in (read_picture(source, alpha=True), *frames)]
    height, width = pictures[0].shape[:2]
    return np.hstack([resize_picture(picture, (HEIGHT, round(width * HEIGHT / height))) for picture in pictures])


def over_checks(picture: np.ndarray) -> np.ndarray:
    """RGB of RGBA, over a chequered ground."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width] // max(4, height // 40)
    ground = np.where((x + y) % 2, 235, 200)[..., None]
    alpha = picture[..., 3:] / 255
    return np.rint(picture[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)


def labelled(row: np.ndarray, text: str) -> np.ndarray:
    """A row with a word over it."""
    band = np.full((26, row.shape[1], 3), 250, np.uint8)
    cv2.putText(band, text, (6, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([band, row])


def photograph(side: int = 512) -> np.ndarray:
    """Head and shoulders, as large as the photograph has them or enlarged."""
    return resize_picture(np.ascontiguousarray(data.astronaut()[:340, 50:390]), (side, side))


def painting() -> np.ndarray:
    """Flat strokes: colours averaged with what is like them nearby."""
    return cv2.pyrMeanShiftFiltering(photograph(), 9, 24)


def old_photograph() -> np.ndarray:
    """Brown, pale and grainy."""
    grey = cv2.cvtColor(photograph(), cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 24, grey.shape[:2]), (0, 0), 0.8)[..., None]
    return np.clip((40 + 0.75 * grey + grain) * np.array([1.06, 0.94, 0.78]), 0, 255).astype(np.uint8)


def group_of_four() -> np.ndarray:
    """Four people in a wide picture."""
    one = photograph(480)
    tones = ((1.0, 1.0, 1.0), (1.06, 0.94, 0.8), (0.9, 1.0, 1.08), (0.75, 0.75, 0.75))
    four = [one[:, ::-1] if number % 2 else one for number in range(4)]
    return np.hstack(
        [np.clip(each * np.array(tone), 0, 255).astype(np.uint8) for each, tone in zip(four, tones, strict=True)]
    )


def twins() -> np.ndarray:
    """Two heads, one in front of the other."""
    one = photograph()
    wide = np.hstack([one, one[:, -140:][:, ::-1]])
    mask = _silhouette(one)
    share, other = np.zeros((*wide.shape[:2], 1), np.float32), np.zeros_like(wide)
    share[:, 140:], other[:, 140:] = mask[:, ::-1, None], one[:, ::-1]
    return (wide * (1 - share) + other * share).astype(np.uint8)


def cut_by_the_border() -> np.ndarray:
    """Half of the hair and a cheek are outside."""
    return np.ascontiguousarray(photograph()[70:, 170:482])


def rolled() -> np.ndarray:
    """A head that lies on its side."""
    return np.ascontiguousarray(np.rot90(photograph()))


def cut_out() -> np.ndarray:
    """Head and shoulders without their ground: RGBA."""
    one = photograph()
    return np.dstack([one, (255 * _silhouette(one)).astype(np.uint8)])


def of_4000_pixels() -> np.ndarray:
    """A large scan; the photograph itself has fewer pixels."""
    return photograph(4000)


def _silhouette(picture: np.ndarray) -> np.ndarray:
    """The person (H, W) in [0, 1], by GrabCut from a rough outline."""
    height, width = picture.shape[:2]
    marks = np.full((height, width), cv2.GC_BGD, np.uint8)
    cv2.ellipse(marks, (width // 2, height), (width // 2, height // 2), 0, 0, 360, int(cv2.GC_PR_FGD), -1)
    cv2.ellipse(
        marks,
        (width // 2, int(0.32 * height)),
        (int(0.27 * width), int(0.33 * height)),
        0,
        0,
        360,
        int(cv2.GC_PR_FGD),
        -1,
    )
    cv2.ellipse(
        marks, (width // 2, int(0.34 * height)), (int(0.13 * width), int(0.18 * height)), 0, 0, 360, int(cv2.GC_FGD), -1
    )
    cv2.grabCut(picture, marks, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    person = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    person = cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((41, 41), np.uint8)).astype(np.float32)
    return cv2.GaussianBlur(person, (0, 0), 1.2)


PICTURES: dict[str, Callable[[], np.ndarray]] = {
    "painting": painting,
    "old_photograph": old_photograph,
    "group_of_four": group_of_four,
    "twins": twins,
    "cut_by_the_border": cut_by_the_border,
    "rolled": rolled,
    "cut_out": cut_out,
    "of_4000_pixels": of_4000_pixels,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
