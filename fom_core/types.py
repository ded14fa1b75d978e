"""The values that travel between stages. All are immutable; each stage takes values and returns new ones.

Two layouts, told apart by type: a *network batch* is a ``torch.Tensor`` ``(B, C, H, W)``, float in [0, 1]; a *picture*
is a ``numpy.ndarray`` ``(H, W, C)``, uint8 RGB (frames: ``(T, H, W, C)``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, overload

import torch
from torch import Tensor

from .documents.arguments import require_amount, require_number_or_word, require_switch
from .errors import UsageError

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of one frame, origin at the top-left corner."""

InitialFrame = int | Literal["best", "medoid"]
"""The driving frame that corresponds to the source: its number, or how it is chosen."""

INITIAL_FRAME: InitialFrame = 0  # unless told

Progress = Callable[[int, int | None], None]
"""Called with what is done and what there is in all (None while unknown). Raise from it to stop the work."""

CHUNK_SIZE = 8  # frames at a time, unless told


@dataclass(frozen=True)
class RunOptions:
    """How a long run goes: frames at a time, who hears of its progress, and which frames are made.

    frames: their numbers, in this order; None for all.
    """

    chunk_size: int = CHUNK_SIZE
    progress: Progress | None = None
    frames: Sequence[int] | None = None


@dataclass(frozen=True)
class Keypoints:
    """Where the motion is anchored and how space stretches there.

    value:    (B, K, 2) points (x, y) in [-1, 1], corner pixels at exactly -1 and 1.
    jacobian: (B, K, 2, 2) local derivative at each point, or None for translation-only models.
    """

    value: Tensor
    jacobian: Tensor | None = None

    def __len__(self) -> int:
        return self.value.shape[0]

    def __getitem__(self, frames: slice) -> Keypoints:
        return Keypoints(self.value[frames], None if self.jacobian is None else self.jacobian[frames])

    def pick(self, frames: Sequence[int] | Tensor) -> Keypoints:
        """These frames, in this order."""
        index = torch.as_tensor(frames, dtype=torch.long, device=self.value.device)
        return Keypoints(self.value[index], None if self.jacobian is None else self.jacobian[index])

    def to(self, device: torch.device | str) -> Keypoints:
        return Keypoints(self.value.to(device), None if self.jacobian is None else self.jacobian.to(device))

    @staticmethod
    def cat(parts: Sequence[Keypoints]) -> Keypoints:
        """Join along the batch axis."""
        jacobians = [part.jacobian for part in parts if part.jacobian is not None]
        together = torch.cat(jacobians) if len(jacobians) == len(parts) else None
        return Keypoints(torch.cat([part.value for part in parts]), together)


@dataclass(frozen=True)
class SourceFeatures:
    """Everything that depends on the source face alone, computed once per face.

    image:     (S, C, H, W) the source, S = 1; or a batch of them (of a video, while training), one for each pose.
    small:     (S, C, h, w) the source at the resolution of the dense motion network.
    features:  (S, F, H / 2^d, W / 2^d) what the generator's encoder sees.
    keypoints: of the source.
    """

    image: Tensor
    small: Tensor
    features: Tensor
    keypoints: Keypoints

    def pick(self, faces: Sequence[int]) -> SourceFeatures:
        """These faces of a batch, in this order."""
        index = torch.as_tensor(faces, dtype=torch.long, device=self.image.device)
        return SourceFeatures(self.image[index], self.small[index], self.features[index], self.keypoints.pick(index))

    @staticmethod
    def cat(sources: Sequence[SourceFeatures], repeats: int = 1) -> SourceFeatures:
        """Several sources as one batch, each ``repeats`` times in a row."""

        def joined(name: str) -> Tensor:
            parts = [getattr(source, name) for source in sources]
            return torch.cat([part.expand(repeats, *part.shape[1:]) for part in parts])

        keypoints = Keypoints.cat([source.keypoints for source in sources])
        each = torch.arange(len(sources)).repeat_interleave(repeats)
        return SourceFeatures(joined("image"), joined("small"), joined("features"), keypoints.pick(each))


@dataclass(frozen=True)
class DenseMotion:
    """Backward flow and visibility. (h, w) is the dense motion network's resolution.

    deformation:     (B, h, w, 2) where in the source each output pixel takes its colour, (x, y) in [-1, 1].
    occlusion_map:   (B, 1, h, w) in [0, 1], 0 = must be painted anew; None if the model has none.
    mask:            (B, K + 1, h, w) share of each keypoint's motion, slot 0 = background.
    sparse_deformed: (B, K + 1, C, h, w) the source moved by each keypoint alone; only with details.
    """

    deformation: Tensor
    occlusion_map: Tensor | None
    mask: Tensor
    sparse_deformed: Tensor | None = None

    def __getitem__(self, frames: slice | Tensor) -> DenseMotion:
        return DenseMotion(
            self.deformation[frames],
            None if self.occlusion_map is None else self.occlusion_map[frames],
            self.mask[frames],
            None if self.sparse_deformed is None else self.sparse_deformed[frames],
        )

    @staticmethod
    def cat(parts: Sequence[DenseMotion]) -> DenseMotion:
        """One batch after the other, without details."""
        hidden = [part.occlusion_map for part in parts if part.occlusion_map is not None]
        return DenseMotion(
            torch.cat([part.deformation for part in parts]),
            torch.cat(hidden) if hidden else None,
            torch.cat([part.mask for part in parts]),
        )


@dataclass(frozen=True)
class Generated:
    """One generated batch. ``dense_motion`` is None for a model without one (a plain autoencoder).

    prediction: (B, C, H, W) in [0, 1].
    deformed:   (B, C, H, W) the source warped by the flow, before any painting; only with details.
    """

    prediction: Tensor
    dense_motion: DenseMotion | None
    deformed: Tensor | None = None

    def __getitem__(self, frames: slice | Tensor) -> Generated:
        return Generated(
            self.prediction[frames],
            None if self.dense_motion is None else self.dense_motion[frames],
            None if self.deformed is None else self.deformed[frames],
        )

    @staticmethod
    def cat(parts: Sequence[Generated]) -> Generated:
        """One batch after the other, without details."""
        if len(parts) == 1:
            return parts[0]
        motions = [part.dense_motion for part in parts if part.dense_motion is not None]
        return Generated(torch.cat([part.prediction for part in parts]), DenseMotion.cat(motions) if motions else None)


@dataclass(frozen=True)
class FaceRegion:
    """A face in one frame. Everything in pixels of that frame, floats, origin at the top-left corner.

    ``roll_deg`` says how far the head is turned clockwise in the picture plane. The box stays upright all the same; the
    crop is turned about its middle by that much, and ``crop_px`` is the rectangle before it is turned.
    """

    box_px: Box  # from the detector
    crop_px: Box  # the rectangle handed to the model; may reach past the border
    score: float
    id: int  # stable name of the face; 0 for the leftmost one when detected
    frame_size: tuple[int, int]  # height, width
    landmarks_px: tuple[tuple[float, float], ...] | None = None  # eyes, nose, mouth corners; or 68 or 98 points
    roll_deg: float = 0.0


@dataclass(frozen=True)
class FaceSet:
    """The faces of one picture, left to right."""

    faces: tuple[FaceRegion, ...]
    frame_size: tuple[int, int]  # height, width
    others: tuple[FaceRegion, ...] = ()  # found as well, and not to be moved

    def __len__(self) -> int:
        return len(self.faces)

    def __iter__(self) -> Iterator[FaceRegion]:
        return iter(self.faces)

    @overload
    def __getitem__(self, index: int) -> FaceRegion: ...
    @overload
    def __getitem__(self, index: slice) -> FaceSet: ...
    def __getitem__(self, index: int | slice) -> FaceRegion | FaceSet:
        if not isinstance(index, slice):
            return self.faces[index]
        kept = self.faces[index]
        return replace(self, faces=kept, others=(*(face for face in self.faces if face not in kept), *self.others))

    @classmethod
    def from_crops(cls, crops_px: Sequence[Box], frame_size: tuple[int, int]) -> FaceSet:
        """Faces whose crop rectangles are given; no crop rule is applied and the order is kept."""
        crops = [(float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in crops_px]
        faces = (FaceRegion(crop, crop, score=1.0, id=at, frame_size=frame_size) for at, crop in enumerate(crops))
        return cls(tuple(faces), frame_size)


@dataclass(frozen=True)
class MotionTransfer:
    """How the driver's motion is given to the source (section 3.3 of the paper and the authors' demo).

    relative_motion:      move by the driver's change since the initial frame; off copies positions outright.
    relative_jacobian:    the same choice for the local stretching.
    adapt_movement_scale: scale the movement by the size of the source face over the driver's.
    initial_frame:        the driving frame that corresponds to the source: an index; "best", nearest in pose to it; or
                          "medoid", from which no frame is far. Only frames that show the driver's face count.
    gain:                 1 copies the movement, 0 freezes it, more exaggerates; only with relative motion.
    fade_in_s:            seconds over which the motion comes in, so that the first frame is the source as it is.
    head_gain:            the same as ``gain`` for the movement of the head as a whole: shift, turn and size.
    expression_gain:      and for what the parts of the face do besides.
    fade_out_s:           seconds over which the motion goes home, so that the last frame is the source as it is, too.

    Raises UsageError for values of another kind, and for no expression while the head moves: faces would fold.
    """

    relative_motion: bool = True
    relative_jacobian: bool = True
    adapt_movement_scale: bool = True
    initial_frame: InitialFrame = INITIAL_FRAME
    gain: float = 1.0
    fade_in_s: float = 0.0
    head_gain: float = 1.0
    expression_gain: float = 1.0
    fade_out_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("relative_motion", "relative_jacobian", "adapt_movement_scale"):
            require_switch(name, getattr(self, name))
        for name in ("gain", "fade_in_s", "head_gain", "expression_gain", "fade_out_s"):
            require_amount(name, getattr(self, name))
        first = require_number_or_word("initial_frame", self.initial_frame, ("best", "medoid"))
        object.__setattr__(self, "initial_frame", first)
        if self.expression_gain == 0 != self.head_gain:
            raise UsageError(
                "A head that moves without any expression folds: the expression gain must be above 0. Choose more, or "
                "a head gain of 0 as well."
            )


@dataclass(frozen=True, repr=False)
class Motion:
    """Keypoints of a driving video with its frame rate: what a motion file holds.

    seen:        for each frame, whether the driver's face is in it; None where nobody looked: every frame counts.
    fingerprint: of the model, see :func:`.backends.fingerprint.fingerprint`; None where it is not known.
    neutral:     (1, K) the pose at rest, from which relative motion counts; None: it counts from an initial frame.
    Raises UsageError where ``seen`` tells of more or fewer frames than there are.
    """

    keypoints: Keypoints
    fps: float
    model: str  # name of the model whose detector saw the video; keypoints mean nothing to another one
    image_size: tuple[int, int]  # height, width the detector saw
    metadata: dict[str, str] = field(default_factory=dict)
    seen: tuple[bool, ...] | None = None
    fingerprint: tuple[float, ...] | None = None
    neutral: Keypoints | None = None

    def __post_init__(self) -> None:
        if self.seen is not None and len(self.seen) != len(self.keypoints):
            raise UsageError(
                f"A motion tells for each of its {len(self.keypoints)} frames whether the driver is seen; got "
                f"{len(self.seen)} marks. Give one a frame, or none."
            )

    def __len__(self) -> int:
        return len(self.keypoints)

    def __repr__(self) -> str:
        points = f"{self.keypoints.value.shape[1]} keypoints{' with jacobians' * (self.keypoints.jacobian is not None)}"
        return f"Motion({len(self)} frames, {self.fps:g} frames/s, {points}, model={self.model!r})"

    def pick(self, frames: Sequence[int] | Tensor) -> Motion:
        """These frames, in this order; the frame rate stays what it is."""
        seen = None if self.seen is None else tuple(self.seen[int(frame)] for frame in frames)
        return replace(self, keypoints=self.keypoints.pick(frames), seen=seen)
