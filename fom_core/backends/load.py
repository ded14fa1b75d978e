"""From a name or a file to a model that is ready to paint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import FomError, UnsupportedModel, UsageError
from ..networks.model import MotionModel
from ..weights.catalogue import catalogue
from ..weights.load import choose_device, load_module
from ..weights.store import locate
from .pytorch import PyTorchModel
from .pytorch.source import Source

DTYPES = {"auto": None, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_model(  # noqa: PLR0917 - the published signature
    name_or_path: str | Path = "mini",
    config: str | Path | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    align_corners: bool | None = None,
    border_blend: bool | None = None,
) -> PyTorchModel:
    """Open a model to paint with. Never downloads: the error for a model that is not here says how to get it.

    name_or_path: a name from the catalogue, or a .safetensors, .pth.tar or .pdparams file, which must stay where it is:
                  its weights are read again for another device.
    config:       a YAML in the authors' or PaddleGAN's layout, for what the tensors do not tell; it must fit them.
    device:       "auto" is the first of cuda, mps and cpu that this machine has.
    dtype:        to paint in; keypoints and flow stay in float32. "auto" takes a half-precision type, on a processor
                  perhaps with 8-bit integers, where the device is faster in it and this model's pictures stay within
                  45 dB PSNR of float32, keypoints within 1e-3; it measures that on first use, and keeps it.
    align_corners, border_blend: None is what the file, the catalogue or the format says.
    Raises UnsupportedModel for files that are not usable, UsageError for a device or dtype that is not.
    """
    precision, place = _precision(dtype), choose_device(device)
    path, _ = locate(name_or_path)
    name = name_or_path if str(name_or_path) in catalogue() else path.absolute()
    yaml = None if config is None else Path(config).absolute()
    again = Opening(name, yaml, align_corners, border_blend, _stamp(path))
    return PyTorchModel(Source(again, at_hand=again.networks()), place, precision)


@dataclass(frozen=True)
class Opening:
    """A file of weights and how it is read; it is to be the same file each time."""

    name_or_path: str | Path
    config: Path | None
    align_corners: bool | None
    border_blend: bool | None
    stamp: tuple[int, int]

    def __call__(self) -> MotionModel:
        """Its networks, if it is as it was. Raises UnsupportedModel otherwise."""
        path, _ = locate(self.name_or_path)
        if _stamp(path) != self.stamp:
            raise UnsupportedModel(f"{path.name} is not the file any more that was opened. Open the model again.")
        return self.networks()

    @property
    def lasts(self) -> bool:
        """Whether the file is still there, and the same."""
        try:
            return _stamp(locate(self.name_or_path)[0]) == self.stamp
        except FomError:
            return False

    def networks(self) -> MotionModel:
        return load_module(
            self.name_or_path, self.config, align_corners=self.align_corners, border_blend=self.border_blend
        )


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when a file is replaced."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _precision(dtype: str | torch.dtype) -> torch.dtype | None:
    if isinstance(dtype, torch.dtype) and dtype in DTYPES.values():
        return dtype
    if isinstance(dtype, str) and dtype in DTYPES:
        return DTYPES[dtype]
    raise UsageError(f"There is no dtype {dtype!r} for models; use one of {', '.join(DTYPES)}.")
