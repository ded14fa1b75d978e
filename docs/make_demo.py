"""Makes the README's picture: what `fom demo` begins with, and close moments of what it makes of it.

    python docs/make_demo.py

Run it in the project's folder, with the extra ``demo`` installed, and again with every new embedded model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fom_core.backends.load import load_model
from fom_core.compose import Composition
from fom_core.demo import demo_motion, demo_picture
from fom_core.faces.detect import detect_faces
from fom_core.motion import FADE_IN_S
from fom_core.pictures import resize_picture
from fom_core.pipeline import Scene, compose_picture
from fom_core.types import MotionTransfer, RunOptions
from tools.contact_sheets import save

SHEET = Path(__file__).resolve().with_name("demo.jpg")
WIDTH, MOST_BYTES = 960, 160_000
FRAMES = (12, 28, 44, 66, 86)  # of the demo's motion: the head to one side, back, and to the other
SHOWN = (1, 0)  # of the three prints: the one in colour, and the brown one


def main() -> None:
    """The wall, and below it a row of moments for some of its faces."""
    wall = demo_picture()
    faces = detect_faces(wall, "embedded")
    scene = Scene(wall, faces, [demo_motion()], MotionTransfer(initial_frame="medoid", fade_in_s=FADE_IN_S))
    run = RunOptions(frames=range(FRAMES[-1] + 1))
    frames = np.concatenate(list(compose_picture(load_model("mini"), scene, Composition(), run)))
    rows = [np.hstack([_head(frames[moment], faces[face].box_px) for moment in FRAMES]) for face in SHOWN]
    save(SHEET, np.vstack([resize_picture(wall, (WIDTH * 9 // 16, WIDTH)), *rows]), MOST_BYTES)


def _head(frame: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """A square with head and neck."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = 0.95 * (box[3] - box[1])
    left, top = round(x - half), round(y - half)
    part = frame[top : top + round(2 * half), left : left + round(2 * half)]
    return resize_picture(part, (WIDTH // len(FRAMES), WIDTH // len(FRAMES)))


if __name__ == "__main__":
    main()
