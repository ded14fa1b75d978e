"""What Detect Faces gives besides the faces: masks, crops, parts of heads, and the preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, repeat

import cv2
import numpy as np
import torch
from comfy_api.latest import io, ui

from ..fom_core.faces.drawing import draw_faces, part_colours, tint_parts
from ..fom_core.faces.parsing import head_mask
from ..fom_core.faces.regions import crop_face, pixel_box, to_rgb
from ..fom_core.types import FaceSet
from . import host, marked
from .boxes import as_bounding_box
from .face_parts import as_face_landmarks
from .sockets import PictureFaces


def outputs_of(
    cls: type[io.ComfyNode],
    value: PictureFaces,
    drawn: np.ndarray,
    parsed: Sequence[np.ndarray],
    given: marked.Marks | None = None,
) -> io.NodeOutput:
    """All outputs, and the preview (B, H, W, 3)."""
    crops = crops_of(value)
    return io.NodeOutput(
        value,
        [[as_bounding_box(face) for face in one] for one in value.sets],
        face_mask(value.sets),
        crops,
        len(value),
        face_masks_of(value, given, parsed),
        as_face_landmarks(value.sets),
        parts_of(crops, parsed),
        ui=ui.PreviewImage(host.to_images(drawn), cls=cls),
    )


def numbered(
    pictures: np.ndarray,
    found: Sequence[FaceSet],
    sets: Sequence[FaceSet],
    parsed: Sequence[Sequence[np.ndarray]] = (),
    *,
    same: bool = False,
) -> np.ndarray:
    """The pictures with boxes around all faces; numbers run on from picture to picture, as in a choice.

    sets:   the chosen ones of each picture, with their points. parsed: the parts of their heads.
    same:   the pictures are of one video, and numbers mean the same in all of them.
    """
    firsts = repeat(1) if same else accumulate(map(len, found), initial=1)
    heads = parsed or [()] * len(sets)
    drawn = []  # fewer pictures may be shown than were searched
    for picture, faces, members, labels, first in zip(pictures, found, sets, heads, firsts, strict=False):
        pointed = {face.id: face for face in members}
        canvas = to_rgb(picture).copy()
        tint_parts(canvas, members, labels)
        shown = replace(faces, faces=tuple(pointed.get(face.id, face) for face in faces))
        drawn.append(draw_faces(canvas, shown, first=first))
    return np.stack(drawn)


def face_mask(sets: tuple[FaceSet, ...]) -> torch.Tensor:
    """White on the faces' boxes: MASK (B, H, W)."""
    height, width = sets[0].frame_size
    masks = np.zeros((len(sets), height, width), np.float32)
    for mask, faces in zip(masks, sets, strict=True):
        for face in faces:
            x0, y0, x1, y1 = pixel_box(face.box_px)
            cv2.rectangle(mask, (x0, y0), (x1 - 1, y1 - 1), 1.0, -1)
    return host.to_masks(torch.from_numpy(masks))


def face_masks_of(
    faces: PictureFaces, given: marked.Marks | None = None, parsed: Sequence[np.ndarray] = ()
) -> list[torch.Tensor]:
    """Of each face, its head where it was parsed, else what is marked of its crop: MASK (1, h, w)."""
    if parsed:
        return [host.to_masks(torch.from_numpy(head_mask(labels))[None]) for labels in parsed]
    known = [marked.masks_by_box(boxes) for boxes in given] if given else [{}] * len(faces.sets)
    if faces.tracks is None:
        masks = [marked.mask_of(face, known[index].get(face.box_px)) for index, face in faces]
    else:
        masks = [marked.mask_of(face, None) for _, (face,) in faces.shown()]
    return [host.to_masks(torch.from_numpy(mask)[None]) for mask in masks]


def parts_of(crops: Sequence[torch.Tensor], parsed: Sequence[np.ndarray]) -> list[torch.Tensor]:
    """The parts of each head in colours: IMAGE (1, h, w, 3); where none was parsed black, one zero in all places."""
    if not parsed:
        return [crop.new_zeros(()).expand(crop.shape) for crop in crops]
    return [host.to_images(part_colours(labels)[None]) for labels in parsed]


def crops_of(faces: PictureFaces) -> list[torch.Tensor]:
    """The part around each face in the picture's own pixels."""
    crops = []
    for image, members in faces.shown():
        if not len(members):
            continue
        picture = host.to_uint8(image)
        for face in members:
            x0, y0, x1, y1 = pixel_box(face.crop_px)
            crops.append(host.to_images(crop_face(picture, face, (y1 - y0, x1 - x0))[None]))
    return crops
