"""Moving previews of the motions that come with the project: small animated pictures of one portrait."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..backends.load import load_model
from ..errors import NoFaceFound
from ..faces.detect import detect_faces
from ..faces.regions import crop_face
from ..faces.selection import select_faces
from ..files.paths import ASSETS
from ..media import VideoReader, VideoWriter, read_picture
from ..motion import embedded_motion, resample
from ..pipeline import animate_picture

SIDE, RATE, CRF = 96, 9.0, 47  # of a preview: pixels, frames a second, quality


def write_previews(folder: Path, names: Iterable[str], picture: Path | None = None) -> None:
    """Write ``NAME.webp`` for each motion into ``folder``, and print where it is. Raises NoFaceFound."""
    model = load_model("mini")
    shown = _portrait() if picture is None else read_picture(str(picture), max_size=512)
    faces = detect_faces(shown, "embedded")
    if not len(faces):
        raise NoFaceFound(f"No face was found in {picture or 'the portrait'}. Choose a picture with a visible face.")
    faces = select_faces(faces, None, picture=shown)
    for name in names:
        motion = embedded_motion(name)
        motion = resample(motion, motion.fps, RATE)
        path = folder / f"{name.replace(' ', '_')}.webp"
        with VideoWriter(path, RATE, crf=CRF) as writer:
            for frames in animate_picture(model, shown, faces, motion):
                writer.write(np.stack([crop_face(frame, faces[0].crop_px, SIDE) for frame in frames]))
        print(path)


def _portrait() -> np.ndarray:
    """The first frame of a clip that comes along: a public-domain photograph."""
    with VideoReader(ASSETS / "check_frames.mp4") as video:
        return next(iter(video))
