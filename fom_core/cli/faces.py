"""``fom faces``: which faces a picture or a video has, as JSON and as a picture with numbered boxes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import MediaError
from ..faces.detect import detect_faces
from ..faces.detection import Detector
from ..faces.drawing import draw_faces
from ..faces.following import follow_faces
from ..faces.tracks import FaceTracks, picked_tracks, tracks_in_order
from ..files.paths import replacing
from ..files.places import Work, keep_apart
from ..media import VideoReader
from ..media.kinds import is_video_file, kind_of
from ..media.pictures import PICTURE_SUFFIXES, read_picture, require_written, write_picture
from ..types import FaceRegion, FaceSet
from .common import add_detector_option, file_path, open_detector, zero_to_one
from .progress import ProgressBar
from .source_faces import add_crop_option
from .verbs import HELP


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "faces",
        help=HELP["faces"],
        description="Find the faces of a picture, or of a video those that are followed: as JSON, and as a picture "
        "with numbered boxes.",
        allow_abbrev=False,
    )
    parser.add_argument("picture", type=file_path, metavar="PICTURE", help="the picture or video to look at")
    parser.add_argument(
        "--json", type=file_path, metavar="FILE", help="write the JSON here; stdout names the files then"
    )
    parser.add_argument(
        "--output",
        type=file_path,
        metavar="FILE",
        help="also write the picture here, with boxes numbered from 1 as for fom animate --faces; of a video the frame "
        "that shows most of them",
    )
    add_detector_option(parser)
    add_crop_option(parser)
    parser.add_argument(
        "--threshold",
        type=zero_to_one,
        metavar="SCORE",
        help="least score of a face, 0 to 1 (default: the detector's own)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Detect, then write what was asked for."""
    keep_apart([Work([args.picture], [path for path in (args.output, args.json) if path is not None])])
    if args.output is not None:
        require_written(args.output)  # before the work
    detector = open_detector(args, torch.device("cpu"), args.threshold)
    reader = _opened_video(args.picture)
    found, drawn = _of_picture(args, detector) if reader is None else _of_video(args, detector, reader)
    if not found["faces"]:
        print(f"No face found in {args.picture} by the detector {detector.name}.", file=sys.stderr)
    text = json.dumps(found, indent=2) + "\n"
    if args.output is not None:
        write_picture(args.output, drawn)
    if args.json is None:
        print(text, end="")
    else:
        with replacing(args.json) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(*filter(None, (args.json, args.output)), sep="\n")
    return 0


def _opened_video(path: Path) -> VideoReader | None:
    """A video or an animation of several frames; None for whatever else it is."""
    if path.is_file() and not is_video_file(path):
        kind = kind_of(path, PICTURE_SUFFIXES)
        if kind != "animation" and not (kind == "video" and path.suffix.lower() in PICTURE_SUFFIXES | {".gif"}):
            return None
    elif not path.exists():
        return None
    reader = VideoReader(path)
    return reader if reader.frame_count > 1 else None


def _of_picture(args: argparse.Namespace, detector: Detector) -> tuple[dict[str, Any], np.ndarray]:
    picture = read_picture(args.picture)
    faces = detect_faces(picture, detector, crop=args.crop)
    return as_json(faces), draw_faces(picture, faces, first=1)


def _of_video(args: argparse.Namespace, detector: Detector, reader: VideoReader) -> tuple[dict[str, Any], np.ndarray]:
    """The faces of a video by their numbers, and the frame that shows most of them, the earliest of several."""
    with ProgressBar("looking for the faces", reader.frame_count) as bar:
        found = follow_faces(reader, detector, fps=reader.fps, crop=args.crop, threshold=args.threshold, progress=bar)
    tracks = picked_tracks(found, tracks_in_order(found))
    there = np.array([~np.isnan(track.boxes[:, 0]) for track in tracks]).reshape(len(tracks), -1).sum(axis=0)
    best = int(there.argmax()) if len(tracks) else 0
    frame = next((frame for number, frame in enumerate(reader) if number == best), None)
    if frame is None:
        raise MediaError(f"{args.picture} became shorter while it was read. Try again.")
    return video_as_json(tracks, reader.fps, best), draw_faces(frame, tracks.at(best), first=1)


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


def as_json(faces: FaceSet) -> dict[str, Any]:
    """The faces as plain values: pixels of the picture, left to right."""
    height, width = faces.frame_size
    return {"width": width, "height": height, "faces": [face_as_json(face) for face in faces]}


def face_as_json(face: FaceRegion) -> dict[str, Any]:
    """A face as plain values: pixels of the picture, and degrees clockwise."""
    return {
        "id": face.id,
        "box": [round(value, 2) for value in face.box_px],
        "crop": [round(value, 2) for value in face.crop_px],
        "score": round(face.score, 4),
        "roll": round(face.roll_deg, 2),
    }
