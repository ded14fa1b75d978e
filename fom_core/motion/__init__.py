"""What moves and by how much: transferring motion, keypoint sequences in time, the area it covers, motion files."""

from .area import MovedArea
from .initial import find_best_frame, find_medoid, initial_frame, pose_distances, stands_still, with_initial_frame
from .motion_file import is_motion, load_motion, save_motion
from .one_euro import OneEuro
from .onto import SourceMotion, transfer_onto
from .size import hull_area, movement_scale
from .timing import SMOOTHING, Length, align, fit_length, held, resample, smooth
from .transfer import FADE_IN_S, eased, fade_in, fade_out, transfer_motion, transfer_sequence

__all__ = [
    "FADE_IN_S",
    "SMOOTHING",
    "Length",
    "MovedArea",
    "OneEuro",
    "SourceMotion",
    "align",
    "eased",
    "fade_in",
    "fade_out",
    "find_best_frame",
    "find_medoid",
    "fit_length",
    "held",
    "hull_area",
    "initial_frame",
    "is_motion",
    "load_motion",
    "movement_scale",
    "pose_distances",
    "resample",
    "save_motion",
    "smooth",
    "stands_still",
    "transfer_motion",
    "transfer_onto",
    "transfer_sequence",
    "with_initial_frame",
]
