"""What moves and by how much: transferring motion, its course in time, the area it covers, motion files."""

from .area import MovedArea
from .files import is_motion, load_motion, save_motion
from .timing import Length, align, fit_length, resample, smooth
from .transfer import find_best_frame, hull_area, initial_frame, movement_scale, transfer_motion

__all__ = [
    "Length",
    "MovedArea",
    "align",
    "find_best_frame",
    "fit_length",
    "hull_area",
    "initial_frame",
    "is_motion",
    "load_motion",
    "movement_scale",
    "resample",
    "save_motion",
    "smooth",
    "transfer_motion",
]
