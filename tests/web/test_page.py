"""The page in headless Chromium: what it paints is what Python paints, and nothing leaves the machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fom_core.backends.load import load_model
from fom_core.demo import demo_picture
from fom_core.driver import align_drivers
from fom_core.export import export_model
from fom_core.faces.detect import detect_faces
from fom_core.faces.regions import pixel_box
from fom_core.faces.tracking import driving_view
from fom_core.media import VideoReader, VideoWriter, read_picture, write_picture
from fom_core.motion import FADE_IN_S, SMOOTHING, embedded_motion
from fom_core.networks import MotionModel
from fom_core.pipeline import animate_picture, read_motion
from fom_core.types import FaceSet, Motion, MotionTransfer
from tests.web.conftest import DATA, Drive

pytestmark = pytest.mark.browser
FRAMES = (0, 20, 45, 90)
AS_COMMAND = MotionTransfer(initial_frame="medoid", fade_in_s=FADE_IN_S)
LEAST_DB = 38.0
LEAST_DB_BY_CARD = 55.0  # which computes in float32, as Python does


@pytest.fixture(scope="session")
def portrait(site: Path) -> Path:
    return DATA / "pictures" / "portrait.png"


@pytest.fixture(scope="session")
def performance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of somebody who moves: the demo's middle print."""
    path = tmp_path_factory.mktemp("driver") / "driver.webm"
    picture = demo_picture()[139:581, 470:810]
    faces = detect_faces(picture, "embedded")
    with VideoWriter(path, 25) as writer:
        for frames in animate_picture(load_model("mini"), picture, faces, embedded_motion().keypoints[:75]):
            writer.write(frames)
    return path


def test_the_page_paints_what_python_paints(drive: Drive, portrait: Path, tmp_path: Path):
    picture = read_picture(portrait)
    faces = detect_faces(picture, "embedded")
    motion = performed()

    told = drive("frames", portrait, *FRAMES)

    assert (told["count"], told["faces"]) == (len(motion), len(faces))
    assert told["isolated"]
    assert told["composer"] == "processor"  # the graphics card is played by it
    assert "generator.int8.onnx" in told["graphs"]
    assert "generator.onnx" not in told["graphs"]
    shown = [read_picture(tmp_path / f"frame-{frame}.png")[..., :3] for frame in FRAMES]
    expected = paint(picture, faces, motion, FRAMES)
    for found, wanted in zip(shown, expected, strict=True):
        assert psnr_db(face_of(found, faces), face_of(wanted, faces)) >= LEAST_DB
        np.testing.assert_array_equal(found[-40:], picture[-40:])  # below the face nothing changes
    np.testing.assert_array_equal(shown[0], picture)  # at rest
    assert min(difference(shown[0], other) for other in shown[1:]) > 1


@pytest.mark.slow  # a processor plays the graphics card
def test_webgpu_paints_the_same(drive: Drive, portrait: Path, tmp_path: Path):
    picture = read_picture(portrait)
    faces = detect_faces(picture, "embedded")

    told = drive("gpu", portrait, 45)

    if not told["engine"].startswith("webgpu"):
        pytest.skip("this browser has no WebGPU, not even in software")
    assert told["composer"] == "card"
    assert told["graphs"][-2:] == ["generator.onnx", "face_detector.onnx"]  # the processor's eight bits came first
    (wanted,) = paint(picture, faces, performed(), (45,))
    shown = read_picture(tmp_path / "frame-45.png")[..., :3]
    assert psnr_db(face_of(shown, faces), face_of(wanted, faces)) >= LEAST_DB_BY_CARD


def test_a_graphics_card_composes_what_the_processor_composes(drive: Drive, site: Path, tmp_path: Path):
    frames = []
    for scenario, composer in (("card", "card"), ("frames", "processor")):
        told = drive(scenario, site / "data" / "pictures" / "wall.png", 45)
        assert (told["engine"].split()[0], told["composer"]) == ("wasm", composer)
        frames.append(read_picture(tmp_path / "frame-45.png").astype(np.int16))

    assert np.abs(frames[0] - frames[1]).max() <= 1


def test_every_face_of_a_group_moves(drive: Drive, tmp_path: Path, portrait: Path):
    wall = read_picture(portrait.with_name("wall.png"))
    faces = detect_faces(wall, "embedded")

    told = drive("frames", portrait.with_name("wall.png"), 45)

    assert told["faces"] == len(faces) == 3
    (wanted,) = paint(wall, faces, performed(), (45,))
    shown = read_picture(tmp_path / "frame-45.png")[..., :3]
    for face in faces:
        one = FaceSet((face,), faces.frame_size)
        assert psnr_db(face_of(shown, one), face_of(wanted, one)) >= LEAST_DB


def test_a_video_drives_as_it_does_in_python(drive: Drive, portrait: Path, performance: Path, tmp_path: Path):
    picture = read_picture(portrait)
    faces = detect_faces(picture, "embedded")
    with VideoReader(performance) as video:
        frames = list(video)
    box = driving_view(frames, frames[0].shape[:2], _embedded(), frame_count=len(frames))
    motion = read_motion(load_model("mini"), frames, 25, box=box)

    drive("video", portrait, performance, 0, 100, 200)

    moments = (0, 25, 50)
    for moment, wanted in zip(moments, paint(picture, faces, motion, moments, MotionTransfer()), strict=True):
        shown = read_picture(tmp_path / f"frame-{4 * moment}.png")[..., :3]
        assert psnr_db(face_of(shown, faces), face_of(wanted, faces)) >= LEAST_DB


def test_the_camera_drives(drive: Drive, portrait: Path, performance: Path, tmp_path: Path, ffmpeg):
    fake = tmp_path / "camera.mjpeg"
    ffmpeg("-i", performance, "-vf", "scale=640:480:force_original_aspect_ratio=decrease,pad=640:480:-1:-1", fake)

    told = drive("camera", fake, portrait)

    shown = [read_picture(path)[..., :3] for path in told["pictures"]]
    assert max(difference(shown[0], other) for other in shown[1:]) > 1
    assert told["stopped"]


def test_what_is_seen_can_be_recorded(drive: Drive, tmp_path: Path):
    told = drive("record")

    assert told["name"] == "faces-in-motion-1.webm"
    assert told["focused"]
    with VideoReader(tmp_path / "recording.webm") as video:
        frames = list(video)
    assert len(frames) > 5
    assert max(difference(frames[0], frame) for frame in frames) > 1
    assert 3 < told["length"] < 30  # seconds, as the page measures its own recording


def test_everything_can_be_done_from_the_keyboard(drive: Drive, tmp_path: Path):
    plain = tmp_path / "plain.png"
    write_picture(plain, np.full((200, 300, 3), 128, np.uint8))

    told = drive("keyboard", plain)

    assert told["first"] == "Skip to the picture"
    assert told["marker"] == "marker"
    assert "Move the frame over a face" in told["status"]
    assert told["after"][0] != told["before"][0]
    assert told["after"][1] > told["before"][1]
    assert told["after"][2] > told["before"][2]
    assert (told["faces"], told["play"], told["nameless"]) == (1, "Play", [])


def test_the_page_fits_a_phone(drive: Drive, portrait: Path, tmp_path: Path):
    told = drive("phone", portrait)

    assert told["wider"] <= 0
    assert told["small"] == []
    assert read_picture(tmp_path / "phone.png").std() > 10


def test_wrong_files_are_told_in_a_sentence(drive: Drive, portrait: Path, tmp_path: Path):
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("nothing that could be opened")

    told = drive("mistakes", wrong, portrait)["status"]

    assert "cannot open wrong.txt as a picture" in told["picture-file"]
    assert "wrong.txt is not a motion file" in told["motion-file"]
    assert "model.json is missing" in told["model-files"]
    assert "cannot play wrong.txt" in told["video-file"]


def test_another_exported_model_can_be_opened(
    drive: Drive, portrait: Path, performance: Path, tiny_model: MotionModel, tmp_path: Path
):
    pytest.importorskip("onnxscript")
    exported = export_model(tiny_model, tmp_path / "tiny").folder

    told = drive("model", portrait, performance, *sorted(exported.iterdir()))

    assert told["engine"].startswith("tiny, 64 × 64 pixels")
    assert "was read with the model mini and means nothing to tiny" in told["motion"]


def paint(
    picture: np.ndarray, faces: FaceSet, motion: Motion, frames: tuple[int, ...], transfer: MotionTransfer = AS_COMMAND
) -> list[np.ndarray]:
    """These frames as Python paints them."""
    painted = animate_picture(load_model("mini"), picture, faces, motion, transfer, chunk_size=1, frames=frames)
    return [frame for chunk in painted for frame in chunk]


def performed() -> Motion:
    """The page's first motion as it drives."""
    motion = embedded_motion()
    return align_drivers([motion], motion.fps, smoothing=SMOOTHING)[0]


def face_of(picture: np.ndarray, faces: FaceSet) -> np.ndarray:
    x0, y0, x1, y1 = pixel_box(faces[0].crop_px)
    return picture[max(0, y0) : y1, max(0, x0) : x1]


def difference(left: np.ndarray, right: np.ndarray) -> float:
    """Mean difference in grey levels."""
    return float(np.abs(left.astype(np.float32) - right.astype(np.float32)).mean())


def psnr_db(found: np.ndarray, wanted: np.ndarray) -> float:
    error = np.square(found.astype(np.float64) - wanted.astype(np.float64)).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def _embedded():
    from fom_core.faces.detect import load_detector

    return load_detector("embedded")
