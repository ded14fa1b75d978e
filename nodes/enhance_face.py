"""Enhance Face."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from comfy_api.latest import io
from torch import Tensor

from ..fom_core.enhance import Alignment, find_alignment, full_size, load_restorer, restored_chunks
from ..fom_core.enhance.restore import CHUNK_SIZE, STRENGTH
from ..fom_core.faces.detect import DETECTORS
from ..fom_core.faces.detection import Detector
from ..fom_core.faces.regions import to_rgb
from ..fom_core.weights.catalogue import catalogue, entry_for_file
from . import host
from .base import Node
from .detectors import open_detector
from .face_parts import NONE, landmarks_input
from .room import foresee
from .sockets import ALIASES, CATEGORY

FULL, SAME = "as the restorer (512)", "as the input"
ADVICE = f"If that is too much, choose the size '{SAME}', or use fewer frames."
FOLDERS = ("facerestore_models", "upscale_models")
UPSCALER = re.compile(r"gfpgan|restoreformer|codeformer|face", re.IGNORECASE)  # of upscale_models, what is for faces


class EnhanceFace(Node):
    """Restore detail in the frames of a face, without flicker."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FOMEnhanceFace",
            display_name="Enhance Face",
            category=CATEGORY,
            search_aliases=[
                *ALIASES,
                "face restore",
                "restore face",
                "GFPGAN",
                "CodeFormer",
                "RestoreFormer",
                "upscale",
            ],
            description="Restores detail in a face with GFPGAN or another face restorer. The face is found once, and "
            "seen at that one place in every frame, so that nothing flickers. Put it between Animate Face and Paste "
            "Faces.",
            is_input_list=True,
            inputs=[
                io.Image.Input(
                    "images",
                    tooltip="Frames of one face: a batch, or a list with a batch per face, as Animate Face gives them. "
                    "Of several faces in a picture, only the most prominent is restored. Transparency is kept.",
                ),
                io.Combo.Input("restorer", options=choices(), tooltip=explanation()),
                io.Float.Input(
                    "strength",
                    default=STRENGTH,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="0 keeps the frames, 1 takes the restored face as it is. More is sharper, but looks less "
                    "like the person, and smoother than skin is.",
                ),
                io.Combo.Input(
                    "size",
                    options=[FULL, SAME],
                    tooltip="As the restorer: frames are enlarged until the restored face keeps all its pixels; takes "
                    "more memory. As the input: the size stays, and fine detail is averaged.",
                ),
                io.Int.Input(
                    "chunk_size",
                    default=CHUNK_SIZE,
                    min=1,
                    max=64,
                    advanced=True,
                    tooltip="Faces at a time, about a gigabyte each. More is faster on large graphics cards; when "
                    "memory runs short it goes on with fewer. The result stays the same.",
                ),
                io.Combo.Input(
                    "detector",
                    options=["auto", *DETECTORS],
                    advanced=True,
                    tooltip="What finds the face. yunet and retinaface see eyes and mouth, also of a tilted head; the "
                    "others see a box, in which an upright face is assumed.",
                ),
                landmarks_input("Align the face by the mean of many points, in place of what the detector knows."),
            ],
            outputs=[
                io.Image.Output(
                    display_name="images", is_output_list=True, tooltip="The restored frames, batch by batch."
                )
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, restorer: Sequence[str], **_: Any) -> Any:
        """The file decides: replacing it under the same name restores again."""
        if entry_for_file(restorer[0]) is not None:  # the catalogue's contents are known
            return restorer[0]
        path = present(restorer[0])
        return None if path is None else host.stamp(path)

    @classmethod
    def execute(
        cls,
        images: list[Tensor],
        restorer: list[str],
        strength: list[float],
        size: list[str],
        chunk_size: list[int],
        detector: list[str],
        landmarks: Sequence[str] = (NONE,),
    ) -> io.NodeOutput:
        for number, batch in enumerate(images, 1):
            host.check_images(batch, f"The face {number}" if len(images) > 1 else "The face")
        finder = open_detector(detector[0], landmarks=landmarks[0])
        places = [place_of(batch, finder) for batch in images]  # before a download for pictures that show no face
        sizes = [grown_size(batch, place, size[0]) for batch, place in zip(images, places, strict=True)]
        shapes = [(len(batch), *grown, 3) for batch, grown in zip(images, sizes, strict=True)]
        foresee("Enhance Face", shapes, ADVICE)
        patcher = host.manage(load_restorer(find(restorer[0])))
        progress, done, results = host.Progress(sum(map(len, images))), 0, []
        network = host.restorer_for(patcher, chunk_size[0])
        for batch, place, grown in zip(images, places, sizes, strict=True):
            frames = in_colour(batch).movedim(-1, 1)
            result, start = host.new_images(len(frames), *grown, channels=frames.shape[1]), 0
            for chunk in restored_chunks(
                network, frames, place, strength=strength[0], size=grown, chunk_size=chunk_size[0]
            ):
                result[start : start + len(chunk)] = host.to_images(chunk)
                start += len(chunk)
                progress(done + start)
            results.append(result)
            done += len(batch)
        return io.NodeOutput(results)


def choices() -> list[str]:
    """Restorers of the catalogue, then other files in the host's folders that may be some."""
    names = [entry.file for entry in catalogue().values() if entry.kind == "enhancer"]
    suffixes = host.FOLDERS["facerestore_models"]
    names += host.files("facerestore_models", suffixes)
    names += [name for name in host.files("upscale_models", suffixes) if UPSCALER.search(name)]
    return list(dict.fromkeys(names))


def explanation() -> str:
    """Where restorers come from, and which choice downloads something."""
    lines = [
        "GFPGAN, RestoreFormer or CodeFormer weights in models/facerestore_models, and those in models/upscale_models "
        "that have one of these names or 'face' in theirs. Downloaded when it is first run, unless it is there:"
    ]
    lines += [f"• {entry.file}: {entry.summary}" for entry in catalogue().values() if entry.kind == "enhancer"]
    return "\n".join(lines)


def present(name: str) -> Path | None:
    """The file of a choice in the host's folders; None if it is not there."""
    return next((host.file(key, name) for key in FOLDERS if name in host.files(key)), None)


def find(name: str) -> Path:
    """The file of a choice, downloaded when it is one of the catalogue's that is not here."""
    path, entry = present(name), entry_for_file(name)
    if path is None and entry is not None:
        return host.weights(entry)
    return path or host.file(FOLDERS[0], name)


def grown_size(batch: Tensor, place: Alignment, size: str) -> tuple[int, int]:
    """Height and width of the restored frames of a batch."""
    own = batch.shape[1], batch.shape[2]
    return full_size(place, own) if size == FULL else own


def place_of(batch: Tensor, finder: Detector) -> Alignment:
    """Where the face lies in all frames of a batch."""

    def picture(index: int) -> np.ndarray:
        return to_rgb(host.to_uint8(batch[index]))

    return find_alignment(picture, len(batch), finder)


def in_colour(images: Tensor) -> Tensor:
    """Grey as three equal channels; others as they are."""
    return images.expand(-1, -1, -1, 3) if images.shape[-1] == 1 else images
