"""Paste Faces with the faces of a video: each frame has its own places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from comfy_api.latest import io
from torch import Tensor

from ..fom_core.compose import CanvasPaster, Paster, cut_crop
from ..fom_core.compose.canvas import canvas_box
from ..fom_core.compose.cover import Cover, covers_canvas
from ..fom_core.compose.masks import Look, Rect
from ..fom_core.compose.windows import FaceWindows
from ..fom_core.errors import UsageError
from ..fom_core.faces.tracks import FaceTracks
from ..fom_core.media.mark import Corner
from ..fom_core.pictures import resize_picture
from ..fom_core.types import FaceRegion
from . import host, marks
from .paste_jobs import check_batches, check_lengths, check_masks, held, lay_parts
from .room import foresee
from .sockets import PictureFaces

ADVICE = "If that is too much, use fewer frames; or connect the VIDEO itself to Animate Picture."


def paste_video(
    images: list[Tensor],
    found: list[PictureFaces],
    batches: list[Tensor],
    face_masks: list[Tensor],
    mask: Look,
    feather: float,
    colour_match: float,
    ratio: float,
    cover: Cover,
    corner: Corner | None,
    fitted: Callable[[tuple[int, int, int]], tuple[int, int, int]],
) -> io.NodeOutput:
    """The outputs of Paste Faces for one video. Raises UsageError for what does not fit.

    fitted: height, width and channels of the result for those of the frames, no more.
    """
    if len(found) != 1 or len(images) != 1:
        raise UsageError("The faces of a video go into that video alone. Connect one batch of images and its faces.")
    (faces,), (image,) = found, images
    tracks = faces.tracks
    assert tracks is not None
    host.check_images(image, "The image")
    if len(image) != len(faces.sets):
        raise UsageError(
            f"The faces were found in a video of {len(faces.sets)} frames, but image has {len(image)}. Connect to "
            "image the frames that Detect Faces looked at."
        )
    check_batches(batches, len(tracks))
    check_masks(face_masks, len(tracks))
    check_lengths(batches, 0)
    background = image.expand(-1, -1, -1, 3) if image.shape[-1] == 1 else image
    length = min(len(background), len(batches[0]) if batches else len(background))
    height, width, channels = fitted((background.shape[1], background.shape[2], background.shape[3]))
    shape = (length, height, width, channels)
    foresee("Paste Faces", [shape, shape[:3]], ADVICE, image.dtype)
    masks = face_masks * len(tracks) if len(face_masks) == 1 else face_masks
    pasting = VideoPasting(tracks, batches, masks, mask, cover)
    pasting.choose(background)
    frames, covers = background.new_empty(shape), torch.zeros(*shape[:3])
    progress = host.Progress(length)
    for time, frame in enumerate(frames):
        frame.copy_(background[time, :height, :width, :channels])
        pasted = pasting.paste(
            background[time], frame, covers[time], time, feather=feather, colour_match=colour_match, ratio=ratio
        )
        progress.show(time + 1, picture=pasted)
    if corner:
        marks.mark_images(frames, covers, corner)
    return io.NodeOutput([frames], [host.to_masks(covers)])


class VideoPasting:
    """Lays each face where it is, frame by frame; what covers it is a window around its canvas, or its crop."""

    def __init__(
        self, tracks: FaceTracks, batches: Sequence[Tensor], face_masks: Sequence[Tensor], mask: Look, cover: Cover
    ) -> None:
        self._tracks, self._batches, self._masks = tracks, batches, face_masks
        self._mask: Look = mask
        self._cover: Cover = cover
        self._windows = [FaceWindows(track, tracks) for track in tracks]
        self._in_windows = [cover != "crop"] * len(tracks)

    def choose(self, background: Tensor) -> None:
        """See, where nobody says it, what the frames of each face cover, in the first one that shows it."""
        if self._cover != "auto":
            return
        for index, track in enumerate(self._tracks):
            shown = np.flatnonzero(~np.isnan(track.boxes[:, 0]))
            time = int(shown[0]) if len(shown) else 0
            face = track.region(time, self._tracks.frame_size, self._tracks.crop, self._tracks.margin)
            if face is not None:
                frame, picture = (host.to_uint8(held(batch, time)) for batch in (self._batches[index], background))
                self._in_windows[index] = covers_canvas(frame, picture, face, self._windows[index].rect(time))

    def paste(
        self,
        background: Tensor,
        frame: Tensor,
        cover: Tensor,
        time: int,
        *,
        feather: float,
        colour_match: float,
        ratio: float,
    ) -> np.ndarray:
        """Lay the faces of a background (H, W, C) into a frame's floats (h, w, c), no larger, and its cover (h, w).

        Gives what the background looks like then, as bytes.
        """
        faces = self._tracks.at(time)
        picture = host.to_uint8(background)
        if not len(faces):
            return picture
        masks = [held(self._masks[face.id], time) if self._masks[face.id].ndim == 3 else self._masks[face.id]
                 for face in faces] if self._masks else None  # fmt: skip
        mask = self._mask
        whole = mask == "flow" and all(self._in_windows[face.id] for face in faces)
        if whole:
            paster: CanvasPaster | Paster = CanvasPaster(picture, faces, colour_match=colour_match, face_masks=masks)
            parts = [self._canvas(face, time)[None] for face in faces]
        else:
            paster = Paster(
                picture, faces, "soft" if mask == "flow" else mask, ratio,
                feather=feather, colour_match=colour_match, face_masks=masks,
            )  # fmt: skip
            parts = [self._crop(face, time)[None] for face in faces]
        pasted = paster(parts)[0]
        changed = frame.shape[2] if whole else 3
        lay_parts(paster.parts(), pasted, frame[..., :changed], cover)
        return pasted

    def _canvas(self, face: FaceRegion, time: int) -> np.ndarray:
        """A face's canvas out of its window, as finely as that shows it: (h, w, C)."""
        window, rect = host.to_uint8(held(self._batches[face.id], time)), self._windows[face.id].rect(time)
        return part_of(window, rect, canvas_box(face))

    def _crop(self, face: FaceRegion, time: int) -> np.ndarray:
        """A face's crop: cut out of its window, or as it comes; (h, w, 3)."""
        if self._in_windows[face.id]:
            return cut_crop(self._canvas(face, time), face)
        return host.to_uint8(held(self._batches[face.id], time)[..., :3])


def part_of(window: np.ndarray, rect: Rect, part: Rect) -> np.ndarray:
    """The pixels of ``part`` out of a picture (h, w, C) of ``rect``, of any size: as large as it is there."""
    down, across = window.shape[0] / (rect[3] - rect[1]), window.shape[1] / (rect[2] - rect[0])
    if down != 1 or across != 1:
        # Whole pixels of the frame, so that nothing is shifted by parts of one.
        window = resize_picture(window, (rect[3] - rect[1], rect[2] - rect[0]))
    return window[part[1] - rect[1] : part[3] - rect[1], part[0] - rect[0] : part[2] - rect[0]]
