"""The points of faces and the parts of heads in nodes: their inputs, and how other nodes take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from comfy_api.latest import io
from torch import Tensor

from ..fom_core.faces.landmarks import AWING, load_points, with_face_points
from ..fom_core.faces.parsing import PARSERS, HeadParser, NamesParts, load_parser, parse_heads
from ..fom_core.faces.points import COUNTS, lines
from ..fom_core.faces.regions import to_rgb
from ..fom_core.types import FaceSet
from ..fom_core.weights.catalogue import catalogue
from . import host
from .kept import Kept, parsed_view
from .sockets import PictureFaces

NONE = "none"
PARTS_OF_LINES = (  # of fom_core.faces.points.lines, as MediaPipe's nodes call them: right is left in the picture
    "jaw", "right_eyebrow", "left_eyebrow", "nose", "nose", "right_eye", "left_eye", "lips", "lips",
)  # fmt: skip
OVALS = {  # the jaw, and back over the brows
    98: [*range(33), *range(46, 41, -1), *range(37, 32, -1)],
    68: [*range(17), *range(26, 16, -1)],
}


def landmarks_input(what: str) -> io.Combo.Input:
    """How many points of each face, if any; ``what`` tells what for."""
    return io.Combo.Input(
        "landmarks",
        options=[NONE, *map(str, sorted(COUNTS))],
        optional=True,
        advanced=True,
        tooltip=f"{what} 68 or 98 points, or none. Needs the package facexlib, and is downloaded when first run:\n"
        f"• {catalogue()[AWING].summary}",
    )


def parsing_input(what: str) -> io.Combo.Input:
    """Which network names the parts of heads, if any; ``what`` tells what for."""
    rows = [f"• {catalogue()[name].summary}" for name in PARSERS]
    return io.Combo.Input(
        "parsing",
        options=[NONE, *PARSERS],
        optional=True,
        advanced=True,
        tooltip="\n".join(
            [f"{what} none: not. Both networks need the package facexlib, and are downloaded when first run:", *rows]
        ),
    )


def count_of(landmarks: str) -> int | None:
    """How many points an input asks for."""
    return None if landmarks == NONE else int(landmarks)


def folders_with_points(landmarks: str) -> list[Path]:
    """Where weights may lie; those of the points that an input asks for are downloaded when they are not here."""
    folders = host.weights_folders()
    return folders if landmarks == NONE else [host.weights(catalogue()[AWING]).parent, *folders]


def with_landmarks(pictures: Tensor, sets: Sequence[FaceSet], landmarks: str) -> tuple[FaceSet, ...]:
    """The faces of each picture with the points that an input asks for."""
    count = count_of(landmarks)
    if count is None:
        return tuple(sets)
    finder = load_points(device=str(host.torch_device()), folders=folders_with_points(landmarks))
    pointed, progress = [], host.Progress(len(sets))
    for index, (picture, faces) in enumerate(zip(pictures, sets, strict=True)):
        pointed.append(with_face_points(host.to_uint8(picture), faces, finder, count) if len(faces) else faces)
        progress(index + 1)
    return tuple(pointed)


def open_head_parser(name: str) -> HeadParser | None:
    """What names the parts of heads, downloaded when it is not here; None where nobody asked for it."""
    return None if name == NONE else _opened(name)


def kept_parser(kept: Kept, name: str) -> NamesParts | None:
    """The same, opened for looks of heads that it has not parsed before."""
    if name == NONE:
        return None
    opened = cache(_opened)

    def parse(view: np.ndarray) -> np.ndarray:
        return parsed_view(kept, view, name, lambda: opened(name)(view))

    return parse


def _opened(name: str) -> HeadParser:
    return load_parser(name, host.weights(catalogue()[name]), device=str(host.torch_device()))


def parsed_heads(faces: PictureFaces, parser: HeadParser | None) -> list[np.ndarray]:
    """The parts of each head over its crop, in the order of the crops; nothing without a parser."""
    if parser is None:
        return []
    parsed, progress = [], host.Progress(len(faces))
    for image, members in faces.shown():
        if not len(members):
            continue
        picture = to_rgb(host.to_uint8(image))
        for face in members:
            parsed += parse_heads(picture, face, parser)
            progress(len(parsed))
    return parsed


def by_picture(parsed: Sequence[np.ndarray], sets: Sequence[FaceSet]) -> Iterator[Sequence[np.ndarray]]:
    """The parsed heads of each picture."""
    first = 0
    for faces in sets:
        yield parsed[first : first + len(faces)]
        first += len(faces)


def as_face_landmarks(sets: Sequence[FaceSet]) -> dict[str, Any]:
    """The points of faces as ComfyUI's MediaPipe nodes pass and draw them; none of a face that has none."""
    frames = [
        [
            {
                "bbox_xyxy": np.array(face.box_px, np.float32),
                "landmarks_xy": np.array(face.landmarks_px or [], np.float32).reshape(-1, 2),
                "score": face.score,
            }
            for face in faces
        ]
        for faces in sets
    ]
    counts = {len(face.landmarks_px) for faces in sets for face in faces if face.landmarks_px}
    return {
        "frames": frames,
        "image_size": sets[0].frame_size,
        "connection_sets": connections(counts.pop() if len(counts) == 1 else 0),
    }


def connections(count: int) -> dict[str, frozenset[tuple[int, int]]]:
    """Which of 68 or 98 points are joined, part by part; of others none."""
    found: dict[str, set[tuple[int, int]]] = {
        part: set() for part in ("face_oval", "irises", "tesselation", *PARTS_OF_LINES) if part != "jaw"
    }
    found["face_oval"].update(joined(OVALS.get(count, []), True))
    for part, (members, closed) in zip(PARTS_OF_LINES, lines(count), strict=False):
        if part != "jaw":
            found[part].update(joined(members, closed))
    return {part: frozenset(edges) for part, edges in found.items()}


def joined(members: Sequence[int], closed: bool) -> Iterator[tuple[int, int]]:
    """Each point with the next one."""
    yield from pairwise(members)
    if closed and members:
        yield members[-1], members[0]
