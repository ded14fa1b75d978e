"""Finding the faces of a video: who is who from frame to frame, through gaps, crossings and short cuts."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..errors import MediaError
from ..types import Progress
from .detect import MIN_SIZE_PX, face_side, load_detector
from .detection import Detection, Detector, distinct
from .landmarks import without_points
from .likeness import alike, look_of, middle_of, side_of, sides_apart
from .regions import MARGIN, OVERLAP, CropRule, as_box
from .second_look import second_look
from .steadying import steadied, steadied_rolls
from .tracks import FaceTrack, FaceTracks, require_moving
from .turned import ACCEPTED, BETTER, CONFIDENT, STEP_DEG, TurningDetector, normal

log = logging.getLogger(__name__)
LOOK_S = 0.2  # between two looks of the detector
EVERYWHERE_S = 1.0  # between two looks at the whole frame: else it looks where faces are awaited
KEPT_S = 1.5  # a face that is out of sight for no longer keeps its number
COASTS_S = 1.0  # and moves on as it moved for so long
LEAST_S = 0.5  # what is seen for less, all in all, is no face
NEAR = 0.6  # face sides between two places that are near by 1/√e
REACH, FASTER = (
    1.0,
    4.0,
)  # in face sides: how far a face may be from where it is awaited, and more a second out of sight
GROWN = 1.8  # how much larger or smaller it may be
LEANS_DEG = (-STEP_DEG, STEP_DEG)  # from its roll so far, at which a head that is lost or doubtful is looked for
ALIKE_AFTER_CUT = 0.35  # least likeness behind a cut, where places tell nothing
APART = 1.5  # face sides between two faces that are not in each other's surroundings
CUT, STEP = 30.0, 40  # mean difference in levels between two frames of different scenes; every 40th pixel tells


@dataclass(eq=False)
class _Path:
    """What is known of one face so far.

    looks: boxes (4,) by the number of the frame, the last of them in frame ``last``.
    rolls: in degrees, of the same frames.
    score: sum over all looks.
    """

    looks: dict[int, np.ndarray] = field(default_factory=dict)
    rolls: dict[int, float] = field(default_factory=dict)
    last: int = -1
    score: float = 0.0
    likeness: np.ndarray | None = None
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))  # pixels a frame
    behind_cut: bool = False  # nothing was seen since the scene changed

    @property
    def roll_deg(self) -> float:
        """How far the head was turned when it was seen last."""
        return self.rolls[self.last]

    def awaited(self, frame: int, coasts: float) -> np.ndarray:
        """Where the box will be."""
        return self.looks[self.last] + np.tile(self.velocity * min(frame - self.last, coasts), 2)

    def add(self, frame: int, face: Detection, likeness: np.ndarray, alone: bool) -> None:
        """Take a look into account; of faces that cover one another the look tells nothing of who they are."""
        box = np.array(face.box_px)
        if self.looks and not self.behind_cut:
            step = (middle_of(box) - middle_of(self.looks[self.last])) / (frame - self.last)
            self.velocity = (self.velocity + step) / 2 if len(self.looks) > 1 else step
        else:
            self.velocity = np.zeros(2)
        if self.likeness is None:
            self.likeness = likeness
        elif alone:
            self.likeness = 0.8 * self.likeness + 0.2 * likeness
        self.looks[frame], self.rolls[frame] = box, face.roll_deg
        self.last, self.behind_cut = frame, False
        self.score += face.score


def follow_faces(
    frames: Iterable[np.ndarray],
    detector: Detector | str = "auto",
    *,
    fps: float | None = None,
    crop: CropRule = "square",
    margin: float = MARGIN,
    min_size_px: float = MIN_SIZE_PX,
    threshold: float | None = None,
    progress: Progress | None = None,
) -> FaceTracks:
    """The faces of a video, each with one number as long as it is never out of sight for more than 1.5 seconds.

    frames:   a VideoReader, or frames (H, W, 3) uint8, ``fps`` a second (25 unless told); read once, one is held.
    detector: what finds faces, upright ones; one that is open, or its name. It looks five times a second where
              faces are awaited, and everywhere once a second, where one is missed and where the scene changes; and at
              the last frame of each scene, for a face is not led on beyond the looks that found it. Between
              two looks, and through gaps of half a second in one scene, a face is on its way from one to the other;
              where two cross, who is behind is out of sight until seen again. Heads on their side are found once a
              second, where no face is surely upright, and then followed as they lie.
    crop, margin, min_size_px, threshold: as of :func:`.detect_faces`.
    Faces that are seen for less than half a second are none. Raises MediaError for no frames.
    """
    rate = fps or float(getattr(frames, "fps", 25.0))
    finder = load_detector(detector, threshold=threshold) if isinstance(detector, str) else detector
    follower = _Following(without_points(finder), rate, min_size_px, threshold or 0.0)
    count = 0
    for count, frame in enumerate(frames, 1):
        follower.see(count - 1, frame)
        if progress:
            progress(count, None)
    if not count:
        raise MediaError("The source video has no frames. Choose one that plays.")
    require_moving(count)
    return follower.tracks(count, crop, margin)


class _Following:
    def __init__(self, detector: Detector, fps: float, min_size_px: float, threshold: float) -> None:
        self._detector, self._turning, self._fps = detector, TurningDetector(detector), fps
        self._min_size_px, self._threshold = min_size_px, threshold
        self._every = max(1, round(LOOK_S * fps))
        self._paths: list[_Path] = []
        self._cuts: list[int] = []
        self._thumbnail: np.ndarray | None = None
        self._next = self._everywhere = self._turned = 0  # numbers of the frames to look at, as a whole, and turned
        self._newest: tuple[int, np.ndarray] | None = None
        self._looked = -1  # number of the frame that was looked at last
        self._extra: set[int] = set()  # looks at the ends of scenes, sooner than the others
        self._frame_size = (0, 0)

    def see(self, number: int, frame: np.ndarray) -> None:
        """The next frame; the detector looks at some."""
        self._frame_size = frame.shape[0], frame.shape[1]
        thumbnail = frame[STEP // 2 :: STEP, STEP // 2 :: STEP, :3].astype(np.int16)
        thumbnail = thumbnail if thumbnail.size else frame[:1, :1, :3].astype(np.int16)
        if self._thumbnail is not None and float(np.abs(thumbnail - self._thumbnail).mean()) > CUT:
            self._look_at_end()
            self._cuts.append(number)
            self._next = self._everywhere = self._turned = number
            for path in self._paths:
                path.behind_cut = True
        self._thumbnail, self._newest = thumbnail, (number, frame)
        if number >= self._next:
            self._next = number + self._every
            self._look(number, frame)

    def _look_at_end(self) -> None:
        """Look at the newest frame, the last one of its scene."""
        if self._newest is not None and self._newest[0] > self._looked:
            self._extra.add(self._newest[0])
            self._look(*self._newest)

    def _look(self, number: int, frame: np.ndarray) -> None:
        frame = np.ascontiguousarray(frame[..., :3])
        found = [
            face
            for face in self._found(number, frame)
            if face_side(face) >= self._min_size_px and face.score >= self._threshold
        ]
        boxes = [np.array(face.box_px) for face in found]
        looks = [look_of(frame, box) for box in boxes]
        alive = [path for path in self._paths if number - path.last <= KEPT_S * self._fps]
        pairs = sorted(
            (
                (self._fit(path, box, look, number), p, d)
                for p, path in enumerate(alive)
                for d, (box, look) in enumerate(zip(boxes, looks, strict=True))
            ),
            key=lambda pair: -pair[0],
        )
        mine: dict[int, int] = {}  # by the number of the face found
        for fit, p, d in pairs:
            if fit > 0 and d not in mine and p not in mine.values():
                mine[d] = p
        for d, face in enumerate(found):
            path = alive[mine[d]] if d in mine else _Path()
            if d not in mine:
                self._paths.append(path)
            alone = all(sides_apart(boxes[d], other) > APART for o, other in enumerate(boxes) if o != d)
            path.add(number, face, looks[d], alone)
        self._looked = number

    def _found(self, number: int, frame: np.ndarray) -> list[Detection]:
        """Faces where they are awaited, or anywhere."""
        alive = [path for path in self._paths if number - path.last <= KEPT_S * self._fps]
        seen = [path for path in alive if path.last == self._looked]
        if number < self._everywhere and seen:
            again = [self._again(frame, path, number) for path in alive]
            faces = [face for face in again if face is not None]
            if all(face is not None for path, face in zip(alive, again, strict=True) if path in seen):
                return distinct(faces, OVERLAP)
        self._everywhere = number + round(EVERYWHERE_S * self._fps)
        if number >= self._turned:
            self._turned, found = self._everywhere, self._turning.detect(frame)
        else:
            found = self._turning.as_they_lie(frame, self._detector.detect(frame))
        lying = [self._again(frame, path, number) for path in alive if path.roll_deg]
        return distinct([*found, *(head for head in lying if head is not None)], OVERLAP) if lying else found

    def _again(self, frame: np.ndarray, path: _Path, number: int) -> Detection | None:
        """A face where it is awaited, at the roll that it has by now."""
        place = as_box(path.awaited(number, COASTS_S * self._fps))
        face = second_look(frame, self._detector, place, path.roll_deg)
        doubtful = face is None or (not face.roll_deg and face.score < CONFIDENT)
        if doubtful and path.last == self._looked:  # a head that leans over by now
            least = ACCEPTED if face is None else max(ACCEPTED, face.score + BETTER)
            sides = [second_look(frame, self._detector, place, normal(path.roll_deg + lean)) for lean in LEANS_DEG]
            better = [side for side in sides if side is not None and side.score >= least]
            face = max(better, key=lambda side: side.score, default=face)
        return self._turning.again(frame, face) if face is not None and face.roll_deg else face

    def _fit(self, path: _Path, box: np.ndarray, look: np.ndarray, number: int) -> float:
        """How well a face that was found continues a path; 0 where it cannot be the same."""
        assert path.likeness is not None
        awaited = path.awaited(number, COASTS_S * self._fps)
        same = alike(look, path.likeness)
        far = sides_apart(awaited, box)
        near = math.exp(-0.5 * (far / NEAR) ** 2)
        if path.behind_cut:
            return same + near / 2 if same >= ALIKE_AFTER_CUT else 0.0
        size = side_of(box) / side_of(awaited)
        reach = REACH + FASTER * max(0.0, (number - path.last - self._every) / self._fps)
        return same + near if far <= reach and 1 / GROWN <= size <= GROWN else 0.0

    def tracks(self, count: int, crop: CropRule, margin: float) -> FaceTracks:
        """All that was found, steadied; ids by the first frame that shows a face, then from left to right."""
        self._look_at_end()
        paths = [path for path in self._paths if self._lasts(path, count)]
        log.debug("%s followed %d face(s) of %d found", self._detector.name, len(paths), len(self._paths))
        places = steadied([path.looks for path in paths], self._cuts, count, self._fps, self._every)
        found = [
            (path, *place) for path, place in zip(paths, places, strict=True) if not np.isnan(place[0][:, 0]).all()
        ]
        found.sort(key=lambda each: (min(each[0].looks), each[0].looks[min(each[0].looks)][[0, 2]].sum()))
        tracks = [
            FaceTrack(
                index, boxes, shown, path.score / len(path.looks),
                steadied_rolls(path.rolls, self._cuts, count, self._fps),
            )
            for index, (path, boxes, shown) in enumerate(found)
        ]  # fmt: skip
        return FaceTracks(tuple(tracks), self._frame_size, count, crop=crop, margin=margin)

    def _lasts(self, path: _Path, count: int) -> bool:
        """Whether a face was seen for so long that it is one."""
        return len(path.looks.keys() - self._extra) * self._every >= min(LEAST_S * self._fps, count)
