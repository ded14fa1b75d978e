"""The clips of a data set: finding them, and reading single frames of them fast, whatever form they have.

A clip is a video, a GIF, a folder of frames, or a picture with the frames side by side. Single frames of a folder are
read as they are; the others are decoded once, when first asked for, into a *pack* of separately coded frames.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ...documents.readers import read_csv, wrong_as
from ...errors import MediaError, WriteError
from ...files.paths import replacing, require_file
from ...media import VIDEO_SUFFIXES, WRITTEN_SUFFIXES, VideoReader, list_pictures
from ...media.header import declared_size
from ...media.limits import PICTURE_PIXELS, most_pixels
from ...media.noise import hushed
from ...media.pictures import read_coded
from ...pictures import resize_picture
from ...resources.faults import pass_on

log = logging.getLogger(__name__)

SPLITS = {"train": ("train",), "val": ("val", "test"), "test": ("test",)}  # folders that hold a split
LOSSLESS = frozenset({".gif", *WRITTEN_SUFFIXES})  # sources whose frames are packed without loss
_HEADER = 1 << 16  # bytes of a picture in which its size is looked for
QUALITY = 95  # of JPEG, for frames that a video has coded with loss already


@dataclass(frozen=True)
class ClipEntry:
    """One clip or portrait of a data set. ``path`` is a video, a picture or a folder of numbered frames."""

    path: Path
    identity: str
    kind: str  # "video" or "still"


def find_entries(
    folder: Path, split: str | None = None, licence_classes: Sequence[str] | None = None
) -> list[ClipEntry]:
    """List what a data set holds, in a fixed order.

    With an ``index.csv`` the rows are filtered by ``split`` and ``licence_classes``. Without one, everything that is a
    clip is one, in the subfolder of the split where there is one (``test`` is as good as ``val``); what stands before
    ``#`` in its name is the identity. Raises MediaError when nothing is left.
    """
    if not folder.exists():
        require_file(folder, "The folder of clips", folder=True)
    index = folder / "index.csv"
    if index.exists():
        entries = _indexed(index, split, licence_classes)
    else:
        roots = [folder / name for name in SPLITS.get(split or "", ()) if (folder / name).is_dir()]
        root = roots[0] if roots else folder
        paths = sorted(root.iterdir()) if root.is_dir() else []
        entries = [
            ClipEntry(path, path.name.split("#")[0] if "#" in path.name else path.stem, "video")
            for path in paths
            if not path.name.startswith(".") and _is_clip(path)
        ]
        if not entries and roots:
            raise MediaError(
                f"The folder {root} holds no clips{' and is empty' if not paths else ''}. Clips there are the split "
                f"{split}: put videos, frame folders or frame strips there, or remove the folder."
            )
    if not entries:
        asked = [f"of the split {split}"] if split else []
        asked += [f"of the licence class {' or '.join(licence_classes)}"] if licence_classes else []
        there = _splits(folder) if split else []
        hint = f"The splits there: {', '.join(there)}. " if there else ""
        if split != "train" and "train" in there:
            hint += "A training wants people to validate with; `fom evaluate --split train` takes that one. "
        raise MediaError(
            f"Wanted clips in {folder}{' '.join(['', *asked])} and found none. {hint}"
            "Give a folder of videos, of frame folders or of frame strips, or one with an index.csv that has such rows."
        )
    return entries


def without_photographs(folder: Path, entries: Sequence[ClipEntry]) -> list[ClipEntry]:
    """The entries but for single pictures in the place of clips, which a line counts: nothing moves in them.

    Raises MediaError where nothing else is there.
    """
    single = {entry.path for entry in entries if entry.kind == "video" and _is_single(entry.path)}
    if len(single) == len(entries):
        raise MediaError(
            f"{folder} holds {len(single)} pictures and no clips: in photographs nothing moves, so there is nothing to "
            "learn from. Give videos, folders of frames, or pictures with the frames in a row."
        )
    if single:
        log.warning("%d pictures in %s are photographs and no clips; they are left out.", len(single), folder)
    return [entry for entry in entries if entry.path not in single]


def _is_single(path: Path) -> bool:
    """Whether a file is a picture and no row of square frames, by its header."""
    if path.suffix.lower() not in WRITTEN_SUFFIXES or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            size = declared_size(file.read(_HEADER))
    except OSError:
        return False
    return size is not None and (size[1] < 2 * size[0] or size[1] % size[0] > 0)


def _splits(folder: Path) -> list[str]:
    """The splits that a data set has, by its index or its subfolders."""
    if (folder / "index.csv").exists():
        with wrong_as(MediaError, folder / "index.csv"):
            return sorted({row["split"] for _, row in read_csv(folder / "index.csv", {"split"}).rows} - {""})
    return [name for name in SPLITS if (folder / name).is_dir()]


def has_split(folder: Path, split: str) -> bool:
    """Whether a data set says which of its clips belong to a split."""
    return (folder / "index.csv").exists() or any((folder / name).is_dir() for name in SPLITS[split])


def _indexed(index: Path, split: str | None, licence_classes: Sequence[str] | None) -> list[ClipEntry]:
    wanted = {"file", "kind", "split", "identity"} | ({"licence_class"} if licence_classes is not None else set())
    with wrong_as(MediaError, index):
        rows = [row for _, row in read_csv(index, wanted).rows]
    rows = [row for row in rows if split is None or row["split"] == split]
    if licence_classes is not None:
        rows = [row for row in rows if row["licence_class"] in licence_classes]
    return [ClipEntry(index.parent / row["file"], row["identity"], row["kind"]) for row in rows]


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return bool(list_pictures(path))
    return path.suffix.lower() in VIDEO_SUFFIXES | WRITTEN_SUFFIXES


def read_frames(path: Path, shape: tuple[int, int] | None = None) -> Iterator[np.ndarray]:
    """All frames (H, W, 3) uint8 of a clip, in order. ``shape``: height and width of a strip's frames, if not square.

    Raises MediaError for a clip that cannot be read.
    """
    if path.is_file() and path.suffix.lower() in WRITTEN_SUFFIXES:
        yield from _split_strip(path, decode_picture(path), shape)
    else:
        with VideoReader(path) as reader:
            yield from reader


def _split_strip(path: Path, strip: np.ndarray, shape: tuple[int, int] | None) -> list[np.ndarray]:
    height, width = strip.shape[:2]
    frame_width = height if shape is None else round(height * shape[1] / shape[0])
    if width % frame_width and width > frame_width:
        raise MediaError(
            f"{path} is no row of frames: {width} pixels are not a multiple of the frame's {frame_width}. "
            "Frames stand side by side in it, each with the shape of dataset_params.frame_shape."
        )
    return np.split(strip, max(1, width // frame_width), axis=1)


def decode_picture(path: Path) -> np.ndarray:
    """A picture file as (H, W, 3) uint8 RGB, without the care of media.read_picture: twice as fast.

    Raises MediaError when it cannot be read, or declares too many pixels.
    """
    data = read_coded(require_file(path, "The picture"), most_pixels(None, PICTURE_PIXELS))
    try:
        return decode_frame(data)
    except cv2.error as error:
        pass_on(error)
        raise MediaError(f"{path} is not a picture that can be read. Copy it again, or remove it.") from error


def decode_frame(data: np.ndarray) -> np.ndarray:
    """Coded bytes as (H, W, 3) uint8 RGB. Raises cv2.error."""
    with hushed():
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise cv2.error("no picture")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


class ClipReader:
    """Random access to the frames of one entry.

    size:  (height, width) that frames are brought to; None leaves them as they are.
    cache: folder of the packs. One that cannot be written costs time only, and a line.
    """

    def __init__(self, path: Path, size: tuple[int, int] | None, shape: tuple[int, int], cache: Path) -> None:
        self.path, self.size, self.shape, self.cache = path, size, shape, cache
        self._frames: list[Path] | Pack | None = None

    def __len__(self) -> int:
        return len(self._opened())

    def __getitem__(self, index: int) -> np.ndarray:
        """A frame (H, W, 3) uint8. Raises MediaError."""
        frame = self._opened()[index]
        return self._sized(decode_picture(frame)) if isinstance(frame, Path) else frame

    def _opened(self) -> list[Path] | Pack:
        """The files or the pack of the frames, found on first use: data sets have many thousand clips."""
        if self._frames is None:
            self._frames = list_pictures(self.path) if self.path.is_dir() else self._packed()
        return self._frames

    def _sized(self, frame: np.ndarray) -> np.ndarray:
        return frame if self.size is None else resize_picture(frame, self.size)

    def _packed(self) -> Pack:
        path = self.cache / f"{self.path.stem}-{self._key()}.pack"
        if not path.is_file():
            frames = read_frames(self.path, self.shape)
            data = packed([encode_frame(self._sized(frame), self._suffix) for frame in frames])
            try:
                with replacing(path) as temporary:
                    data.tofile(temporary)
            except WriteError as error:
                log.warning("%s Without it, every process decodes %s.", error, self.path)
                return Pack(data, self.path)
        return Pack.open(path)

    @property
    def _suffix(self) -> str:
        return ".png" if self.path.suffix.lower() in LOSSLESS else ".jpg"

    def _key(self) -> str:
        """Changes with the file and with what is made of it."""
        try:
            facts = self.path.stat()
        except OSError as error:
            raise MediaError(f"{self.path} cannot be read: {error.strerror}.") from error
        text = json.dumps([str(self.path.resolve()), facts.st_size, facts.st_mtime_ns, self.size, self.shape])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode_frame(frame: np.ndarray, suffix: str) -> np.ndarray:
    """A frame as the bytes of a small picture file: full colour resolution, quick to read."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if suffix == ".jpg":
        full_colour = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full_colour]
    return cv2.imencode(suffix, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)[1]


class Pack:
    """Coded frames one behind the other: their number, where each one ends (64 bits each), and the frames.

    By their number they come decoded, (H, W, 3) uint8 RGB; MediaError for a damaged one.
    """

    def __init__(self, data: np.ndarray, path: Path) -> None:
        """``data``: bytes as :func:`packed` makes them. Raises ValueError when they are something else."""
        count = int(data[:8].view("<u8")[0])
        if count > len(data) // 8:
            raise ValueError("cut off")
        self.bounds = np.concatenate([[8 * (count + 1)], data[8 : 8 * (count + 1)].view("<u8")]).astype(np.int64)
        if not count or self.bounds[-1] != len(data):
            raise ValueError("cut off")
        self.data, self.path = data, path

    @classmethod
    def open(cls, path: Path) -> Pack:
        """Map a file into memory; nothing is read yet. Raises MediaError."""
        try:
            return cls(np.memmap(path, np.uint8, "r"), path)
        except (OSError, ValueError, IndexError) as error:
            path.unlink(missing_ok=True)
            raise MediaError(f"{path} was damaged and is removed; it is made anew when next wanted.") from error

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        try:
            return decode_frame(np.asarray(self.data[self.bounds[index] : self.bounds[index + 1]]))
        except cv2.error as error:
            pass_on(error)
            raise MediaError(f"A frame of {self.path} cannot be read. Remove the file; it is made anew.") from error


def packed(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Coded frames as the bytes of a pack."""
    ends = np.cumsum([8 * (len(frames) + 1), *(len(frame) for frame in frames)])[1:]
    return np.concatenate([np.array([len(frames), *ends], "<u8").view(np.uint8), *frames])
