"""Makes the pictures of the nodes' help pages and of the workflows' cards that show what the embedded model does.

    python docs/make_pictures.py VIDEOS

VIDEOS is the folder ``output/video`` of a ComfyUI in which the example workflows ran. Run it in the project's folder,
with the extra ``demo`` installed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from fom_core.backends.load import load_model
from fom_core.compose import Composition
from fom_core.compose.masks import Look
from fom_core.compose.paste import paste
from fom_core.demo import demo_picture
from fom_core.draw import explain, keypoint_colour
from fom_core.driver import align_drivers
from fom_core.faces.detect import detect_faces, load_detector
from fom_core.faces.regions import crop_face, pixel_box
from fom_core.faces.tracking import driving_view
from fom_core.media import VideoReader, read_picture
from fom_core.motion import FADE_IN_S, SMOOTHING, embedded_motion, pose_motion
from fom_core.pictures import resize_picture
from fom_core.pipeline import Scene, animate, compose_picture, encode_face, look_at, read_motion
from fom_core.stills import Stills, spread_over
from fom_core.types import Motion, MotionTransfer, RunOptions

ROOT = Path(__file__).resolve().parents[1]
INPUTS, HELP, CARDS = ROOT / "workflows" / "inputs", ROOT / "nodes" / "web" / "docs" / "images", ROOT / "workflows"
CARD = (360, 640)  # height and width
CELL, PANEL = (128, 128), (300, 300)  # of a strip, and of a comparison
QUALITY, WORST_QUALITY, MOST_BYTES = 82, 60, 60_000  # of a JPEG
GAP_PX = 8
MINI = load_model("mini")
MODEL = MINI
TRANSFER = MotionTransfer(initial_frame="medoid", fade_in_s=FADE_IN_S)  # as new nodes do
DRIVING = (8, 24, 33, 47, 65)  # telling moments of fom_driving.mp4 …
TALK = (20, 28, 44, 60, 76, 116)  # … and of the embedded motion
POSES = {"yaw": (-15, 15), "pitch": (10, -10), "mouth_open": (0.5,), "smile": (1, -0.7), "roll": (12,)}


def main(videos: Path) -> None:
    """Write all of them to where they belong."""
    cards(videos)
    portrait, group = (read_picture(INPUTS / f"fom_{name}.jpg") for name in ("portrait", "group"))
    frames, motion = driver("fom_driving.mp4")
    save(HELP / "animate_face.jpg", np.vstack(strips(group, motion, DRIVING)))
    (moment,) = moments(group, motion, (33,))
    pair = [resize_picture(picture, (280, 498)) for picture in (group, moment)]
    save(HELP / "animate_picture.jpg", np.hstack([pair[0], gap(280), pair[1]]))
    talk = embedded_motion()
    two = [strips(portrait, talk, TALK)[0], strips(group, talk, TALK)[0]]
    save(HELP / "motion.jpg", np.vstack([curves(talk, (150, 904)), *two]))
    save(HELP / "paste_faces.jpg", np.hstack(pasted(talk, 44)))
    save(HELP / "pose_face.jpg", np.vstack(posed(portrait)))
    save(HELP / "preview_keypoints.jpg", explained(crops_of(portrait)[0], frames, motion, 33))
    moment, sheet = tuned(portrait, frames, motion, 33)
    save(HELP / "preview_animation.jpg", resize_picture(moment, (450, round(450 * moment.shape[1] / moment.shape[0]))))
    save(CARDS / "Tuning.jpg", resize_picture(sheet[: round(sheet.shape[1] * 9 / 16)], CARD))


def cards(videos: Path) -> None:
    """The workflows' cards, of frames that they saved."""

    def frames(name: str, *numbers: int) -> list[np.ndarray]:
        with VideoReader(max(videos.glob(f"{name}_0*.mp4"))) as video:
            every = list(video)
        return [every[number] for number in numbers]

    height, width = CARD
    for card, name, number in (("Group photo with sound", "group", 33), ("Chained with other nodes", "chained", 47)):
        save(CARDS / f"{card}.jpg", resize_picture(frames(name, number)[0], CARD))
    four = [resize_picture(frame, (height // 2, width // 2)) for frame in frames("long", 0, 24, 47, 65)]
    save(CARDS / "Long video in one node.jpg", np.vstack([np.hstack(four[:2]), np.hstack(four[2:])]))
    two = [resize_picture(frame, CARD)[30 : 30 + height // 2] for frame in frames("three_drivers", 24, 60)]
    save(CARDS / "One driver per face.jpg", np.vstack(two))
    three = [middle(resize_picture(frame, (height, height)), 214) for frame in frames("portrait", 0, 24, 47)]
    save(CARDS / "Single portrait.jpg", np.hstack(three)[:, 1:-1])
    with VideoReader(INPUTS / "fom_driving_2.mp4") as video:
        sources = [frame for number, frame in enumerate(video) if number in (16, 32)]
    both = [np.hstack(pair) for pair in zip(sources, frames("video", 16, 32), strict=True)]
    rows = [resize_picture(pair, (width // 2, width))[40 : 40 + height // 2] for pair in both]
    save(CARDS / "Video to video.jpg", np.vstack(rows))
    still, many = frames("motion_portrait", 60)[0], frames("motion_group", 60)[0]
    halves = middle(resize_picture(still, (height, height)), 280), middle(resize_picture(many, CARD), 360)
    save(CARDS / "Shared motion.jpg", np.hstack(halves))
    (smiling,), posed_two = frames("nod_and_smile", 28), frames("posed_group", 25, 62)
    column = np.vstack([resize_picture(frame, (225, 400))[20 : 20 + height // 2] for frame in posed_two])
    row = [middle(resize_picture(smiling, (height, height)), width - 400), column]
    save(CARDS / "Motions and poses.jpg", np.hstack(row))


def driver(name: str) -> tuple[list[np.ndarray], Motion]:
    """What the model sees of a driving video, and the motion that it reads there."""
    with VideoReader(INPUTS / name) as video:
        frames, rate = list(video), float(video.rate)
    box = driving_view(frames, frames[0].shape[:2], load_detector("embedded"), frame_count=len(frames))
    return [look_at(MODEL, frame, box) for frame in frames], read_motion(MODEL, frames, rate, box=box)


def crops_of(picture: np.ndarray) -> list[np.ndarray]:
    """Faces with their surroundings, left to right."""
    faces = detect_faces(picture, "embedded")
    return [crop_face(picture, pixel_box(face.crop_px), MODEL.config.image_size) for face in faces]


def strips(picture: np.ndarray, motion: Motion, numbers: Sequence[int]) -> list[np.ndarray]:
    """A row for each face, left to right: the face with its surroundings, and moments of its animation."""
    frames = moments(picture, motion, numbers)
    return [
        np.hstack([crop_face(picture, face, CELL), gap(CELL[0]), *(crop_face(frame, face, CELL) for frame in frames)])
        for face in detect_faces(picture, "embedded")
    ]


def moments(picture: np.ndarray, motion: Motion, numbers: Sequence[int]) -> list[np.ndarray]:
    """Frames of an animated picture, composed as the nodes do by default."""
    (smoothed,) = align_drivers([motion], motion.fps, smoothing=SMOOTHING)
    scene = Scene(picture, detect_faces(picture, "embedded"), smoothed, TRANSFER)
    return [
        frame for chunk in compose_picture(MODEL, scene, Composition(), RunOptions(frames=numbers)) for frame in chunk
    ]


def curves(motion: Motion, size: tuple[int, int]) -> np.ndarray:
    """How far every keypoint has moved up or down, over time."""
    height, width = size
    plot = np.full((height, width, 3), 250, np.uint8)
    y = motion.keypoints.value[:, :, 1].numpy()
    moved = y - y[0]
    down = (moved - moved.min()) / (moved.max() - moved.min()) * (height - 20) + 10
    across = np.linspace(5, width - 5, len(y))
    for index in range(y.shape[1]):
        line = np.rint(np.stack([across, down[:, index]], 1) * 16).astype(np.int32)
        cv2.polylines(plot, [line], False, keypoint_colour(index, y.shape[1]), 2, cv2.LINE_AA, shift=4)
    return plot


def pasted(motion: Motion, number: int) -> list[np.ndarray]:
    """One moment of the demo's middle face under each mask."""
    wall = demo_picture()
    faces = detect_faces(wall, "embedded")
    x0, y0, x1, y1 = pixel_box(faces[1].crop_px)
    (painted,) = animate(MODEL, crops_of(wall), motion, TRANSFER, frames=[number])
    panels = []
    for mask in get_args(Look):
        (frame,) = moments(wall, motion, [number]) if mask == "flow" else paste(wall, faces, painted, mask)
        panels.append(labelled(resize_picture(frame[y0 - 25 : y1 + 25, x0 - 25 : x1 + 25], (250, 250)), mask))
    return panels


def labelled(panel: np.ndarray, text: str) -> np.ndarray:
    """A picture with a word in its corner."""
    panel = np.ascontiguousarray(panel)
    panel[:24, :110] = 0
    return cv2.putText(panel, text, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255,) * 3, 1, cv2.LINE_AA)


def posed(portrait: np.ndarray) -> list[np.ndarray]:
    """Two rows of a face in each of the poses, and their names."""
    (face,) = detect_faces(portrait, "embedded")
    panels = []
    for name, value in [(name, value) for name, values in POSES.items() for value in values]:
        motion = pose_motion({name: value})
        (frame,) = moments(portrait, motion, [len(motion) - 1])
        title = np.zeros((24, 180, 3), np.uint8)
        panels.append(labelled(np.vstack([title, crop_face(frame, face, (180, 180))]), f"{name} {value:g}"))
    return [np.hstack(panels[:4]), np.hstack(panels[4:])]


def explained(face: np.ndarray, frames: Sequence[np.ndarray], motion: Motion, number: int) -> np.ndarray:
    """What Preview Keypoints shows of one moment."""
    panels, flow, shown = explain(MODEL, face, motion.keypoints, number, view=frames[number])
    occlusion = np.repeat(np.rint(shown[0].numpy()[..., None] * 255).astype(np.uint8), 3, axis=2)
    rows = resize_picture(panels, (200, 600)), resize_picture(flow, (200, 200)), resize_picture(occlusion, (200, 200))
    return np.hstack(rows)


def tuned(
    picture: np.ndarray, frames: Sequence[np.ndarray], motion: Motion, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """What Preview Animation shows: one moment, and a contact sheet."""
    faces = detect_faces(picture, "embedded")
    sources = [encode_face(MODEL, crop_face(picture, face, MODEL.config.image_size)) for face in faces]
    (smoothed,) = align_drivers([motion], motion.fps, smoothing=SMOOTHING)
    stills, spread = Stills(MODEL, Scene(picture, faces, [smoothed], TRANSFER, sources)), spread_over(len(motion))
    painted = list(stills.paint([*spread, number], Composition()))
    tiles = [stills.tile(frames[moment], frame) for moment, frame in zip(spread, painted[:-1], strict=True)]
    return stills.panels(0, number, frames[number], painted[-1]), stills.on_sheet(tiles, spread)


def gap(height: int) -> np.ndarray:
    """White between two pictures."""
    return np.full((height, GAP_PX, 3), 255, np.uint8)


def middle(picture: np.ndarray, width: int) -> np.ndarray:
    """The middle columns."""
    start = (picture.shape[1] - width) // 2
    return picture[:, start : start + width]


def save(path: Path, picture: np.ndarray) -> None:
    """Write a JPEG, as good as a small file can be."""
    for quality in range(QUALITY, WORST_QUALITY, -1):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        data = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), options)[1].tobytes()
        if len(data) <= MOST_BYTES:
            path.write_bytes(data)
            print(path, quality)
            return
    raise SystemExit(f"{path} would have more than {MOST_BYTES} bytes.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
