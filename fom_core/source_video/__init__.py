"""A video as the source: its faces follow a driver, each by a track of its own."""

from .animate import SourceOptions, animate_video, compose_video, moving_tracks
from .keypoints import read_source_motions
from .painter import VideoPainter

__all__ = [
    "SourceOptions",
    "VideoPainter",
    "animate_video",
    "compose_video",
    "moving_tracks",
    "read_source_motions",
]
