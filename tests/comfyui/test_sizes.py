"""The example workflows with pictures of odd sizes, large ones and transparent ones: each runs to its videos."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fom_core.media import VideoReader, read_picture, write_picture
from tests.comfyui.prompts import EARLIER, Prompt, add, of_type, workflow
from tests.comfyui.test_workflows import VIDEOS, lighten

FEW = 3
SIZES = {"odd": (375, 500), "landscape": (641, 359), "large": (4000, 3000), "transparent": (375, 501)}  # width, height
OF_TWO = ("shared_motion", "one_driver_per_face")  # whose motions are too long for large pictures as tensors


def picture_of(source: np.ndarray, size: tuple[int, int], clear: bool) -> np.ndarray:
    """The faces of an example's picture, all of them, on a canvas of this size; clear on one side, if asked."""
    width, height = size
    scale = min(width / source.shape[1], height / source.shape[0])
    small = cv2.resize(
        source, (int(source.shape[1] * scale), int(source.shape[0] * scale)), interpolation=cv2.INTER_AREA
    )
    canvas = np.full((height, width, 3), 90, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    alpha = np.full((height, width, 1), 255, np.uint8)
    alpha[:, : width // 8] = 0
    return np.concatenate([canvas, alpha], axis=2) if clear else canvas


@pytest.fixture(scope="module")
def few(server, ffmpeg) -> str:
    """The first frames of the example's driver."""
    folder = server.base / "input"
    ffmpeg("-i", folder / "fom_driving.mp4", "-frames:v", FEW, "-shortest", folder / "three.mp4")
    return "three.mp4"


def with_picture(server, prompt: Prompt, size: str, few: str) -> None:
    """Put the picture of a size in the place of every picture, and the short driver in that of every video."""
    for node in prompt.values():
        if node["class_type"] == "LoadVideo":
            node["inputs"]["file"] = few
        if node["class_type"] == "LoadImage":
            source = read_picture(server.base / "input" / node["inputs"]["image"])
            name = f"{size}_{node['inputs']['image'].split('.')[0]}.png"
            write_picture(server.base / "input" / name, picture_of(source, SIZES[size], size == "transparent"))
            node["inputs"]["image"] = name


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [name for name in VIDEOS if name != "video_to_video"])  # which has no picture
def test_an_example_runs_to_its_videos_whatever_the_size(server, ffmpeg, few, name, size):
    if size == "large" and name in OF_TWO:
        pytest.skip("a motion of 128 frames is 18 GB there, which Paste Faces says before it begins")
    prompt = workflow(name)
    if name == "enhanced_512":
        lighten(server, prompt, ffmpeg)
    with_picture(server, prompt, size, few)

    files = [file for files in server.run(prompt).files.values() for file in files if file.parent.name == "video"]

    assert len(files) == len(VIDEOS[name])
    for video in (VideoReader(file, max_pixels=10**8) for file in files):
        height, width = video.size
        assert len(list(video)) >= FEW
        assert width % 2 == height % 2 == 0
        if name not in ("enhanced_512", "chained_with_other_nodes"):  # which scale
            assert abs(width - SIZES[size][0]) <= 1 and abs(height - SIZES[size][1]) <= 1


@pytest.mark.parametrize("name", ["single_portrait", "chained_with_other_nodes"])
def test_an_earlier_workflow_runs_with_an_odd_picture_too(server, few, name):
    prompt = workflow(name, EARLIER)
    with_picture(server, prompt, "odd", few)

    assert any(file.parent.name == "video" for files in server.run(prompt).files.values() for file in files)


def test_an_image_with_alpha_runs_to_a_video_and_its_alpha_to_a_webm(server, few):
    """Create Video takes no alpha; Save WEBM in its place does."""
    prompt = workflow("single_portrait")
    with_picture(server, prompt, "odd", few)
    picture = of_type(prompt, "LoadImage")
    half = add(prompt, "SolidMask", value=0.5, width=375, height=500)
    clear = [add(prompt, "JoinImageWithAlpha", image=[picture, 0], alpha=[half, 0]), 0]
    for node in ("FOMDetectFaces", "FOMPasteFaces"):
        prompt[of_type(prompt, node)]["inputs"]["image"] = clear
    finished = server.run(prompt)
    (video,) = [file for files in finished.files.values() for file in files if file.parent.name == "video"]
    assert VideoReader(video).size == (500, 374)

    del prompt[of_type(prompt, "SaveVideo")], prompt[of_type(prompt, "CreateVideo")]
    paste = of_type(prompt, "FOMPasteFaces")
    saver = add(prompt, "SaveWEBM", images=[paste, 0], filename_prefix="clear", codec="vp9", fps=25.0, crf=20.0)
    (webm,) = server.run(prompt).files[saver]
    av = pytest.importorskip("av", reason="the package av comes with ComfyUI")
    with av.open(str(webm)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (375, 500)
        assert stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1"
