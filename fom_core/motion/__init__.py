"""What moves and by how much: transferring motion, keypoint sequences in time, the area it covers, motion files."""

from .area import MovedArea
from .directions import PoseDirections, load_directions, posed_models, read_directions, save_directions
from .edit import MOST_AMPLITUDE, MotionEdit, amplified, edited, mixed, with_pose
from .elsewhere import carried, mirrored
from .embedded import EMBEDDED_MOTIONS, embedded_motion, embedded_names, motion_path, open_motion
from .headless import expression_of, without_head
from .initial import (
    find_best_frame,
    find_medoid,
    holds_one_pose,
    initial_frame,
    initial_pose,
    pose_distances,
    require_frame,
    stands_still,
    with_initial_frame,
)
from .motion_file import is_motion, load_motion, save_motion
from .one_euro import OneEuro
from .onto import SourceMotion, transfer_onto
from .pose import PoseKey, parse_pose, pose_motion
from .reel import BLEND_S, SPEEDS, Play, chorus, closed, concatenated, ping_pong, played, retimed
from .rest import rested
from .size import hull_area, movement_scale
from .timing import SMOOTHING, Length, align, bridged, fit_length, held, resample, smooth
from .transfer import FADE_IN_S, eased, fade_in, fade_out, transfer_motion, transfer_sequence

__all__ = [
    "BLEND_S",
    "EMBEDDED_MOTIONS",
    "FADE_IN_S",
    "MOST_AMPLITUDE",
    "SMOOTHING",
    "SPEEDS",
    "Length",
    "MotionEdit",
    "MovedArea",
    "OneEuro",
    "Play",
    "PoseDirections",
    "PoseKey",
    "SourceMotion",
    "align",
    "amplified",
    "bridged",
    "carried",
    "chorus",
    "closed",
    "concatenated",
    "eased",
    "edited",
    "embedded_motion",
    "embedded_names",
    "expression_of",
    "fade_in",
    "fade_out",
    "find_best_frame",
    "find_medoid",
    "fit_length",
    "held",
    "holds_one_pose",
    "hull_area",
    "initial_frame",
    "initial_pose",
    "is_motion",
    "load_directions",
    "load_motion",
    "mirrored",
    "mixed",
    "motion_path",
    "movement_scale",
    "open_motion",
    "parse_pose",
    "ping_pong",
    "played",
    "pose_distances",
    "pose_motion",
    "posed_models",
    "read_directions",
    "require_frame",
    "resample",
    "rested",
    "retimed",
    "save_directions",
    "save_motion",
    "smooth",
    "stands_still",
    "transfer_motion",
    "transfer_onto",
    "transfer_sequence",
    "with_initial_frame",
    "with_pose",
    "without_head",
]
