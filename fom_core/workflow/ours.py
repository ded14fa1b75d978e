"""Our nodes as ComfyUI saves them: as much of their schemas as a converted graph needs.

The tests hold the tables against the schemas. Optional inputs, which were added later, may be missing here: ComfyUI
gives them their defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OPTIONAL, LIST = 7, 6  # shapes of sockets in saved graphs
DRIVER = "VIDEO,IMAGE,FOM_MOTION"
FPS_RANGE = (1.0, 240.0)


@dataclass(frozen=True)
class Kind:
    """A node's type. Sockets and outputs: name, type, and the shape where it is not the usual one.

    widgets: name, type and value, in the order of the node. size: width and height on the canvas, in pixels.
    """

    type: str
    title: str
    size: tuple[int, int]
    sockets: tuple[tuple[Any, ...], ...]
    widgets: tuple[tuple[str, str, Any], ...]
    outputs: tuple[tuple[Any, ...], ...]

    def slot(self, name: str) -> int:
        """The number of an input, sockets first, as saved graphs count them."""
        return [given[0] for given in (*self.sockets, *self.widgets)].index(name)

    def output(self, name: str) -> int:
        """The number of an output."""
        return [given[0] for given in self.outputs].index(name)

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What all widgets show: ``given``, and the defaults of the rest."""
        return {name: given.get(name, value) for name, _, value in self.widgets}


LOAD_MODEL = Kind(
    "LoadFOMModel",
    "Load FOM Model",
    (320, 166),
    sockets=(),
    widgets=(("model_name", "COMBO", "mini"), ("precision", "COMBO", "auto"), ("config_name", "COMBO", "auto")),
    outputs=(("model", "FOM_MODEL"),),
)
DETECT_FACES = Kind(
    "FOMDetectFaces",
    "Detect Faces",
    (320, 600),
    sockets=(("image", "IMAGE"), ("bboxes", "BOUNDING_BOX", OPTIONAL), ("face_landmarks", "FACE_LANDMARKS", OPTIONAL)),
    widgets=(
        ("detector", "COMBO", "auto"),
        ("face_choice", "STRING", "all"),
        ("order", "COMBO", "left to right"),
        ("if_none", "COMBO", "error"),
        ("threshold", "FLOAT", 0.0),
        ("min_size", "INT", 12),
        ("max_faces", "INT", 0),
        ("crop", "COMBO", "square"),
        ("margin", "FLOAT", 0.75),
    ),
    outputs=(
        ("faces", "FOM_FACES"),
        ("bboxes", "BOUNDING_BOX"),
        ("mask", "MASK"),
        ("crops", "IMAGE", LIST),
        ("count", "INT"),
    ),
)
ANIMATE_FACE = Kind(
    "FOMAnimateFace",
    "Animate Face",
    (340, 640),
    sockets=(
        ("model", "FOM_MODEL"),
        ("faces", "FOM_FACES"),
        ("drivers.driver1", DRIVER),
        ("drivers.driver2", DRIVER, OPTIONAL),
    ),
    widgets=(
        ("relative_motion", "BOOLEAN", True),
        ("adapt_movement_scale", "BOOLEAN", True),
        ("initial_frame", "COMFY_DYNAMICCOMBO_V3", "medoid"),
        ("length", "COMBO", "longest, hold the last frame"),
        ("smoothing", "FLOAT", 0.15),
        ("gain", "FLOAT", 1.0),
        ("relative_jacobian", "BOOLEAN", True),
        ("driving_crop", "COMBO", "auto"),
        ("fps", "FLOAT", 25.0),
        ("chunk_size", "INT", 8),
    ),
    outputs=(
        ("animated_faces", "IMAGE", LIST),
        ("occlusion_maps", "MASK", LIST),
        ("head_masks", "MASK", LIST),
        ("motions", "FOM_MOTION", LIST),
        ("fps", "FLOAT"),
        ("audio", "AUDIO"),
    ),
)
PASTE_FACES = Kind(
    "FOMPasteFaces",
    "Paste Faces",
    (320, 430),
    sockets=(
        ("image", "IMAGE"),
        ("faces", "FOM_FACES"),
        ("animated_faces", "IMAGE"),
        ("face_masks", "MASK", OPTIONAL),
    ),
    widgets=(
        ("mask", "COMBO", "flow"),
        ("feather", "FLOAT", 0.3),
        ("colour_match", "FLOAT", 0.0),
        ("ratio", "FLOAT", 0.4),
    ),
    outputs=(("image", "IMAGE", LIST), ("mask", "MASK", LIST)),
)
KINDS = (LOAD_MODEL, DETECT_FACES, ANIMATE_FACE, PASTE_FACES)
CHAIN = (  # how the four hang together: an output of one, an input of another
    (LOAD_MODEL, "model", ANIMATE_FACE, "model"),
    (DETECT_FACES, "faces", ANIMATE_FACE, "faces"),
    (DETECT_FACES, "faces", PASTE_FACES, "faces"),
    (ANIMATE_FACE, "animated_faces", PASTE_FACES, "animated_faces"),
)


def saved_node(kind: Kind, number: int, at: tuple[float, float], given: Mapping[str, Any]) -> dict[str, Any]:
    """A node in a saved graph, connected to nothing yet; ``at`` is its upper left corner on the canvas."""
    values = kind.values(given)
    sockets = [_named(*each) | {"link": None} for each in kind.sockets]
    widgets = [_named(name, type_) | {"widget": {"name": name}, "link": None} for name, type_, _ in kind.widgets]
    return {
        "id": number,
        "type": kind.type,
        "pos": list(at),
        "size": list(kind.size),
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [*sockets, *widgets],
        "outputs": [_named(*each) | {"links": []} for each in kind.outputs],
        "properties": {"Node name for S&R": kind.type, "cnr_id": "fom-face-animation"},
        "widgets_values": list(values.values()),
        "widgets_values_named": values,
    }


def saved_note(
    number: int, at: tuple[float, float], size: tuple[float, float], title: str, text: str
) -> dict[str, Any]:
    """A note on the canvas."""
    return {
        "id": number,
        "type": "MarkdownNote",
        "pos": list(at),
        "size": list(size),
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "title": title,
        "properties": {},
        "widgets_values": [text],
        "widgets_values_named": {"text": text},
        "color": "#432",
        "bgcolor": "#653",
    }


def _named(name: str, type_: str, shape: int | None = None) -> dict[str, Any]:
    return {"name": name, "type": type_} | ({} if shape is None else {"shape": shape})
