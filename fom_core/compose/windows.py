"""The faces of a video for other nodes: each in a window of one size that goes along with it."""

from __future__ import annotations

import numpy as np

from ..faces.tracks import FaceTrack, FaceTracks
from .canvas import canvas_box
from .masks import Rect


class FaceWindows:
    """Where a face is cut out of each frame: its canvas and what is around it, whole pixels and never past the border.

    Where the face is not shown, the window stays where it was, or where it will be first.
    size: (height, width) of all of them.
    """

    def __init__(self, track: FaceTrack, tracks: FaceTracks) -> None:
        places = np.zeros((tracks.frame_count, 4), int)
        known = np.flatnonzero(~np.isnan(track.boxes[:, 0]))
        for frame in known.tolist():
            face = track.region(frame, tracks.frame_size, tracks.crop, tracks.margin)
            assert face is not None
            places[frame] = canvas_box(face)
        if len(known):
            before = np.searchsorted(known, np.arange(tracks.frame_count), side="right") - 1
            places = places[known[np.maximum(before, 0)]]
        across, down = places[:, 2] - places[:, 0], places[:, 3] - places[:, 1]
        height, width = int(max(down.max(), 1)), int(max(across.max(), 1))
        self.size = height, width
        rows, columns = tracks.frame_size
        self._left = np.clip((places[:, 0] + places[:, 2] - width) // 2, 0, columns - width)
        self._top = np.clip((places[:, 1] + places[:, 3] - height) // 2, 0, rows - height)

    def rect(self, frame: int) -> Rect:
        """The window in one frame."""
        left, top = int(self._left[frame]), int(self._top[frame])
        return left, top, left + self.size[1], top + self.size[0]
