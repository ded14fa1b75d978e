"""The faces of a video, each with its number and its place in every frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from ..errors import NoFaceFound, UsageError
from ..types import FaceRegion, FaceSet
from .detection import Detection
from .regions import MARGIN, CropRule, as_box, regions_from_detections
from .selection import LEFT_TO_RIGHT, PROMINENT_FIRST, chosen, face_area, prominence

_NOWHERE = 1e9  # behind everybody


@dataclass(frozen=True)
class FaceTrack:
    """One face through a video.

    boxes: (T, 4) float32 in pixels, steadied over time; NaN in frames that do not show the face.
    shown: (T,) float32 how far the face may be moved: 1 in full sight, less where it comes and goes, 0 out of sight.
    score: mean of the detector's.
    rolls: (T,) float32 how far the head is turned clockwise, in degrees; None for an upright one. The boxes are those
           before they are turned about their middles.
    """

    id: int
    boxes: np.ndarray
    shown: np.ndarray
    score: float
    rolls: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        seen = int((~np.isnan(self.boxes[:, 0])).sum())
        return f"FaceTrack(id={self.id}, seen in {seen} of {len(self)} frames, score={self.score:.2f})"

    def region(self, frame: int, frame_size: tuple[int, int], crop: CropRule, margin: float) -> FaceRegion | None:
        """The face in one frame; None where it is not shown."""
        box = self.boxes[frame]
        if np.isnan(box[0]):
            return None
        roll = 0.0 if self.rolls is None else float(self.rolls[frame])
        (face,) = regions_from_detections([Detection(as_box(box), self.score, None, roll)], frame_size, crop, margin)
        return replace(face, id=self.id)

    def runs(self) -> list[slice]:
        """The stretches of frames that show the face without a gap."""
        there = np.concatenate([[False], ~np.isnan(self.boxes[:, 0]), [False]])
        edges = np.flatnonzero(np.diff(there.astype(np.int8)))
        return [slice(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]


@dataclass(frozen=True)
class FaceTracks:
    """The faces of a video of ``frame_count`` frames of (height, width), ids in the order of ``tracks``.

    others: found as well, and not to be moved.
    crop, margin: rule for the part of a frame that the model sees, see :func:`.regions_from_boxes`.
    """

    tracks: tuple[FaceTrack, ...]
    frame_size: tuple[int, int]
    frame_count: int
    others: tuple[FaceTrack, ...] = ()
    crop: CropRule = "square"
    margin: float = MARGIN

    def __len__(self) -> int:
        return len(self.tracks)

    def __iter__(self) -> Iterator[FaceTrack]:
        return iter(self.tracks)

    def __repr__(self) -> str:
        height, width = self.frame_size
        others = f" and {len(self.others)} others" if self.others else ""
        found = f"{len(self)} face{'s' * (len(self) != 1)}{others}"
        return f"FaceTracks({found}, {self.frame_count} frames of {width}x{height})"

    def at(self, frame: int) -> FaceSet:
        """The faces that a frame shows."""
        faces, others = (
            tuple(
                region
                for track in tracks
                if (region := track.region(frame, self.frame_size, self.crop, self.margin)) is not None
            )
            for tracks in (self.tracks, self.others)
        )
        return FaceSet(faces, self.frame_size, others)


def whole_frames(frame_size: tuple[int, int], frame_count: int) -> FaceTracks:
    """A video whose frames are animated as a whole, for models that are not for faces."""
    height, width = frame_size
    boxes = np.tile(np.array([0, 0, width, height], np.float32), (frame_count, 1))
    track = FaceTrack(0, boxes, np.ones(frame_count, np.float32), 1.0)
    return FaceTracks((track,), frame_size, frame_count, crop="box")


def require_moving(frame_count: int, name: str = "The source video") -> None:
    """Raise UsageError for a source video of a single frame, in which nothing would move."""
    if frame_count == 1:
        raise UsageError(
            f"{name} has one frame, so it is a picture: give it by --source_image (in Python to detect_faces and "
            "animate_picture, in ComfyUI as a picture)."
        )


def select_tracks(
    tracks: FaceTracks, choice: str | None = "all", *, order: str = LEFT_TO_RIGHT, shown: str = ""
) -> FaceTracks:
    """Those of the faces of a video that are to be animated, as :func:`.select_faces` has it for a picture.

    choice: "all", or numbers from 1 such as "2", "1,3" or "2-4"; None is the most prominent one over all frames.
    order:  in which they are numbered, and so which driver moves which: "left to right" goes by the first frame that
            shows them, and who comes later comes after; the others go by all frames together.
    shown:  what an error says of where the numbers are to be seen, if not by a command.
    The rest stay as ``others``, so that nothing of them moves. Raises NoFaceFound, UsageError.
    """
    if not len(tracks):
        raise NoFaceFound(
            "There is no face to choose from. Take a video that shows a face for a while, or another detector."
        )
    ordered = tracks_in_order(tracks, PROMINENT_FIRST if choice is None else order)
    kept = [0] if choice is None else chosen(choice, len(ordered), "VIDEO", shown=shown)
    return picked_tracks(tracks, [ordered[index] for index in kept])


def tracks_in_order(tracks: FaceTracks, order: str = LEFT_TO_RIGHT) -> list[FaceTrack]:
    """The faces sorted by one of :data:`TRACK_ORDERS`. Raises UsageError for another word."""
    if order not in TRACK_ORDERS:
        raise UsageError(f"The order of faces is one of {', '.join(TRACK_ORDERS)}; got {order!r}.")
    return sorted(tracks, key=lambda track: TRACK_ORDERS[order](track, tracks))


def picked_tracks(tracks: FaceTracks, kept: Iterable[FaceTrack]) -> FaceTracks:
    """These faces alone, with ids in their order; the rest stay as ``others``."""
    mine = list(kept)
    ids = {id(track) for track in mine}
    rest = tuple(track for track in (*tracks.tracks, *tracks.others) if id(track) not in ids)
    return replace(tracks, tracks=tuple(replace(track, id=index) for index, track in enumerate(mine)), others=rest)


def _first_place(track: FaceTrack, _: FaceTracks) -> tuple[float, ...]:
    """When the face comes, and how far left it is then."""
    frames = np.flatnonzero(~np.isnan(track.boxes[:, 0]))
    if not len(frames):
        return (_NOWHERE,)
    box = track.boxes[frames[0]]
    return float(frames[0]), float(box[0] + box[2])


def _total(measure: Callable[[FaceRegion], float]) -> Callable[[FaceTrack, FaceTracks], tuple[float, ...]]:
    """Less for faces that have more of something over all frames."""

    def key(track: FaceTrack, tracks: FaceTracks) -> tuple[float, ...]:
        frames = np.flatnonzero(~np.isnan(track.boxes[:, 0]))
        if not len(frames):
            return (_NOWHERE,)
        low, high = (track.boxes[frames].mean(axis=0)[part] for part in (slice(0, 2), slice(2, 4)))
        mean = FaceRegion((*low.tolist(), *high.tolist()), (0, 0, 1, 1), track.score, track.id, tracks.frame_size)
        return (-measure(mean) * len(frames),)

    return key


def _height(track: FaceTrack, _: FaceTracks) -> tuple[float, ...]:
    """How far up the face is, over all frames."""
    frames = track.boxes[~np.isnan(track.boxes[:, 0])]
    return (float((frames[:, 1] + frames[:, 3]).mean()),) if len(frames) else (_NOWHERE,)


TRACK_ORDERS: Mapping[str, Callable[[FaceTrack, FaceTracks], tuple[float, ...]]] = MappingProxyType(
    {
        LEFT_TO_RIGHT: _first_place,
        "largest first": _total(face_area),
        PROMINENT_FIRST: _total(prominence),
        "top to bottom": _height,
    }
)
