"""``fom faces``: which faces a picture has, as JSON and as a picture with numbered boxes."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import torch

from ..faces.detect import detect_faces
from ..faces.drawing import draw_faces
from ..files.paths import replacing
from ..files.places import Work, keep_apart
from ..media.pictures import read_picture, require_written, write_picture
from ..types import FaceRegion, FaceSet
from .common import add_detector_option, file_path, open_detector, zero_to_one
from .source_faces import add_crop_option
from .verbs import HELP


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "faces",
        help=HELP["faces"],
        description="Find the faces of a picture: as JSON, and as a picture with numbered boxes.",
        allow_abbrev=False,
    )
    parser.add_argument("picture", type=file_path, metavar="PICTURE", help="the picture to look at")
    parser.add_argument(
        "--json", type=file_path, metavar="FILE", help="write the JSON here; stdout names the files then"
    )
    parser.add_argument(
        "--output",
        type=file_path,
        metavar="FILE",
        help="also write the picture here, with boxes numbered from 1 as for fom animate --faces",
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
    picture = read_picture(args.picture)
    detector = open_detector(args, torch.device("cpu"), args.threshold)
    faces = detect_faces(picture, detector, crop=args.crop)
    if not len(faces):
        print(f"No face found in {args.picture} by the detector {detector.name}.", file=sys.stderr)
    text = json.dumps(as_json(faces), indent=2) + "\n"
    if args.output is not None:
        write_picture(args.output, draw_faces(picture, faces, first=1))
    if args.json is None:
        print(text, end="")
    else:
        with replacing(args.json) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(*filter(None, (args.json, args.output)), sep="\n")
    return 0


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
