"""What was read of drivers, pictures and videos, kept for the next run: a changed gain reads none of them again.

It is found by content, belongs to one model and goes with it. Never more than a fixed number of bytes is held, of
what was read and of faces each: large faces never cost a driver, which takes far longer to read.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from itertools import count
from typing import Any, Generic, TypeVar
from weakref import ref

import numpy as np
import torch
from torch import Tensor

from ..fom_core.backends import Backend
from ..fom_core.compose.paintings import Paintings
from ..fom_core.faces.regions import crop_face
from ..fom_core.faces.tracks import FaceTrack, FaceTracks
from ..fom_core.pipeline import encode_face
from ..fom_core.types import FaceRegion, FaceSet, Keypoints, Motion, SourceFeatures

Value = TypeVar("Value")
MOST_DRIVERS = 32 << 20  # bytes of all that was read for one model: two of the longest drivers, dozens of short ones
MOST_SOURCES = 64 << 20  # and of faces: many at 256 pixels, one at 1024, where the smallest model takes 60 MiB; in what
# they leave of it lie the frames that were painted last: 270 of one face at 256 pixels
GRID = 32  # places down and across a frame at which it is glanced at …
SUMMED = 8  # … and about so many frames of a batch as a whole


class Shelf:
    """Values by what they were made from; beyond ``most_bytes`` those go that were not used for longest.

    A value that is larger by itself is not kept, and drives no other out.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(size for _, size in self._values.values())

    def get(self, key: Hashable | None, make: Callable[[], Value], size_of: Callable[[Value], int]) -> Value:
        """The value of a key, made where there is none. None is a key that nothing is kept under."""
        if key is not None and key in self._values:
            self._values.move_to_end(key)
            return self._values[key][0]
        value = make()
        if key is not None and (size := size_of(value)) <= self._most_bytes:
            self._values[key] = value, size
            while self.size > self._most_bytes:
                self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        self._values.clear()


class Remembered(Generic[Value]):
    """Values of things that are told apart by being themselves, each as long as its thing lives."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[ref[Any], Hashable, Value]] = {}

    def get(self, thing: Any, make: Callable[[], Value], state: Hashable = None) -> Value:
        """The value of a thing, made once for as long as it stays in this state."""
        at = id(thing)
        known = self._values.get(at)
        if known is not None and known[0]() is thing and known[1] == state:
            return known[2]
        value = make()
        self._values[at] = ref(thing, lambda _: self._values.pop(at, None)), state, value
        return value


_digests: Remembered[bytes] = Remembered()
_identities: Remembered[Hashable] = Remembered()
_next = count()


class Kept:
    """What is kept of one model: what was read of drivers and sources, encoded and parsed faces, what was painted last.

    Faces and paintings share one room, and paintings are what gives way.
    """

    def __init__(self) -> None:
        self.drivers, self.sources = Shelf(MOST_DRIVERS), Shelf(MOST_SOURCES)
        self.painted = Paintings()

    @property
    def size(self) -> int:
        """In bytes."""
        return self.drivers.size + self.sources.size + self.painted.size

    def clear(self) -> None:
        self.drivers.clear()
        self.clear_pictures()

    def clear_pictures(self) -> None:
        """Give up what is on the model's device."""
        self.sources.clear()
        self.painted.clear()


def encoded(kept: Kept, model: Backend, picture: np.ndarray, faces: Iterable[FaceRegion]) -> list[SourceFeatures]:
    """Faces of a picture (H, W, C) uint8 as the model needs them; each look of a face is encoded once."""
    return [encoded_crop(kept, model, crop_face(picture, face, model.config.image_size)) for face in faces]


def encoded_crop(kept: Kept, model: Backend, crop: np.ndarray) -> SourceFeatures:
    return _of_face(kept, key_of(crop), lambda: encode_face(model, crop), bytes_of_source)


def parsed_view(kept: Kept, view: np.ndarray, parser: str, parse: Callable[[], np.ndarray]) -> np.ndarray:
    """The parts of a head in a view (h, w, 3) uint8, parsed once by each parser."""
    key = "parsed", parser, *key_of(view)
    return _of_face(kept, key, parse, lambda labels: labels.nbytes)


def key_of(picture: np.ndarray) -> tuple[tuple[int, ...], bytes]:
    """Tells a picture from every other one."""
    return picture.shape, hashlib.sha256(np.ascontiguousarray(picture).data).digest()


def _of_face(kept: Kept, key: Hashable, make: Callable[[], Value], size_of: Callable[[Value], int]) -> Value:
    """What is kept of a face; paintings give way to it."""
    value = kept.sources.get(key, make, size_of)
    if kept.sources.size + kept.painted.size > MOST_SOURCES:
        kept.painted.clear()
    return value


def found_faces(kept: Kept, picture: np.ndarray, detector: str, find: Callable[[], FaceSet]) -> FaceSet:
    """The faces that a detector, called by its own name, finds in a picture (H, W, C) uint8; it looks once at each."""
    key = "found", detector, *key_of(picture)
    return kept.drivers.get(key, find, lambda faces: 512 * (len(faces) + len(faces.others)))


def followed_faces(
    kept: Kept, video: Hashable | None, fps: float, detector: str, follow: Callable[[], FaceTracks]
) -> FaceTracks:
    """The faces of a source video, followed once; ``video`` tells its frames from all others'."""
    key = None if video is None else ("followed", video, fps, detector)
    return kept.drivers.get(key, follow, bytes_of_tracks)


def source_motions(
    kept: Kept, video: Hashable | None, tracks: FaceTracks, fps: float, read: Callable[[], list[Motion]]
) -> list[Motion]:
    """How the faces of a source video move by themselves, read once for each way in which they are followed."""
    key = None if video is None else ("moving", video, *_look(tracks))
    motions = kept.drivers.get(key, read, lambda found: sum(bytes_of_keypoints(each.keypoints) for each in found))
    return [replace(motion, fps=fps) for motion in motions]


def _look(tracks: FaceTracks) -> tuple[Hashable, ...]:
    """All of a video's faces that decides what the model sees of them."""
    places = [(track.id, *(hashlib.sha256(array.tobytes()).digest() for array in _places(track))) for track in tracks]
    return tracks.frame_size, tracks.frame_count, tracks.crop, tracks.margin, *places


def _places(track: FaceTrack) -> list[np.ndarray]:
    return [track.boxes] if track.rolls is None else [track.boxes, track.rolls]


def bytes_of_source(source: SourceFeatures) -> int:
    tensors = [source.image, source.small, source.features]
    return sum(tensor.nbytes for tensor in tensors) + bytes_of_keypoints(source.keypoints)


def bytes_of_keypoints(points: Keypoints) -> int:
    return points.value.nbytes + (0 if points.jacobian is None else points.jacobian.nbytes)


def bytes_of_tracks(tracks: FaceTracks) -> int:
    both: tuple[FaceTrack, ...] = (*tracks.tracks, *tracks.others)
    return sum(track.shown.nbytes + sum(array.nbytes for array in _places(track)) for track in both)


def digest(images: Tensor) -> bytes:
    """Tells an IMAGE batch (B, H, W, C) from every other one.

    Each batch is looked through once while it lives, and again where a node has changed it in place.
    """
    return _digests.get(images, lambda: _digest(images), glance(images))


def _digest(images: Tensor) -> bytes:
    found = hashlib.sha256(repr((tuple(images.shape), images.dtype)).encode())
    for image in images:  # one at a time: a batch may be gigabytes, and on a device
        found.update(image.cpu().contiguous().view(torch.uint8).numpy().data)
    return found.digest()


def identity_of(images: Tensor) -> Hashable:
    """Tells an IMAGE batch from every other one, even of the same content, while it lives; that costs next to nothing.

    One that was changed in place is another one.
    """
    return _identities.get(images, lambda: ("batch", next(_next)), glance(images))


def glance(images: Tensor) -> bytes:
    """Some pixels of each frame of an IMAGE batch, and the sums of a few frames: others once it was painted on.

    The tensors' own counters do not tell, for the host runs nodes in inference mode, without them.
    """
    down, across = (max(1, -(-side // GRID)) for side in images.shape[1:3])
    places = images[:, down // 2 :: down, across // 2 :: across]
    step = max(1, len(images) // SUMMED)
    sums = torch.stack([image.float().sum() for image in images[::step]])
    found = hashlib.sha256(places.float().cpu().numpy().tobytes())
    found.update(sums.cpu().numpy().tobytes())
    return found.digest()
