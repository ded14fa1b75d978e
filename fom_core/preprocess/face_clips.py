"""From raw videos to clips of one face each: the face stays in one fixed square from the first frame to the last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ..faces.boxes import iou
from ..faces.detection import Detection, Detector
from ..faces.regions import MARGIN, crop_face
from ..faces.tracking import fixed_view
from ..media import VideoWriter
from ..types import Box

OVERLAP = 0.3  # with the last box of a face, for a detection to be the same face
ROAM = 1.6  # face sides that a face may pass through; one that goes farther begins a new clip
PATIENCE = 2  # looks that a face may be missed in
CUT = 28.0  # mean difference of small grey pictures, of 255, between frames that belong to two scenes


@dataclass(frozen=True)
class Rules:
    """What a clip has to be like.

    size:        of its pictures, in pixels.
    min_crop_px: least side of the square in the raw video; a smaller one would be enlarged too much.
    every:       frames from one look for faces to the next.
    """

    size: int = 256
    min_frames: int = 64
    max_frames: int = 1500
    min_crop_px: int = 128
    every: int = 5
    margin: float = MARGIN


@dataclass(frozen=True)
class Piece:
    """Frames ``start`` to ``stop`` of a video, exclusive, and the square to cut out of them."""

    start: int
    stop: int
    crop_px: Box

    def why_not(self, rules: Rules) -> str | None:
        """The reason to leave it out, or None."""
        if self.stop - self.start < rules.min_frames:
            return f"too short: under {rules.min_frames} frames"
        if self.crop_px[2] - self.crop_px[0] < rules.min_crop_px:
            return f"too small: under {rules.min_crop_px} pixels"
        return None


@dataclass(eq=False)  # boxes are arrays, and each face is itself only
class _Track:
    """A face while it is followed."""

    start: int
    last: int
    boxes: list[np.ndarray] = field(default_factory=list)

    def add(self, index: int, box: np.ndarray) -> None:
        self.last = index
        self.boxes.append(box)

    def holds(self, box: np.ndarray) -> bool:
        """Whether the face can be there and the square still hold all of its way."""
        boxes = np.array([*self.boxes, box])
        extent = (boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)).max()
        return bool(extent <= ROAM * np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))


def find_pieces(frames: Iterable[np.ndarray], detector: Detector, rules: Rules) -> list[Piece]:
    """Follow every face through the frames (H, W, 3) uint8, scene by scene; none is held. In order of their start."""
    tracks: list[_Track] = []
    ended: list[_Track] = []
    before: np.ndarray | None = None
    frame_size = (0, 0)
    for index, frame in enumerate(frames):
        frame_size = frame.shape[0], frame.shape[1]
        small = _small(frame)
        if before is not None and np.abs(small - before).mean() > CUT:
            ended, tracks = ended + tracks, []
        before = small
        if index % rules.every == 0:
            _look(tracks, detector.detect(frame), index)
            over = [track for track in tracks if _is_over(track, index, rules)]
            ended, tracks = ended + over, [track for track in tracks if track not in over]
    pieces = [
        Piece(track.start, track.last + 1, fixed_view(np.array(track.boxes), frame_size, rules.margin))
        for track in ended + tracks
    ]
    return sorted(pieces, key=lambda piece: (piece.start, piece.crop_px))


def _look(tracks: list[_Track], found: Sequence[Detection], index: int) -> None:
    """Give each detection to the track it continues, surest first, or begin one."""
    free = list(tracks)
    for detection in sorted(found, key=lambda detection: -detection.score):
        box = np.array(detection.box_px)
        overlap = iou(box, np.array([track.boxes[-1] for track in free]).reshape(-1, 4))
        best = int(overlap.argmax()) if free else -1
        if best >= 0 and overlap[best] >= OVERLAP and free[best].holds(box):
            free.pop(best).add(index, box)
        else:
            tracks.append(_Track(index, index, [box]))


def _is_over(track: _Track, index: int, rules: Rules) -> bool:
    return index - track.last >= PATIENCE * rules.every or index - track.start >= rules.max_frames


def _small(frame: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return grey.astype(np.float32)


def write_pieces(
    frames: Iterable[np.ndarray], pieces: Sequence[tuple[Piece, Path]], rate: Fraction, size: int
) -> list[int]:
    """Cut pieces out of one pass over the frames, each into its video or folder; gives the frames of each.

    A piece appears when it is complete; a video that ends too early shortens it. Raises MediaError or WriteError.
    """
    writers: dict[int, VideoWriter] = {}
    counts = [0] * len(pieces)
    end = max((piece.stop for piece, _ in pieces), default=0)
    try:
        for index, frame in zip(range(end), frames, strict=False):
            for number, (piece, path) in enumerate(pieces):
                if piece.start <= index < piece.stop:
                    writer = writers.get(number) or writers.setdefault(number, VideoWriter(path, rate, synthetic=False))
                    writer.write(crop_face(frame, piece.crop_px, (size, size)))
                    counts[number] += 1
                    if index + 1 == piece.stop:
                        writers.pop(number).close()
        while writers:
            writers.popitem()[1].close()
    except BaseException:
        for writer in writers.values():
            writer.discard()
        raise
    return counts
