"""Faces of portraits and whole pictures, labelled by YuNet: what the embedded face detector learns from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from fom_core.documents.readers import read_csv, wrong_as
from fom_core.errors import MediaError
from fom_core.faces.boxes import iou
from fom_core.faces.detection import Detection, Detector, distinct
from fom_core.faces.detectors.embedded import EmbeddedDetector
from fom_core.files.paths import replacing
from fom_core.media import VideoReader, read_picture

from .photographs import Photograph
from .pictures import FACE, IGNORE
from .scenes import Portrait

log = logging.getLogger(__name__)
SURE, DOUBTFUL = 0.7, 0.3  # YuNet scores: above, a face; between, not taught either way
LIKELY = 0.5  # in whole pictures the doubt starts here: below are bodies and cloth, mostly
FORMER = 0.4  # least score of a former detector's mistakes


def load_portraits(clips: Path, labeller: Detector, split: str, every: int = 25) -> list[Portrait]:
    """All permissively licensed stills, and every n-th frame of such videos, with a face in them."""
    rows, portraits = _rows(clips, split), []
    for row in rows:
        for image in _pictures(clips / row["file"], row["kind"], every):
            boxes = [(*found.box_px, FACE if found.score >= SURE else IGNORE) for found in labeller.detect(image)]
            if any(box[4] == FACE for box in boxes):
                portraits.append(Portrait(image, np.array(boxes)))
    log.info("%s: %d pictures with a face from %d files", split, len(portraits), len(rows))
    return portraits


def load_photographs(folder: Path, labeller: Detector, weights: Path | None = None) -> list[Photograph]:
    """All permissively licensed stills for training, with faces or without.

    With the weights of a former detector, also the places where it sees faces that are none.
    """
    former = EmbeddedDetector(weights, threshold=FORMER) if weights else None
    photographs = []
    for row in _rows(folder, "train"):
        image = read_picture(folder / row["file"])
        found = labels(image, labeller)
        boxes = [(*face.box_px, FACE if face.score >= SURE else IGNORE) for face in found if face.score >= LIKELY]
        truth = np.array([face.box_px for face in found]).reshape(-1, 4)
        guesses = [guess.box_px for guess in former.detect(image)] if former else []
        mistakes = [box for box in guesses if not (len(truth) and iou(np.array(box), truth).max() > 0.3)]
        photographs.append(Photograph(image, np.array(boxes).reshape(-1, 5), np.array(mistakes).reshape(-1, 4)))
    log.info("%d photographs, %d mistakes", len(photographs), sum(len(each.mistakes) for each in photographs))
    return photographs


def labels(image: np.ndarray, labeller: Detector) -> list[Detection]:
    """Faces of a picture or its mirror image, best first."""
    width = image.shape[1]
    reflected = [
        replace(face, box_px=(width - face.box_px[2], face.box_px[1], width - face.box_px[0], face.box_px[3]))
        for face in labeller.detect(np.ascontiguousarray(image[:, ::-1]))
    ]
    return distinct([*labeller.detect(image), *reflected], 0.4)


def labelled_once(cache: Path, label: Callable[[], list[Portrait]]) -> list[Portrait]:
    """Portraits from a former run of this output folder, else labelled now and kept there. All have one size."""
    if not cache.exists():
        portraits = label()
        boxes = np.concatenate([portrait.boxes for portrait in portraits])
        counts = np.array([len(portrait.boxes) for portrait in portraits])
        with replacing(cache) as temporary:
            np.savez(temporary, images=np.stack([portrait.image for portrait in portraits]), boxes=boxes, counts=counts)
    with np.load(cache) as stored:
        boxes = np.split(stored["boxes"], np.cumsum(stored["counts"])[:-1])
        return [Portrait(image, own) for image, own in zip(stored["images"], boxes, strict=True)]


def _pictures(path: Path, kind: str, every: int) -> Iterator[np.ndarray]:
    for index, image in enumerate(VideoReader(path)):
        if index % every == 0:
            yield image
        if kind != "video":
            return


def _rows(folder: Path, split: str) -> list[dict[str, str]]:
    """What the folder's index lists for this split under permissive licences."""
    index = folder / "index.csv"
    with wrong_as(MediaError, index):
        rows = [row for _, row in read_csv(index, ("file", "licence_class", "split")).rows]
    return [row for row in rows if row["licence_class"] == "permissive" and row["split"] == split]
