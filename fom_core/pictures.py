"""Between pictures (uint8 arrays, channels last) and network batches (float tensors, channels first)."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import cv2
import numpy as np
import torch
from torch import Tensor

from .errors import UsageError


def require_picture(picture: object) -> None:
    """Raise UsageError for what is no picture (H, W) or (H, W, C), such as a file's name; it says what reads it."""
    if isinstance(picture, str | bytes | PathLike):
        raise UsageError(
            f"Expected a picture (H, W, 3) of uint8, found the name {_named(picture)}. Read it: "
            f"fom_core.read_picture({_named(picture)})."
        )
    if not isinstance(picture, np.ndarray) or picture.ndim not in (2, 3) or picture.size == 0:
        found = f"{picture.shape} of {picture.dtype}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise UsageError(f"Expected a picture (H, W, 3) of uint8, found {found}. fom_core.read_picture gives one.")


def require_frames(frames: object) -> None:
    """Raise UsageError for the name of a file in the place of frames; it says what reads them."""
    if isinstance(frames, str | bytes | PathLike):
        raise UsageError(
            f"Expected frames, found the name {_named(frames)}. Open it: fom_core.VideoReader({_named(frames)}); "
            "fom_core.read_driver takes that and gives the motion."
        )


def _named(path: str | bytes | PathLike) -> str:
    return f'"{path if isinstance(path, str) else path.decode(errors="replace") if isinstance(path, bytes) else path}"'


def resize_picture(picture: np.ndarray, size: tuple[int, int], *, average_from: float = 1.0) -> np.ndarray:
    """Resize (H, W, C) to (height, width, C): bicubic, or averaging when shrunk by more than ``average_from``.

    Averaging keeps fine patterns from flickering.
    """
    height, width = size
    if picture.shape[:2] == (height, width):
        return picture
    shrink = max(picture.shape[0] / height, picture.shape[1] / width)
    interpolation = cv2.INTER_AREA if shrink > average_from else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=interpolation)
    return resized.reshape(height, width, -1)  # OpenCV drops a single channel


def to_batch(pictures: Sequence[np.ndarray] | np.ndarray, *, channels: int, device: torch.device | str) -> Tensor:
    """T pictures (H, W, 3) uint8 → (T, channels, H, W) float in [0, 1]. One channel is the mean of the three.

    Bytes travel to the device and become floats there; to a GPU they do so while it works.
    """
    frames = torch.from_numpy(np.ascontiguousarray(pictures))
    if torch.device(device).type == "cuda":
        frames = frames.pin_memory().to(device, non_blocking=True)
    batch = frames.to(device).movedim(-1, 1).float() / 255
    return batch.mean(dim=1, keepdim=True) if channels == 1 and batch.shape[1] != 1 else batch


def to_pictures(batch: Tensor) -> np.ndarray:
    """(T, C, H, W) float in [0, 1] → (T, H, W, 3) uint8, rounded. One channel becomes three equal ones."""
    return PicturesToCome(batch).wait()


class PicturesToCome:
    """Network batches on their way to be pictures: floats become bytes on the device, which then travel.

    ``truncate`` cuts fractions off, as PaddleGAN does, instead of rounding.
    """

    def __init__(self, batch: Tensor, *, truncate: bool = False) -> None:
        scaled = batch.detach().float().clamp(0, 1) * 255
        # A hair more than nothing, or k / 255 × 255 may truncate to k - 1.
        whole = scaled + 1e-3 if truncate else scaled.round()
        self._send(whole.to(torch.uint8).movedim(1, -1).expand(-1, -1, -1, 3))

    @classmethod
    def of_bytes(cls, frames: Tensor) -> PicturesToCome:
        """Send frames (T, H, W, C) that are bytes already."""
        coming = cls.__new__(cls)
        coming._send(frames)
        return coming

    def _send(self, frames: Tensor) -> None:
        frames = frames.contiguous()
        self._frames = frames.to("cpu", non_blocking=frames.is_cuda)  # nothing tells when other devices are done
        self._arrived = None
        if frames.is_cuda:
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def wait(self) -> np.ndarray:
        """The pictures (T, H, W, C) uint8, once they are here; other threads go on meanwhile."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._frames.numpy()
