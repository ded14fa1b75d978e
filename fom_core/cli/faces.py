"""``fom faces``: which faces a picture or a video has, as JSON and as a picture with numbered boxes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..errors import UsageError
from ..faces.detect import detect_faces
from ..faces.detection import Detector
from ..faces.drawing import draw_faces
from ..faces.parsing import on_picture, parse_heads, shares
from ..faces.points import COUNTS
from ..files.paths import replacing
from ..files.places import Work, keep_apart
from ..media.pictures import read_picture, require_written, write_picture
from ..types import FaceRegion, FaceSet
from .common import STDOUT, add_detector_option, file_or_stdout, file_path, open_detector, zero_to_one
from .face_parts import add_landmarks_option, add_parsing_option, open_parser
from .names import listed
from .source_faces import add_crop_option
from .verbs import HELP
from .video_faces import faces_of_video, opened_video, refuse_parts

LOSSLESS = (".png", ".bmp", ".tif", ".tiff")


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
        "--json",
        type=file_or_stdout,
        metavar="FILE",
        help="write the JSON here; stdout names the files then (default: -, which is stdout)",
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
    add_landmarks_option(parser, "also find the points of each face")
    add_parsing_option(parser, "also tell the parts of each head")
    parser.add_argument(
        "--parts",
        type=file_path,
        metavar="FILE",
        help="with --parsing, write the number of the part at each pixel here, as a grey picture such as parts.png",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Detect, then write what was asked for."""
    _check_parts(args)
    if args.json == STDOUT:
        args.json = None
    written = [path for path in (args.output, args.parts, args.json) if path is not None]
    keep_apart([Work([args.picture], written)])
    for path in (args.output, args.parts):
        if path is not None:
            require_written(path)  # before the work
    reader = opened_video(args.picture)
    if reader is not None:
        refuse_parts(args)
        detector = open_detector(args, torch.device("cpu"), args.threshold)
        found, drawn = faces_of_video(args, detector, reader)
    else:
        picture = read_picture(args.picture)
        detector = open_detector(args, torch.device("cpu"), args.threshold)
        found, drawn = _of_picture(args, detector, picture)
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
        print(*filter(None, (args.json, args.output, args.parts)), sep="\n")
    return 0


def _of_picture(args: argparse.Namespace, detector: Detector, picture: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """The faces as plain values, and the picture with their boxes; the parts of heads are written."""
    parser = open_parser(args, torch.device("cpu"))
    faces = detect_faces(picture, detector, crop=args.crop)
    parsed = [] if parser is None else parse_heads(picture, faces, parser)
    if args.parts is not None:
        write_picture(args.parts, together(parsed, faces))
    return as_json(faces, parsed), draw_faces(picture, faces, first=1, parsed=parsed)


def _check_parts(args: argparse.Namespace) -> None:
    """Raise UsageError for parts that nobody finds, and for a picture that would change their numbers."""
    if args.parts is None:
        return
    if args.parsing is None:
        raise UsageError("--parts writes what --parsing finds. Add --parsing, or leave --parts out.")
    if args.parts.suffix.lower() not in LOSSLESS:
        raise UsageError(
            f"{args.parts.name} would not keep the parts' numbers as they are. Name a file {listed(LOSSLESS, 'or')}."
        )


def together(parsed: Sequence[np.ndarray], faces: FaceSet) -> np.ndarray:
    """The parts of all heads of a picture: (H, W) uint8, 0 where there is none; the first face's come first."""
    parts = np.zeros(faces.frame_size, np.uint8)
    for labels, face in zip(parsed, faces, strict=True):
        np.copyto(parts, on_picture(labels, face), where=parts == 0)
    return parts


def as_json(faces: FaceSet, parsed: Sequence[np.ndarray] = ()) -> dict[str, Any]:
    """The faces as plain values: pixels of the picture, left to right; of ``parsed`` ones, their parts' shares."""
    height, width = faces.frame_size
    told = [face_as_json(face) for face in faces]
    for values, labels in zip(told, parsed, strict=False):
        values["parts"] = {part: round(share, 4) for part, share in shares(labels).items()}
    return {"width": width, "height": height, "faces": told}


def face_as_json(face: FaceRegion) -> dict[str, Any]:
    """A face as plain values: pixels of the picture, and degrees clockwise."""
    values: dict[str, Any] = {
        "id": face.id,
        "box": [round(value, 2) for value in face.box_px],
        "crop": [round(value, 2) for value in face.crop_px],
        "score": round(face.score, 4),
        "roll": round(face.roll_deg, 2),
    }
    if face.landmarks_px is not None and len(face.landmarks_px) in COUNTS:
        values["landmarks"] = [[round(x, 2), round(y, 2)] for x, y in face.landmarks_px]
    return values
