"""The pack's own socket types, and the values that travel on them.

``FOM_MODEL`` is a model patcher of the host around a :class:`.PyTorchModel`, ``FOM_MOTION`` a :class:`fom_core.Motion`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from comfy_api.latest import io
from torch import Tensor

from ..fom_core.faces.tracking import DrivingCrop
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
    """What ``FOM_FACES`` carries: the faces of one or more pictures.

    pictures: (B, H, W, C) float in [0, 1], the IMAGE batch they were found in; a reference, not a copy.
    sets:     the faces of each picture.
    """

    pictures: Tensor
    sets: tuple[FaceSet, ...]

    def __len__(self) -> int:
        return sum(len(faces) for faces in self.sets)

    def __iter__(self) -> Iterator[tuple[int, FaceRegion]]:
        """All faces, picture by picture: the picture's index and the face."""
        for index, faces in enumerate(self.sets):
            for face in faces:
                yield index, face


@dataclass(frozen=True)
class Tuned:
    """What ``FOM_TUNING`` carries: how a driver is looked at, and how its motion is given to the faces.

    fps: of a driver that comes as an IMAGE batch.
    """

    transfer: MotionTransfer
    smoothing: float
    driving_crop: DrivingCrop = "auto"
    driving_face: int = 0
    fps: float = 25.0
