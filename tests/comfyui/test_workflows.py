"""Every example workflow runs to its files, and they are what they should be."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import torch

from fom_core.faces.boxes import iou
from fom_core.faces.detect import detect_faces
from fom_core.faces.regions import pixel_box
from fom_core.media import VideoReader, read_picture, write_picture
from fom_core.motion import load_motion
from tests.comfyui.prompts import EARLIER, Prompt, add, named, of_type, workflow
from tests.comfyui.server import PACK, Finished, Server, environment

ROOT = Path(__file__).resolve().parents[2]
RESTORER = "GFPGANv1.4.pth"
DRIVER, TALK = 75, 128  # frames of fom_driving.mp4 and of the embedded motion, both at 25 frames a second
FEW = 12
PORTRAIT, GROUP = (512, 512), (540, 960)
VIDEOS = {  # of each workflow: frames, size and whether there is sound, of each video it saves
    "single_portrait": [(DRIVER, PORTRAIT, True)],
    "group_photo_with_sound": [(DRIVER, GROUP, True)],
    "one_driver_per_face": [(TALK, GROUP, True)],
    "enhanced_512": [(FEW, (1024, 1024), True)],
    "chained_with_other_nodes": [(DRIVER, GROUP, True)],
    "long_video_in_one_node": [(DRIVER, GROUP, True)],
    "shared_motion": [(TALK, PORTRAIT, False), (TALK, GROUP, False)],
    "video_to_video": [(60, (256, 256), True)],
    "tuning": [(DRIVER, PORTRAIT, True)],
    "motions_and_poses": [(160, PORTRAIT, False), (92, GROUP, False)],
}
RATES = {"video_to_video": 30}  # of the source; the others are their driver's


@pytest.fixture(scope="module")
def finished(server: Server, ffmpeg: Callable[..., str]) -> Callable[[str], Finished]:
    """Runs an example workflow, once."""
    results: dict[str, Finished] = {}

    def run(name: str) -> Finished:
        if name not in results:
            prompt = workflow(name)
            if name == "enhanced_512":
                lighten(server, prompt, ffmpeg)
            results[name] = server.run(prompt, timeout_s=1800)
        return results[name]

    return run


def lighten(server: Server, prompt: Prompt, ffmpeg: Callable[..., str]) -> None:
    """A small random network in place of the restorer that would be downloaded, and a few frames for it."""
    pytest.importorskip("spandrel", reason="the package spandrel comes with ComfyUI")
    build = importlib.import_module("spandrel.architectures.RestoreFormer").RestoreFormer
    small = build(n_embed=16, embed_dim=32, ch=32, ch_mult=(1,) * 6, num_res_blocks=1, z_channels=32)
    file = server.base / "models" / "facerestore_models" / RESTORER
    file.parent.mkdir(exist_ok=True)
    torch.save(small.state_dict(), file)
    shorten(server, prompt, ffmpeg)


def shorten(server: Server, prompt: Prompt, ffmpeg: Callable[..., str]) -> None:
    """The first frames of the driver alone."""
    folder = server.base / "input"
    ffmpeg("-i", folder / "fom_driving.mp4", "-frames:v", FEW, "-shortest", folder / "few.mp4")
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = "few.mp4"


def test_every_workflow_is_tested_and_offered_with_a_picture(server):
    titles = server.ask("/workflow_templates")[PACK]
    assert sorted(VIDEOS) == sorted(named(Path(title)) for title in titles)
    for title in titles:
        assert server.fetch(f"/api/workflow_templates/{PACK}/{quote(title)}.jpg").startswith(b"\xff\xd8")


@pytest.mark.parametrize("name", VIDEOS)
def test_a_workflow_runs_to_its_videos(finished, name):
    files = [file for files in finished(name).files.values() for file in files if file.suffix == ".mp4"]
    saved = [VideoReader(file) for file in files if file.parent.name == "video"]

    found = sorted((len(list(video)), video.size, video.has_audio) for video in saved)
    assert found == sorted(VIDEOS[name])
    assert all(video.rate == RATES.get(name, 25) for video in saved)


def frames_of(
    server: Server, prompt: Prompt, node: str, name: str, *, count: int | None = None, alpha: bool = False
) -> np.ndarray:
    """The first frames that a node gives, before any encoding: (T, H, W, C) uint8."""
    source = [node, 0]
    if count is not None:
        source = [add(prompt, "ImageFromBatch", image=source, batch_index=0, length=count), 0]
    saver = add(prompt, "SaveImage", images=source, filename_prefix=name)
    return np.stack([read_picture(file, alpha=alpha) for file in server.run(prompt, timeout_s=1800).files[saver]])


@pytest.mark.parametrize("name", ["single_portrait", "group_photo_with_sound", "one_driver_per_face"])
def test_faces_move_and_the_rest_stays_bit_for_bit(server, finished, name):
    finished(name)
    prompt = workflow(name)
    del prompt[of_type(prompt, "SaveVideo")]
    frames = frames_of(server, prompt, of_type(prompt, "FOMPasteFaces"), f"pasted_{name}", count=40)
    touched = add(prompt, "ThresholdMask", mask=[of_type(prompt, "FOMPasteFaces"), 1], value=0.0)
    mask = frames_of(server, prompt, add(prompt, "MaskToImage", mask=[touched, 0]), f"mask_{name}")[0, ..., 0] > 0
    picture = frames_of(server, prompt, of_type(prompt, "LoadImage"), f"picture_{name}")[0]

    assert (frames[:, ~mask] == picture[~mask]).all()
    assert 0.02 < mask.mean() < 0.95
    faces = detect_faces(picture, "embedded")
    assert len(faces) == (1 if name == "single_portrait" else 3)
    for face in faces:
        x0, y0, x1, y1 = pixel_box(face.box_px)
        assert np.abs(frames[20, y0:y1, x0:x1].astype(int) - frames[0, y0:y1, x0:x1]).mean() > 2


def test_the_group_photo_is_that_of_the_command_line_frame_for_frame(server, ffmpeg, python, tmp_path):
    """Before encoding. The picture is a PNG, for ComfyUI's decoder reads other colours from a JPEG than ours."""
    picture, driver = server.base / "input" / "same.png", server.base / "input" / "same.mp4"
    write_picture(picture, read_picture(ROOT / "workflows" / "inputs" / "fom_group.jpg"))
    source = ROOT / "workflows" / "inputs" / "fom_driving.mp4"
    ffmpeg("-i", source, "-frames:v", 12, "-an", "-c:v", "libx264", "-crf", 10, driver)
    command = [python, "-m", "fom_core", "animate", "--source_image", picture, "--driving_video", driver]
    command += ["--multi_person", "--model", "mini", "--cpu", "--output", tmp_path, "--filename", "frame.png"]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True)
    expected = np.stack([read_picture(file) for file in sorted(tmp_path.rglob("*.png"))])

    prompt = workflow("group_photo_with_sound")
    prompt[of_type(prompt, "LoadImage")]["inputs"]["image"] = picture.name
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = driver.name
    del prompt[of_type(prompt, "SaveVideo")]
    found = frames_of(server, prompt, of_type(prompt, "FOMPasteFaces"), "same")

    assert found.shape == expected.shape == (12, *GROUP, 3)
    assert (found == expected).all()


@pytest.mark.parametrize(
    ("name", "size"),
    [("single_portrait", PORTRAIT), ("chained_with_other_nodes", GROUP), ("long_video_in_one_node", GROUP)],
)
def test_workflows_from_before_faces_were_composed_run(server, ffmpeg, name, size):
    prompt = workflow(name, EARLIER)
    shorten(server, prompt, ffmpeg)

    files = [file for files in server.run(prompt).files.values() for file in files if file.parent.name == "video"]

    (video,) = map(VideoReader, files)
    frames = list(video)
    assert (len(frames), video.size) == (FEW, size)
    picture = read_picture(server.base / "input" / prompt[of_type(prompt, "LoadImage")]["inputs"]["image"])
    for face in detect_faces(picture, "embedded"):  # each in its place and of its size: nothing is squeezed
        found = np.array([each.box_px for each in detect_faces(frames[0], "embedded")])
        assert iou(np.array(face.box_px), found).max() > 0.6


def test_a_saved_motion_is_one_that_can_be_used(server, finished):
    finished("shared_motion")

    saved = max((server.base / "output").glob("nod_*_.safetensors"))  # other tests save some, too
    motion = load_motion(saved)
    listed = server.ask("/object_info/FOMLoadMotion")["FOMLoadMotion"]["input"]["required"]["motion_name"][1]["options"]

    assert (len(motion), motion.fps, motion.model) == (60, 30, "mini")
    assert f"{saved.name} [output]" in listed


def test_transparency_is_kept(server):
    prompt = workflow("single_portrait")
    del prompt[of_type(prompt, "SaveVideo")]
    picture = of_type(prompt, "LoadImage")
    half = add(prompt, "SolidMask", value=0.5, width=512, height=512)
    clear = [add(prompt, "JoinImageWithAlpha", image=[picture, 0], alpha=[half, 0]), 0]
    for node in ("FOMDetectFaces", "FOMPasteFaces"):
        prompt[of_type(prompt, node)]["inputs"]["image"] = clear

    frames = frames_of(server, prompt, of_type(prompt, "FOMPasteFaces"), "clear", count=3, alpha=True)

    assert frames.shape == (3, *PORTRAIT, 4)
    assert (np.abs(frames[..., 3].astype(int) - 128) <= 1).all()
