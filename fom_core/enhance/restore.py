"""Runs a restorer on the face of a clip and blends the result back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..compose.masks import fade
from ..errors import UsageError
from ..faces.regions import pixel_box
from ..resources.memory import in_chunks
from ..types import FaceRegion
from .alignment import FACE_SIZE, Alignment, align_face

STRENGTH = 0.8
CHUNK_SIZE = 4
LARGEST = 8.0  # a frame grows at most this many times
FEATHER = 0.3  # part of the way from the middle of the square to its border over which the restored face fades out
AVERAGE_FROM = 1.3  # pictures that shrink by more than this are averaged, or fine detail would flicker


def full_size(alignment: Alignment, frame_size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) at which the restored face keeps all its pixels; never smaller than the frame."""
    factor = min(max(alignment.scale, 1.0), LARGEST)
    return round(frame_size[0] * factor), round(frame_size[1] * factor)


def restore(
    restorer: nn.Module,
    frames: Tensor,
    alignment: Alignment,
    *,
    strength: float = STRENGTH,
    size: tuple[int, int] | None = None,
    chunk_size: int = CHUNK_SIZE,
) -> Tensor:
    """All of :func:`restored_chunks` as one clip."""
    size = size or (frames.shape[2], frames.shape[3])
    restored = torch.empty(len(frames), frames.shape[1], *size, device=frames.device)
    chunks = restored_chunks(restorer, frames, alignment, strength=strength, size=size, chunk_size=chunk_size)
    done = 0
    for chunk in chunks:
        restored[done : done + len(chunk)] = chunk
        done += len(chunk)
    return restored


@torch.inference_mode()
def restored_chunks(
    restorer: nn.Module,
    frames: Tensor,
    alignment: Alignment,
    *,
    strength: float = STRENGTH,
    size: tuple[int, int] | None = None,
    chunk_size: int = CHUNK_SIZE,
) -> Iterator[Tensor]:
    """Restore the face of a clip (T, C, H, W) in [0, 1], C of 3 or more, of which the first three are RGB.

    restorer:   (B, 3, 512, 512) in [0, 1] → the same, on its own device; see :class:`Restorer`.
    strength:   0 keeps the frames, 1 takes the restored face as it is.
    size:       (height, width) of the result, to which the frames are enlarged; None is theirs. See :func:`full_size`.
    chunk_size: faces at a time; fewer when memory runs out. The result does not depend on it.
    Yields the float32 frames in order, some at a time, where ``frames`` are; away from the face they are the
    (enlarged) frames themselves. Raises UsageError for a strength beyond 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise UsageError(f"The strength of the restoration is between 0 (none) and 1 (all), not {strength}.")
    length, _, height, width = frames.shape
    size = size or (height, width)
    device = next(restorer.parameters()).device
    to_frame = invert(alignment.matrix)
    back = compose(alignment.matrix, growth(size, (height, width)))
    weight = warp_affine(soft_square().to(device), back, size, outside="zeros") * strength
    rows, columns = bounding_slices(weight[0, 0])
    here = compose(back, np.array([[1.0, 0.0, columns.start], [0.0, 1.0, rows.start]]))
    patch = rows.stop - rows.start, columns.stop - columns.start

    def work(part: slice) -> Tensor:
        chunk = frames[part].to(device, torch.float32)
        if size == (height, width):
            result = chunk.clone()
        else:
            result = F.interpolate(chunk, size=size, mode="bicubic", align_corners=False).clamp(0, 1)
        if weight.any():
            faces = restorer(warp_affine(chunk[:, :3], to_frame, (FACE_SIZE, FACE_SIZE))).clamp(0, 1)
            seen = result[:, :3, rows, columns]
            seen += weight[..., rows, columns] * (warp_affine(faces, here, patch) - seen)
        return result.to(frames.device)

    yield from in_chunks(work, length, chunk_size)


@dataclass(frozen=True)
class FaceEnhancer:
    """Restores generated faces before they are pasted; the alignment comes from the source's own landmarks.

    strength: 0 keeps the frames, 1 takes the restored face as it is.
    chunk_size: faces at a time.
    """

    restorer: nn.Module
    strength: float = STRENGTH
    chunk_size: int = CHUNK_SIZE

    def __call__(self, frames: Tensor, face: FaceRegion) -> Tensor:
        """Frames (t, C, h, w) of a face's crop → (t, 3, h', w'): as large as the crop, up to what the restorer gives.

        One channel becomes three equal ones.
        """
        frames = frames.expand(-1, 3, -1, -1)
        frame_size = frames.shape[2], frames.shape[3]
        alignment = align_face(face, frame_size)
        left, top, right, bottom = pixel_box(face.crop_px)
        full = full_size(alignment, frame_size)
        height, width = min(full[0], bottom - top), min(full[1], right - left)
        size = max(height, frame_size[0]), max(width, frame_size[1])
        return restore(self.restorer, frames, alignment, strength=self.strength, size=size, chunk_size=self.chunk_size)


def soft_square() -> Tensor:
    """How much of the restored face counts, on its square (1, 1, 512, 512): 1 inside, 0 on a rounded outline."""
    axis = np.abs((np.arange(FACE_SIZE) + 0.5) / FACE_SIZE * 2 - 1) ** 4
    distance = (axis[:, None] + axis[None]) ** 0.25
    return torch.from_numpy(fade(distance, FEATHER).astype(np.float32))[None, None]


def warp_affine(images: Tensor, matrix: np.ndarray, size: tuple[int, int], outside: str = "reflection") -> Tensor:
    """Sample (B, C, H, W) on (height, width): pixel (x, y) of the result takes its colour from ``matrix`` · (x, y, 1).

    Pixel centres are whole numbers. Bilinear; where pictures shrink, each pixel is the mean of several samples.
    ``outside`` is what lies past the border: "reflection" or "zeros".
    """
    shrink = math.hypot(matrix[0, 0], matrix[1, 0])
    samples = math.ceil(shrink) if shrink > AVERAGE_FROM else 1
    y, x = ((torch.arange(side * samples, dtype=torch.float64) + 0.5) / samples - 0.5 for side in size)
    (a, b, shift_x), (c, d, shift_y) = matrix.tolist()
    from_x = a * x[None] + b * y[:, None] + shift_x
    from_y = c * x[None] + d * y[:, None] + shift_y
    height, width = images.shape[2:]
    grid = torch.stack([2 * from_x / (width - 1) - 1, 2 * from_y / (height - 1) - 1], dim=-1).to(images)
    sampled = F.grid_sample(
        images, grid.expand(len(images), -1, -1, -1), mode="bilinear", padding_mode=outside, align_corners=True
    )
    return F.avg_pool2d(sampled, samples) if samples > 1 else sampled


def bounding_slices(weight: Tensor) -> tuple[slice, slice]:
    """Rows and columns of the smallest rectangle around everything above zero; one pixel where there is nothing."""
    spans = []
    for axis in (1, 0):
        used = weight.amax(dim=axis).nonzero().flatten().tolist() or [0]
        spans.append(slice(used[0], used[-1] + 1))
    return spans[0], spans[1]


def growth(size: tuple[int, int], to: tuple[int, int]) -> np.ndarray:
    """From pixels of a picture of (height, width) to those of the same picture at another size: (2, 3)."""
    down, across = to[0] / size[0], to[1] / size[1]
    return np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2]])


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The (2, 3) map that applies ``inner`` first."""
    return outer @ np.vstack([inner, [0.0, 0.0, 1.0]])


def invert(matrix: np.ndarray) -> np.ndarray:
    """The way back of a (2, 3) map."""
    return np.linalg.inv(np.vstack([matrix, [0.0, 0.0, 1.0]]))[:2]
