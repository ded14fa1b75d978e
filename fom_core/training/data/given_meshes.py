"""Meshes that lie beside clips, as ``NAME.mesh.npy`` beside ``NAME.mp4``: exact ones, of people that were drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError

import numpy as np

from ...documents.readers import shortened
from ...errors import MediaError
from .mesh import POINTS, MeshFinder, find_meshes

SUFFIX = ".mesh.npy"
TAKE_AWAY = "Take it away, and the mesh is looked for."
# NumPy reads the header as Python's text, in which mistakes have many names; what is nested deep is one of memory.
MISTAKES = (
    *(OSError, ValueError, SyntaxError, TokenError, EOFError, ArithmeticError, TypeError),
    *(RecursionError, MemoryError),
)


def given_mesh(clip: Path) -> Path | None:
    """The file beside a clip (or a folder of frames) that tells the meshes of its frames, if there is one."""
    path = clip.with_name((clip.name if clip.is_dir() else clip.stem) + SUFFIX)
    return path if path.is_file() else None


def meshes_of(
    clip: Path,
    frames: Sequence[np.ndarray],
    landmarks: Sequence[np.ndarray],
    finder: MeshFinder | None,
    *,
    whole: bool = True,
) -> np.ndarray:
    """The meshes (T, 468, 3) of a clip's frames: those beside it, if it could be read as a whole, else found ones."""
    given = given_mesh(clip) if whole else None
    if given is not None:
        return read_given_mesh(given, len(frames))
    if finder is None or not frames:
        return np.full((len(frames), POINTS, 3), np.nan, np.float32)
    return find_meshes(frames, landmarks, finder)


def read_given_mesh(path: Path, frames: int) -> np.ndarray:
    """(frames, 468, 3) float32 as :func:`.mesh.find_meshes` gives them; NaN where any point is unknown.

    Raises MediaError for anything but an array of that shape and type. Nothing of it is run.
    """
    meshes = mapped_array(path, TAKE_AWAY)
    wanted = (frames, POINTS, 3)
    if meshes.dtype != np.float32 or meshes.shape != wanted:
        raise MediaError(
            f"{path} holds {meshes.dtype} of the shape {meshes.shape}, and the clip's {frames} frames want float32 of "
            f"the shape {wanted}. {TAKE_AWAY}"
        )
    known = np.array(meshes)
    known[~np.isfinite(known).all(axis=(1, 2))] = np.nan
    return known


def mapped_array(path: Path, advice: str) -> np.ndarray:
    """An array of numbers in a file, read when used. Raises MediaError for a damaged file, with advice."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except MISTAKES as error:
        reason = shortened(str(error).split("\n")[0] or type(error).__name__)
        raise MediaError(f"{path} is damaged ({reason}). {advice}") from error
