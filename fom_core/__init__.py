"""First Order Motion: animate the faces of a picture with the motion of a video.

The names below are the library. A network batch is a ``torch.Tensor`` (B, C, H, W), float in [0, 1]; a picture is a
``numpy.ndarray`` (H, W, C), uint8 RGB. Errors that a user can act on derive from :class:`FomError`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backends.load import load_model
    from .backends.pytorch import PyTorchModel
    from .compose import Composer, Paster, open_composer, paste
    from .compress.compress import compress_from_folder
    from .driver import align_drivers, find_view, read_driver
    from .enhance import FaceEnhancer, Restorer, load_restorer
    from .errors import FomError, MediaError, NoFaceFound, UnsupportedModel, UsageError
    from .evaluation.evaluate import evaluate_folder
    from .evaluation.reconstruction import OptionalMetrics
    from .export import export_model
    from .faces.detect import detect_faces, load_detector
    from .faces.following import follow_faces
    from .faces.parsing import head_mask, parse_heads
    from .faces.regions import crop_face, regions_from_boxes
    from .faces.selection import select_faces
    from .faces.tracking import DrivingView, driving_view
    from .faces.tracks import FaceTrack, FaceTracks, select_tracks
    from .inspection import Finding, Inspection, inspect_animation
    from .live.animator import LiveAnimator
    from .media import VideoReader, VideoWriter, read_picture, read_video, write_picture
    from .motion import (
        MotionEdit,
        align,
        carried,
        chorus,
        concatenated,
        edited,
        embedded_motion,
        find_best_frame,
        load_motion,
        mixed,
        movement_scale,
        open_motion,
        pose_motion,
        save_motion,
        smooth,
        transfer_motion,
    )
    from .networks import ModelConfig, MotionModel, create_model
    from .pipeline import animate, animate_picture, read_motion
    from .source_video import animate_video
    from .training.checkpoint import Checkpointing
    from .training.given import TrainingInputs
    from .training.train import train_from_folder
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
    "Checkpointing",
    "Composer",
    "DenseMotion",
    "DrivingView",
    "FaceEnhancer",
    "FaceRegion",
    "FaceSet",
    "FaceTrack",
    "FaceTracks",
    "Finding",
    "FomError",
    "Generated",
    "Inspection",
    "Keypoints",
    "LiveAnimator",
    "MediaError",
    "ModelConfig",
    "Motion",
    "MotionEdit",
    "MotionModel",
    "MotionTransfer",
    "NoFaceFound",
    "OptionalMetrics",
    "Paster",
    "PyTorchModel",
    "Restorer",
    "SourceFeatures",
    "TrainingInputs",
    "UnsupportedModel",
    "UsageError",
    "VideoReader",
    "VideoWriter",
    "align",
    "align_drivers",
    "animate",
    "animate_picture",
    "animate_video",
    "carried",
    "chorus",
    "compress_from_folder",
    "concatenated",
    "convert",
    "create_model",
    "crop_face",
    "detect_faces",
    "driving_view",
    "edited",
    "embedded_motion",
    "evaluate_folder",
    "export_model",
    "find_best_frame",
    "find_view",
    "follow_faces",
    "head_mask",
    "inspect_animation",
    "load_detector",
    "load_model",
    "load_module",
    "load_motion",
    "load_restorer",
    "mixed",
    "movement_scale",
    "open_composer",
    "open_motion",
    "parse_heads",
    "paste",
    "pose_motion",
    "read_driver",
    "read_motion",
    "read_picture",
    "read_video",
    "regions_from_boxes",
    "save_model",
    "save_motion",
    "select_faces",
    "select_tracks",
    "smooth",
    "train_from_folder",
    "transfer_motion",
    "write_picture",
]

_MODULES = {
    ".backends.load": ("load_model",),
    ".backends.pytorch": ("PyTorchModel",),
    ".compose": ("Composer", "Paster", "open_composer", "paste"),
    ".compress.compress": ("compress_from_folder",),
    ".driver": ("align_drivers", "find_view", "read_driver"),
    ".enhance": ("FaceEnhancer", "Restorer", "load_restorer"),
    ".errors": ("FomError", "MediaError", "NoFaceFound", "UnsupportedModel", "UsageError"),
    ".evaluation.evaluate": ("evaluate_folder",),
    ".evaluation.reconstruction": ("OptionalMetrics",),
    ".export": ("export_model",),
    ".faces.detect": ("detect_faces", "load_detector"),
    ".faces.following": ("follow_faces",),
    ".faces.parsing": ("head_mask", "parse_heads"),
    ".faces.regions": ("crop_face", "regions_from_boxes"),
    ".faces.selection": ("select_faces",),
    ".faces.tracking": ("DrivingView", "driving_view"),
    ".faces.tracks": ("FaceTrack", "FaceTracks", "select_tracks"),
    ".inspection": ("Finding", "Inspection", "inspect_animation"),
    ".live.animator": ("LiveAnimator",),
    ".media": ("VideoReader", "VideoWriter", "read_picture", "read_video", "write_picture"),
    ".motion": (
        "MotionEdit",
        "align",
        "carried",
        "chorus",
        "edited",
        "embedded_motion",
        "find_best_frame",
        "concatenated",
        "load_motion",
        "mixed",
        "movement_scale",
        "open_motion",
        "pose_motion",
        "save_motion",
        "smooth",
        "transfer_motion",
    ),
    ".networks": ("ModelConfig", "MotionModel", "create_model"),
    ".pipeline": ("animate", "animate_picture", "read_motion"),
    ".source_video": ("animate_video",),
    ".training.checkpoint": ("Checkpointing",),
    ".training.given": ("TrainingInputs",),
    ".training.train": ("train_from_folder",),
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
