"""Pictures and videos in and out: the only place that talks to ffmpeg and to image codecs.

Pictures are ``(H, W, 3)`` uint8 RGB arrays and videos are streams of them, one frame at a time.
"""

from .animated import ANIMATED_SUFFIXES
from .encode import VIDEO_SUFFIXES
from .pictures import PICTURE_SUFFIXES, WRITTEN_SUFFIXES, list_pictures, read_picture, write_picture
from .read import VideoReader, read_video
from .sound import read_sound
from .write import VideoWriter

__all__ = [
    "ANIMATED_SUFFIXES",
    "PICTURE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "WRITTEN_SUFFIXES",
    "VideoReader",
    "VideoWriter",
    "list_pictures",
    "read_picture",
    "read_sound",
    "read_video",
    "write_picture",
]
