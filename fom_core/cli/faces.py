"""``fom faces``: which faces a picture has, as JSON and as a picture with numbered boxes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import torch

from ..faces.detect import detect_faces
from ..faces.regions import CropRule
from ..files import replacing, spare
from ..media.pictures import read_picture, write_picture
from ..types import FaceRegion, FaceSet
from .common import add_detector_option, open_detector

COLOURS = ((230, 60, 60), (60, 160, 230), (70, 190, 90), (230, 170, 40), (170, 90, 220), (40, 190, 190))


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser("faces", help="find the faces of a picture", description=__doc__, allow_abbrev=False)
    parser.add_argument("picture", type=Path, metavar="PICTURE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write boxes here instead of to stdout")
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the picture with numbered boxes here")
    add_detector_option(parser)
    parser.add_argument("--crop", default="square", choices=get_args(CropRule), help="rule for what the model is shown")
    parser.add_argument("--threshold", type=float, help="least score of a face, 0 to 1 (default: the detector's own)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Detect, then write what was asked for."""
    picture = read_picture(args.picture)
    for output in (args.output, args.json):
        if output is not None:
            spare(args.picture, output)
    detector = open_detector(args, torch.device("cpu"), args.threshold)
    faces = detect_faces(picture, detector, crop=args.crop)
    if not len(faces):
        print(f"No face found in {args.picture} by the detector {detector.name}.", file=sys.stderr)
    text = json.dumps(as_json(faces), indent=2) + "\n"
    if args.output is not None:
        write_picture(args.output, draw_faces(picture, faces))
    if args.json is None:
        print(text, end="")
    else:
        with replacing(args.json) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return 0


def as_json(faces: FaceSet) -> dict[str, Any]:
    """The faces as plain values: pixels of the picture, left to right."""
    height, width = faces.frame_size

    def plain(face: FaceRegion) -> dict[str, Any]:
        return {
            "id": face.id,
            "box": [round(value, 2) for value in face.box_px],
            "crop": [round(value, 2) for value in face.crop_px],
            "score": round(face.score, 4),
        }

    return {"width": width, "height": height, "faces": [plain(face) for face in faces]}


def draw_faces(picture: np.ndarray, faces: FaceSet) -> np.ndarray:
    """A copy of the picture with each face's box, its crop as a thin line, and its id."""
    drawn = np.ascontiguousarray(picture)
    drawn = drawn.copy() if drawn is picture else drawn
    thick = max(1, round(max(picture.shape[:2]) / 400))
    for face in faces:
        colour = COLOURS[face.id % len(COLOURS)]
        x0, y0, x1, y1 = (round(value) for value in face.crop_px)
        cv2.rectangle(drawn, (x0, y0), (x1 - 1, y1 - 1), colour, 1, cv2.LINE_AA)
        x0, y0, x1, y1 = (round(value) for value in face.box_px)
        cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, thick, cv2.LINE_AA)
        _label(drawn, f"{face.id}  {face.score:.2f}", (max(x0, 0), y0), colour)
    return drawn


def _label(picture: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """White text on a bar of the face's colour, above the corner or, at the picture's top, below it."""
    scale = max(0.4, max(picture.shape[:2]) / 1600)
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x, bottom = corner[0], max(corner[1], height + base)
    cv2.rectangle(picture, (x, bottom - height - base), (x + width, bottom), colour, -1)
    cv2.putText(
        picture, text, (x, bottom - base // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA
    )
