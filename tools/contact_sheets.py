"""Shows portraits of people whom no model here has learnt from, each moved by drivers at their most telling moments.

    python -m tools.contact_sheets CLIPS --output docs/results
    python -m tools.contact_sheets CLIPS --output FOLDER --model NEW.safetensors --against mini

Writes a sheet for each driver, such as ``talking.jpg``: two moments of the driver, how it begins and what it does, and
pairs of a portrait and what becomes of it; with ``--against`` there are three, source, before (that model) and after.
CLIPS is a folder with an index.csv. Only files of its split val and its licence class permissive are shown: who puts
sheets of others onto a page credits them there. The first line makes the sheets of docs/results.md, whose sentences
tell what was seen on them: look, and write them anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fom_core.backends import Backend
from fom_core.backends.load import load_model
from fom_core.compose import Composition
from fom_core.driver import read_driver
from fom_core.errors import MediaError
from fom_core.faces.detect import detect_faces, load_detector
from fom_core.faces.detection import Detector
from fom_core.faces.regions import whole_picture
from fom_core.faces.selection import select_faces
from fom_core.faces.tracking import DrivingCrop
from fom_core.media import VideoReader, read_picture
from fom_core.motion import FADE_IN_S, SMOOTHING, smooth
from fom_core.motion.initial import find_medoid
from fom_core.pictures import LUMA, resize_picture
from fom_core.pipeline import Scene, compose_picture
from fom_core.training.data.clips import find_entries
from fom_core.types import Motion, MotionTransfer, RunOptions

CELL, GAP, LINE, ROW = 150, 8, 22, 4  # pixels of a picture, between pairs and of a line of text; pairs side by side
LED_IN = 4  # frames before the moment are composed, too: something is held over from frame to frame
MOST_BYTES, QUALITIES = 240_000, range(90, 40, -5)  # of a sheet
PAPER, INK = 250, (40, 40, 40)


def grey(picture: np.ndarray) -> np.ndarray:
    """Black and white: (H, W, 3) uint8."""
    return np.repeat(np.rint(picture @ np.array(LUMA))[..., None], 3, axis=2).astype(np.uint8)


def sepia(picture: np.ndarray) -> np.ndarray:
    """Brown and pale, as old prints are."""
    return np.clip((40 + 0.75 * grey(picture)) * (1.06, 0.94, 0.78), 0, 255).astype(np.uint8)


def painted(picture: np.ndarray) -> np.ndarray:
    """Flat strokes: colours averaged with what is like them nearby."""
    return cv2.pyrMeanShiftFiltering(picture, 6, 24)


TONES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda picture: picture, "grey": grey, "sepia": sepia, "painted": painted,
}  # fmt: skip


@dataclass(frozen=True)
class Portrait:
    """A file of the clips, and one of :data:`TONES`."""

    file: str
    tone: str = ""


@dataclass(frozen=True)
class Performance:
    """A driving clip; ``frame`` is its most telling moment."""

    name: str
    file: str
    frame: int


PORTRAITS = (
    Portrait("stills/40df711aec_0.jpg"), Portrait("stills/2e873269e9_0.jpg"), Portrait("stills/67fb16a1c8_0.jpg"),
    Portrait("stills/1f584b3498_0.jpg"), Portrait("stills/a891d5a7d1_0.jpg"), Portrait("stills/51710a5a4e_0.jpg"),
    Portrait("stills/0681460592_0.jpg"), Portrait("stills/a8910dbd3d_0.jpg"),
    Portrait("stills/669810aad2_0.jpg", "grey"), Portrait("stills/413f002f10_0.jpg", "grey"),
    Portrait("stills/c508911985_0.jpg", "sepia"), Portrait("stills/cead53cba2_0.jpg", "painted"),
)  # fmt: skip
PERFORMANCES = (
    Performance("talking", "video/v_d5dcd_d5dcd_0.mp4", 36),
    Performance("open mouth", "video/v_67c9c_67c9c_0.mp4", 39),
    Performance("large turn", "video/v_b5041_b5041_1.mp4", 99),
    Performance("look around", "video/v_6fa0e_6fa0e_0.mp4", 63),
)


class Sheets:
    """Draws the sheets of one folder of clips, whose files it finds by their names below that folder.

    models: one, or the one before and the one after.
    crop:   of the driving clips.
    """

    def __init__(self, clips: Path, models: Sequence[Backend], detector: Detector, crop: DrivingCrop = "auto") -> None:
        self.models, self.detector = models, detector
        self.crop: DrivingCrop = crop
        entries = find_entries(clips, "val", ["permissive"])
        self._files = {str(entry.path.relative_to(clips)): entry.path for entry in entries}

    def file(self, name: str) -> Path:
        """A file that may be shown. Raises MediaError for another."""
        if name not in self._files:
            raise MediaError(f"{name} is not among the clips of the split val under permissive licences.")
        return self._files[name]

    def draw(self, performance: Performance, portraits: Sequence[Portrait]) -> np.ndarray:
        """The sheet of a driver: (H, W, 3) uint8."""
        with VideoReader(self.file(performance.file)) as video:
            frames, fps = np.stack(list(video)), video.fps
        motions = [
            smooth(read_driver(model, frames, fps, self.detector, crop=self.crop), SMOOTHING) for model in self.models
        ]
        first = find_medoid(motions[-1].keypoints)
        tiles = [_captioned([frames[first], frames[performance.frame]], ["driver, at rest", performance.name])]
        words = ["source", "result"] if len(self.models) == 1 else ["source", "before", "after"]
        for portrait in portraits:
            source = TONES[portrait.tone](read_picture(str(self.file(portrait.file))))
            moved = [self.moved(*pair, source, performance.frame) for pair in zip(self.models, motions, strict=True)]
            tiles.append(_captioned([source, *moved], [portrait.tone or words[0], *words[1:]]))
        return _laid_out(tiles)

    def moved(self, model: Backend, motion: Motion, picture: np.ndarray, frame: int) -> np.ndarray:
        """The picture at a frame of the motion, as ``fom animate`` makes it; all of it where no face is found."""
        faces = detect_faces(picture, self.detector)
        faces = select_faces(faces, None, picture=picture) if len(faces) else whole_picture(picture.shape[:2])
        transfer = MotionTransfer(initial_frame="medoid", fade_in_s=FADE_IN_S)
        numbers = range(max(0, frame - LED_IN), min(frame, len(motion) - 1) + 1)
        scene = Scene(picture, faces, [motion], transfer)
        *_, last = compose_picture(model, scene, Composition(), RunOptions(frames=numbers))
        return last[-1]


def _captioned(pictures: Sequence[np.ndarray], words: Sequence[str]) -> np.ndarray:
    """Pictures side by side, a word over each."""
    tiles = []
    for picture, word in zip(pictures, words, strict=True):
        band = np.full((LINE, CELL, 3), PAPER, np.uint8)
        cv2.putText(band, word, (3, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
        tiles.append(np.vstack([band, resize_picture(picture, (CELL, CELL))]))
    return np.hstack(tiles)


def _laid_out(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Tiles of one height in rows: the first alone, the others :data:`ROW` side by side."""
    rows = [tiles[:1], *(tiles[start : start + ROW] for start in range(1, len(tiles), ROW))]
    lines = [np.hstack([_padded(tile, GAP, GAP) for tile in row]) for row in rows]
    width = max(line.shape[1] for line in lines)
    return np.vstack([_padded(line, 0, width - line.shape[1]) for line in lines])


def _padded(picture: np.ndarray, below: int, right: int) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(PAPER,) * 3)


def save(path: Path, sheet: np.ndarray, most_bytes: int = MOST_BYTES) -> None:
    """Write a JPEG, as good as so many bytes allow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_OPTIMIZE, 1, cv2.IMWRITE_JPEG_QUALITY]
    bgr = np.ascontiguousarray(sheet[..., ::-1])
    files = (cv2.imencode(".jpg", bgr, [*options, quality])[1].tobytes() for quality in QUALITIES)
    data = next((data for data in files if len(data) <= most_bytes), None)
    if data is None:
        raise SystemExit(f"{path} would have more than {most_bytes} bytes.")
    path.write_bytes(data)
    print(path, f"{len(data) / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.contact_sheets", description=__doc__)
    parser.add_argument("clips", type=Path, metavar="CLIPS")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--model", default="mini", help="name or file (default: mini)")
    parser.add_argument("--against", metavar="MODEL", help="another, shown before it")
    parser.add_argument("--portraits", nargs="+", metavar="FILE[=TONE]", help="others, named as in the index.csv")
    parser.add_argument("--drivers", nargs="+", metavar="NAME=FILE@FRAME", help="others, such as nod=video/a.mp4@20")
    args = parser.parse_args()
    names = [args.model] if args.against is None else [args.against, args.model]
    sheets = Sheets(args.clips, [load_model(name, device="cpu") for name in names], load_detector("embedded"))
    portraits = [Portrait(*text.split("=")) for text in args.portraits] if args.portraits else PORTRAITS
    for performance in [_performance(text) for text in args.drivers] if args.drivers else PERFORMANCES:
        save(args.output / f"{performance.name.replace(' ', '_')}.jpg", sheets.draw(performance, portraits))


def _performance(text: str) -> Performance:
    name, _, rest = text.partition("=")
    file, _, frame = rest.rpartition("@")
    return Performance(name, file, int(frame))


if __name__ == "__main__":
    main()
