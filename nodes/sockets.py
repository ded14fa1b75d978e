"""The pack's own socket types, and the values that travel on them.

``FOM_MODEL`` is a model patcher of the host around a :class:`.PyTorchModel`, ``FOM_MOTION`` a :class:`fom_core.Motion`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from comfy_api.latest import io
from torch import Tensor

from ..fom_core.faces.selection import face_area
from ..fom_core.faces.tracking import DrivingCrop
from ..fom_core.faces.tracks import FaceTracks
from ..fom_core.types import FaceRegion, FaceSet, MotionTransfer

CATEGORY = "video/face animation"
ALIASES = [
    "face",
    "animate",
    "face animation",
    "first order motion",
    "first order motion model",
    "FOM",
    "FOMM",
    "PaddleGAN",
    "motion driving",
    "talking head",
    "face reenactment",
]

Model = io.Custom("FOM_MODEL")
Faces = io.Custom("FOM_FACES")
Motion = io.Custom("FOM_MOTION")
Tuning = io.Custom("FOM_TUNING")
FaceLandmarks = io.Custom("FACE_LANDMARKS")  # of the MediaPipe nodes in ComfyUI
Segments = io.Custom("SEGS")  # of the Impact Pack
NumberedBox = io.Custom("BBOX")  # of KJNodes


@dataclass(frozen=True)
class PictureFaces:
    """What ``FOM_FACES`` carries: the faces of one or more pictures, or of a video.

    pictures: (B, H, W, C) float in [0, 1], the IMAGE batch they were found in; a reference, not a copy.
    sets:     the faces of each picture.
    tracks:   of pictures that are the frames of one video: each face on its way through them.
    """

    pictures: Tensor
    sets: tuple[FaceSet, ...]
    tracks: FaceTracks | None = None

    def __len__(self) -> int:
        return sum(len(faces) for faces in self.sets) if self.tracks is None else len(self.tracks)

    def shown(self) -> Iterator[tuple[Tensor, FaceSet]]:
        """Pictures with faces: all of them; of a video for each face the frame that shows it largest."""
        if self.tracks is None:
            yield from zip(self.pictures, self.sets, strict=True)
            return
        for track in self.tracks:
            faces = [
                (index, face) for index, members in enumerate(self.sets) for face in members if face.id == track.id
            ]
            index, face = max(faces, key=lambda each: face_area(each[1]))
            yield self.pictures[index], FaceSet((face,), face.frame_size)

    def __iter__(self) -> Iterator[tuple[int, FaceRegion]]:
        """All faces, picture by picture: the picture's index and the face."""
        for index, faces in enumerate(self.sets):
            for face in faces:
                yield index, face


@dataclass(frozen=True)
class Tuned:
    """What ``FOM_TUNING`` carries: how a driver is looked at, and how its motion is given to the faces.

    fps: of a driver that comes as an IMAGE batch.
    landmarks: how many points of its face steady the driver's crop: "none", "68" or "98".
    """

    transfer: MotionTransfer
    smoothing: float
    driving_crop: DrivingCrop = "auto"
    driving_face: int = 0
    fps: float = 25.0
    landmarks: str = "none"
