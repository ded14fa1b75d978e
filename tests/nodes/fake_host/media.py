"""Videos and previews of ``comfy_api.latest``, as far as the pack uses them."""

from __future__ import annotations

import secrets
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image as Pictures
from torch import Tensor

from fom_core.media import VideoReader

from . import folder_paths
from .io import FolderType


class VideoInput:
    """What travels on a VIDEO socket."""


class VideoFromFile(VideoInput):
    """A file, or its bytes, or a part of it from ``start_time`` on; a duration of 0 is up to the end."""

    def __init__(self, file: str | BytesIO, *, start_time: float = 0, duration: float = 0) -> None:
        self._file, self._start, self._duration = file, start_time, duration

    def get_stream_source(self) -> str | BytesIO:
        if isinstance(self._file, BytesIO):
            self._file.seek(0)
        return self._file

    def get_active_trim_window(self) -> tuple[float, float]:
        return float(self._start), float(self._duration)

    def as_trimmed(self, start_time: float = 0, duration: float = 0) -> VideoFromFile:
        return VideoFromFile(self.get_stream_source(), start_time=start_time + self._start, duration=duration)

    def _reader(self) -> VideoReader:
        assert isinstance(self._file, str), "only files are looked into here"
        return VideoReader(self._file, from_s=self._start, length_s=self._duration)

    def get_dimensions(self) -> tuple[int, int]:
        height, width = self._reader().size
        return width, height

    def get_frame_count(self) -> int:
        return len(list(self._reader()))

    def get_frame_rate(self) -> Fraction:
        return Fraction(self._reader().rate)

    def get_duration(self) -> float:
        return float(self.get_frame_count() / self.get_frame_rate())

    def get_components(self) -> SimpleNamespace:
        return SimpleNamespace(audio={} if self._reader().has_audio else None)


class SavedResult(dict[str, str]):
    def __init__(self, filename: str, subfolder: str, type: FolderType) -> None:
        super().__init__(filename=filename, subfolder=subfolder, type=type.value)


class PreviewImage:
    """Pictures in the folder for temporary files, which the frontend shows on the node."""

    def __init__(self, image: Tensor, cls: Any = None) -> None:
        folder = Path(folder_paths.get_temp_directory())
        self.values = []
        for picture in image:
            name = f"preview_{secrets.token_hex(8)}.png"
            Pictures.fromarray((picture.cpu().numpy() * 255).clip(0, 255).astype(np.uint8)).save(folder / name)
            self.values.append(SavedResult(name, "", FolderType.temp))

    def as_dict(self) -> dict[str, Any]:
        return {"images": self.values, "animated": (False,)}


class PreviewVideo:
    def __init__(self, values: list[SavedResult]) -> None:
        self.values = values

    def as_dict(self) -> dict[str, Any]:
        return {"images": self.values, "animated": (True,)}
