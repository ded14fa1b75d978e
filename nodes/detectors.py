"""Face detectors by their names in the menus."""

from __future__ import annotations

from ..fom_core.faces.detect import DETECTORS, best_detector, load_detector
from ..fom_core.faces.detection import Detector
from ..fom_core.weights.catalogue import catalogue
from . import host
from .face_parts import NONE, count_of, folders_with_points

AUTO = "auto"


def open_detector(name: str, threshold: float = 0.0, landmarks: str = NONE) -> Detector:
    """A face detector by its name in the menu; one that was chosen by name is downloaded when it is not here."""
    folders = folders_with_points(landmarks)
    if name != "embedded" and name in catalogue():
        folders = [host.weights(catalogue()[name]).parent, *folders]
    return load_detector(
        name,
        threshold=threshold or None,
        device=str(host.torch_device()),
        folders=folders,
        landmarks=count_of(landmarks),
    )


def detector_explanation() -> str:
    """What each detector is, and which ones download something."""
    lines = ["auto is the best one that is already here. The others are downloaded when they are first run:"]
    for name in DETECTORS:
        entry = catalogue().get(name)
        if entry is None:
            lines.append(f"• {name}: needs no weights")
            continue
        size = "embedded" if entry.embedded else entry.size_told
        needs = "; needs the package facexlib" if name.startswith("retinaface") else ""
        lines.append(f"• {name}: {entry.title}; {size}{needs}; licence: {entry.licence}")
    return "\n".join(lines)


def resolved(name: str) -> str:
    """The detector that a name in the menu stands for now: auto is another one once a better one was downloaded."""
    return best_detector(host.weights_folders()) if name == AUTO else name
