"""First Order Motion: animate the faces of a picture with the motion of a video.

The names below are the library. A network batch is a ``torch.Tensor`` (B, C, H, W), float in [0, 1]; a picture is a
``numpy.ndarray`` (H, W, C), uint8 RGB. Errors that a user can act on derive from :class:`FomError`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backends.load import load_model
    from .backends.pytorch import PyTorchModel
    from .compose import Composer, paste
    from .driver import align_drivers, find_view, read_driver
    from .errors import FomError
    from .faces.detect import detect_faces, load_detector
    from .faces.regions import crop_face, regions_from_boxes
    from .faces.tracking import DrivingView, driving_view
    from .media import VideoReader, VideoWriter, read_picture, write_picture
    from .motion import align, find_best_frame, load_motion, movement_scale, save_motion, smooth, transfer_motion
    from .networks import ModelConfig, MotionModel, create_model
    from .pipeline import animate, animate_picture, read_motion
    from .types import (
        DenseMotion,
        FaceRegion,
        FaceSet,
        Generated,
        Keypoints,
        Motion,
        MotionTransfer,
        SourceFeatures,
    )
    from .weights.load import convert, load_module, save_model

__all__ = [
    "Composer",
    "DenseMotion",
    "DrivingView",
    "FaceRegion",
    "FaceSet",
    "FomError",
    "Generated",
    "Keypoints",
    "ModelConfig",
    "Motion",
    "MotionModel",
    "MotionTransfer",
    "PyTorchModel",
    "SourceFeatures",
    "VideoReader",
    "VideoWriter",
    "align",
    "align_drivers",
    "animate",
    "animate_picture",
    "convert",
    "create_model",
    "crop_face",
    "detect_faces",
    "driving_view",
    "find_best_frame",
    "find_view",
    "load_detector",
    "load_model",
    "load_module",
    "load_motion",
    "movement_scale",
    "paste",
    "read_driver",
    "read_motion",
    "read_picture",
    "regions_from_boxes",
    "save_model",
    "save_motion",
    "smooth",
    "transfer_motion",
    "write_picture",
]

_MODULES = {
    ".backends.load": ("load_model",),
    ".backends.pytorch": ("PyTorchModel",),
    ".compose": ("Composer", "paste"),
    ".driver": ("align_drivers", "find_view", "read_driver"),
    ".errors": ("FomError",),
    ".faces.detect": ("detect_faces", "load_detector"),
    ".faces.regions": ("crop_face", "regions_from_boxes"),
    ".faces.tracking": ("DrivingView", "driving_view"),
    ".media": ("VideoReader", "VideoWriter", "read_picture", "write_picture"),
    ".motion": (
        "align",
        "find_best_frame",
        "load_motion",
        "movement_scale",
        "save_motion",
        "smooth",
        "transfer_motion",
    ),
    ".networks": ("ModelConfig", "MotionModel", "create_model"),
    ".pipeline": ("animate", "animate_picture", "read_motion"),
    ".types": (
        "DenseMotion",
        "FaceRegion",
        "FaceSet",
        "Generated",
        "Keypoints",
        "Motion",
        "MotionTransfer",
        "SourceFeatures",
    ),
    ".weights.load": ("convert", "load_module", "save_model"),
}


def __getattr__(name: str) -> Any:
    """Names and modules are imported when first asked for: a program can hear of Ctrl-C before that takes seconds."""
    module = next((module for module, names in _MODULES.items() if name in names), None)
    if module is not None:
        value = getattr(importlib.import_module(module, __name__), name)
        globals()[name] = value
        return value
    try:
        return importlib.import_module(f".{name}", __name__)
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
