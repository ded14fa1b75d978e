"""What Paste Faces has to do: one job for each picture, and what does not fit said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..fom_core.compose import covered, cut_crop
from ..fom_core.compose.cover import Cover
from ..fom_core.compose.masks import Rect
from ..fom_core.errors import UsageError
from ..fom_core.types import FaceSet
from . import host
from .sockets import PictureFaces


@dataclass(frozen=True)
class Job:
    """What goes into one picture: its faces, a batch of frames for each, and perhaps a mask (T, h, w) for each.

    background: (B, H, W, C), one for all frames or one each.
    source:     (H, W, C) the picture that the faces were found in.
    """

    background: Tensor
    source: Tensor
    faces: FaceSet
    batches: list[Tensor]
    masks: list[Tensor]

    @property
    def length(self) -> int:
        return max(len(self.background), *map(len, self.batches)) if self.batches else len(self.background)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the frames to be made."""
        _, height, width, channels = self.background.shape
        return self.length, height, width, channels

    @property
    def moving(self) -> bool:
        """Whether the background is another in each frame."""
        return len(self.background) > 1

    def canvases(self, cover: Cover) -> list[bool]:
        """Of each face, whether its frames are canvases."""
        firsts = [host.to_uint8(batch[0]) for batch in self.batches]
        return covered(cover, firsts, host.to_uint8(self.source), self.faces)

    def frame(self, face: int, time: int) -> Tensor:
        """One frame of a face: (1, h, w, C)."""
        return held(self.batches[face], time)[None]

    def crop(self, face: int, time: int, is_canvas: bool) -> Tensor | np.ndarray:
        """The crop of one frame of a face, cut out of its canvas if that is what it shows: (1, h, w, 3)."""
        frame = self.frame(face, time)
        return cut_crop(host.to_uint8(frame[0]), self.faces[face])[None] if is_canvas else frame[..., :3]


def jobs_of(images: list[Tensor], found: list[PictureFaces], batches: list[Tensor], masks: list[Tensor]) -> list[Job]:
    """Deal the batches out to the faces, picture by picture. Raises UsageError for what does not fit."""
    count = sum(map(len, found))
    check_batches(batches, count)
    check_masks(masks, count)
    masks = masks * count if len(masks) == 1 else masks
    jobs, first = [], 0
    for background, source, members in pictures_with_faces(images, found):
        part = slice(first, first + len(members))
        check_lengths(batches[part], first)
        jobs.append(Job(background, source, members, batches[part], masks[part]))
        first += len(members)
    return jobs


def pictures_with_faces(images: list[Tensor], found: list[PictureFaces]) -> Iterator[tuple[Tensor, Tensor, FaceSet]]:
    """Pictures, or backgrounds of one picture's faces, as (B, H, W, 3 or 4); where the faces were found; the faces."""
    if len(images) != len(found):
        raise UsageError(
            f"Expected one image batch for each set of faces, found {len(images)} and {len(found)}. Connect to image "
            "what Detect Faces looked at."
        )
    for batch, faces in zip(images, found, strict=True):
        host.check_images(batch, "The image")
        if len(faces.sets) not in (1, len(batch)):
            raise UsageError(
                f"The faces were found in {len(faces.sets)} pictures, but image has {len(batch)}. Connect to image "
                "the pictures that Detect Faces looked at."
            )
        coloured = batch.expand(-1, -1, -1, 3) if batch.shape[-1] == 1 else batch
        backgrounds = [coloured] if len(faces.sets) == 1 else coloured.split(1)
        yield from zip(backgrounds, faces.pictures, faces.sets, strict=False)


def check_batches(batches: list[Tensor], count: int) -> None:
    """Raise UsageError unless there is one batch for each of ``count`` faces."""
    if len(batches) != count:
        raise UsageError(
            f"Expected {count} batches of animated faces, one for each face, found {len(batches)}. Connect the "
            "animated_faces of Animate Face for these very faces, through nodes that keep them as a list."
        )
    for index, batch in enumerate(batches, 1):
        host.check_images(batch, f"Animated face {index}", smallest_px=1)


def check_masks(masks: list[Tensor], count: int) -> None:
    """Raise UsageError unless there is no mask, one, or one for each face."""
    if len(masks) not in (0, 1, count):
        raise UsageError(
            f"Expected one face mask for all {count} faces or a list with one each, found {len(masks)}. Leave "
            "face_masks unconnected to paste without."
        )


def check_lengths(batches: list[Tensor], first: int) -> None:
    """Raise UsageError unless the faces of one picture have equally many frames."""
    lengths = [len(batch) for batch in batches]
    if len(set(lengths)) > 1:
        told = ", ".join(f"face {index} has {length}" for index, length in enumerate(lengths, first + 1))
        raise UsageError(
            f"The animated faces of a picture must have equally many frames, but {told}. A node between Animate Face "
            "and Paste Faces dropped or added frames: take it out, or treat all faces alike."
        )


def held(batch: Tensor, time: int) -> Tensor:
    """Frame ``time``, or the last one where there is none."""
    return batch[min(time, len(batch) - 1)]


def lay_parts(parts: list[tuple[Rect, np.ndarray]], pasted: np.ndarray, frame: Tensor, cover: Tensor) -> None:
    """Put what was pasted (H, W, C) uint8 into a frame's floats (h, w, c), and where it is into its cover (h, w).

    parts: rectangles, and how much of each pixel is new. A last row or column that the frame leaves out is left out.
    """
    for (x0, y0, right, bottom), part in parts:
        x1, y1 = min(right, frame.shape[1]), min(bottom, frame.shape[0])
        share = torch.from_numpy(part[: y1 - y0, : x1 - x0])
        spot = frame[y0:y1, x0:x1]
        colours = torch.from_numpy(pasted[y0:y1, x0:x1, : frame.shape[2]]).float().div_(255).to(spot)
        torch.where((share > 0).to(spot.device)[..., None], colours, spot, out=spot)
        known = cover[y0:y1, x0:x1]
        torch.maximum(known, share, out=known)
