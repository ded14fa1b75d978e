"""Between pictures (uint8 arrays, channels last) and network batches (float tensors, channels first)."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import cv2
import numpy as np
import torch
from torch import Tensor

from .errors import UsageError

LUMA = (0.299, 0.587, 0.114)  # shares of red, green and blue in brightness (ITU-R BT.601)


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
        if _named(frames).endswith('.safetensors"'):
            raise UsageError(
                f"Expected frames or a motion, found the name {_named(frames)}. Open it: "
                f"fom_core.load_motion({_named(frames)})."
            )
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


def resize_frame(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) or (H, W, 4) uint8 to (height, width, C), averaging when shrunk.

    Colours count by their alpha: those of what is transparent stay out of what is not.
    """
    if frame.shape[2] < 4 or frame.shape[:2] == size:
        return resize_picture(frame, size)
    alpha = frame[..., 3:].astype(np.float32)
    deep = resize_picture(np.concatenate([frame[..., :3] * (alpha / 255), alpha], axis=-1), size)
    deep[..., :3] *= 255 / np.maximum(deep[..., 3:], 1)
    return np.clip(deep + 0.5, 0, 255).astype(np.uint8)


def even_size(height: int, width: int, factor: float) -> tuple[int, int]:
    """Height and width that many times as large, as even numbers, which every video holds."""
    return max(2, 2 * round(height * factor / 2)), max(2, 2 * round(width * factor / 2))


def fit_picture(picture: np.ndarray, longest: int) -> np.ndarray:
    """Shrink (H, W, C) so that no side is above ``longest`` pixels: aspect kept, sides even. Smaller ones stay."""
    height, width = picture.shape[:2]
    if max(height, width) <= longest:
        return picture
    size = even_size(height, width, longest / max(height, width))
    return resize_frame(picture, (min(size[0], longest), min(size[1], longest)))


def to_batch(pictures: Sequence[np.ndarray] | np.ndarray, *, channels: int, device: torch.device | str) -> Tensor:
    """T pictures (H, W, 3) uint8 → (T, channels, H, W) float in [0, 1]. One channel is the mean of the three.

    Bytes travel to the device and become floats there; to a GPU they do so while it works.
    """
    frames = torch.from_numpy(np.ascontiguousarray(pictures))
    if torch.device(device).type == "cuda":
        frames = frames.pin_memory().to(device, non_blocking=True)
    batch = to_floats(frames.to(device))
    return batch.mean(dim=1, keepdim=True) if channels == 1 and batch.shape[1] != 1 else batch


def to_floats(frames: Tensor) -> Tensor:
    """Frames (T, H, W, C) uint8 → a network batch (T, C, H, W), float in [0, 1], on their device."""
    return frames.movedim(-1, 1).float() / 255


def to_levels(values: Tensor, *, truncate: bool = False) -> Tensor:
    """Floats in [0, 1] as whole numbers from 0 to 255, still floats: clamped and rounded.

    ``truncate`` cuts fractions off instead, as PaddleGAN does.
    """
    scaled = values.detach().float().clamp(0, 1).mul_(255)
    # A hair more than nothing, or k / 255 × 255 may truncate to k - 1.
    return scaled.add_(1e-3).floor_() if truncate else scaled.round_()


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] of any shape as the bytes that :func:`to_levels` gives them."""
    return to_levels(torch.from_numpy(values)).to(torch.uint8).numpy()


def to_pictures(batch: Tensor) -> np.ndarray:
    """(T, C, H, W) float in [0, 1] → (T, H, W, 3) uint8, rounded. One channel becomes three equal ones."""
    return PicturesToCome(batch).wait()


class PicturesToCome:
    """Network batches on their way to be pictures: floats become bytes on the device, which then travel.

    ``truncate``: see :func:`to_levels`.
    """

    def __init__(self, batch: Tensor, *, truncate: bool = False) -> None:
        self._send(to_levels(batch, truncate=truncate).to(torch.uint8).movedim(1, -1).expand(-1, -1, -1, 3))

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
            self._arrived.record(torch.cuda.current_stream(frames.device))  # of several cards, that of the frames

    def wait(self) -> np.ndarray:
        """The pictures (T, H, W, C) uint8, once they are here; other threads go on meanwhile."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._frames.numpy()
