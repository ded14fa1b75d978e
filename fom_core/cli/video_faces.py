"""The faces of a video for ``fom faces``: followed, numbered, and drawn on the frame that shows most of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError, UsageError
from ..faces.detection import Detector
from ..faces.drawing import draw_faces
from ..faces.following import follow_faces
from ..faces.tracks import FaceTracks, picked_tracks, tracks_in_order
from ..media import VideoReader
from ..media.kinds import is_video_file, kind_of
from ..media.pictures import PICTURE_SUFFIXES
from .progress import ProgressBar


def opened_video(path: Path) -> VideoReader | None:
    """A video or an animation of several frames; None for whatever else it is."""
    if path.is_file() and not is_video_file(path):
        kind = kind_of(path, PICTURE_SUFFIXES)
        if kind != "animation" and not (kind == "video" and path.suffix.lower() in PICTURE_SUFFIXES | {".gif"}):
            return None
    elif not path.exists():
        return None
    reader = VideoReader(path)
    return reader if reader.frame_count > 1 else None


def faces_of_video(
    args: argparse.Namespace, detector: Detector, reader: VideoReader
) -> tuple[dict[str, Any], np.ndarray]:
    """The faces by their numbers as plain values, and the earliest frame that shows most of them, with boxes."""
    with ProgressBar("looking for the faces", reader.frame_count) as bar:
        found = follow_faces(reader, detector, fps=reader.fps, crop=args.crop, threshold=args.threshold, progress=bar)
    tracks = picked_tracks(found, tracks_in_order(found))
    there = np.array([~np.isnan(track.boxes[:, 0]) for track in tracks]).reshape(len(tracks), -1).sum(axis=0)
    best = int(there.argmax()) if len(tracks) else 0
    frame = next((frame for number, frame in enumerate(reader) if number == best), None)
    if frame is None:
        raise MediaError(f"{args.picture} became shorter while it was read. Try again.")
    return video_as_json(tracks, reader.fps, best), draw_faces(frame, tracks.at(best), first=1)


def refuse_parts(args: argparse.Namespace) -> None:
    """Raise UsageError for what is only found in pictures."""
    for name in ("landmarks", "parsing", "parts"):
        if getattr(args, name) is not None:
            raise UsageError(f"--{name} is for pictures, and {args.picture} is a video. Leave it out, or take a frame.")


def video_as_json(tracks: FaceTracks, fps: float, drawn: int) -> dict[str, Any]:
    """The followed faces of a video as plain values; frames count from 0, and ``drawn`` is the one on the picture."""
    height, width = tracks.frame_size
    return {
        "width": width,
        "height": height,
        "frames": tracks.frame_count,
        "fps": round(fps, 4),
        "drawn": drawn,
        "faces": [
            {
                "id": track.id,
                "frames": [[run.start, run.stop - 1] for run in track.runs()],
                "box": [round(value, 2) for value in track.boxes[track.runs()[0].start].tolist()],
                "score": round(track.score, 4),
            }
            for track in tracks
        ],
    }
