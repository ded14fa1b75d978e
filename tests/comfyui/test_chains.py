"""Graphs of docs/chains run to their files, and the script of docs/examples queues a folder of pictures.

``VIDEOHELPERSUITE_PATH`` names a checkout of ComfyUI-VideoHelperSuite; without it, what needs that pack skips.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fom_core.media import VideoReader, read_picture, write_picture
from tests.comfyui.prompts import Prompt, add, of_type
from tests.comfyui.server import PACK, Server
from tests.comfyui.test_converted import FEW, few_frames

DOCS = Path(__file__).resolve().parents[2] / "docs"
CHAINS = DOCS / "chains"


@pytest.fixture(scope="module")
def helped(checkout, python, install_pack: Any, tmp_path_factory) -> Iterator[Server]:
    """ComfyUI with the pack and VideoHelperSuite."""
    named = os.environ.get("VIDEOHELPERSUITE_PATH")
    if not named:
        pytest.skip("set VIDEOHELPERSUITE_PATH to a checkout of ComfyUI-VideoHelperSuite")
    base = tmp_path_factory.mktemp("helped")
    install_pack(base, PACK)
    shutil.copytree(named, base / "custom_nodes" / "ComfyUI-VideoHelperSuite", ignore=shutil.ignore_patterns(".git"))
    with Server(checkout, python, base) as running:
        yield running


def chain(name: str) -> Prompt:
    return json.loads((CHAINS / f"{name}.json").read_text(encoding="utf-8"))


def video_of(server: Server, prompt: Prompt) -> VideoReader:
    finished = server.run(prompt)
    (file,) = [file for files in finished.files.values() for file in files if file.suffix == ".mp4"]
    return VideoReader(file)


def test_frames_and_sound_go_through_video_helper_suite(helped, ffmpeg):
    prompt = chain("video_helper_suite")
    prompt[of_type(prompt, "VHS_LoadVideo")]["inputs"]["video"] = few_frames(helped, ffmpeg)

    video = video_of(helped, prompt)

    assert (len(list(video)), video.size, video.rate, video.has_audio) == (FEW, (512, 512), 25, True)


@pytest.mark.parametrize(
    ("name", "size"), [("scaled", (768, 768)), ("upscaled_by_a_model", (1024, 1024)), ("masked", (512, 512))]
)
def test_nodes_after_the_animation_get_what_they_want(server, ffmpeg, name, size):
    prompt = chain(name)
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = few_frames(server, ffmpeg)
    if name == "upscaled_by_a_model":
        small_upscaler(server, prompt[of_type(prompt, "UpscaleModelLoader")]["inputs"]["model_name"])

    video = video_of(server, prompt)

    assert (len(list(video)), video.size, video.rate, video.has_audio) == (FEW, size, 25, True)


@pytest.fixture(scope="module")
def three_frames(server, ffmpeg) -> str:
    """The first frames of the example's driver, with their sound."""
    folder = server.base / "input"
    ffmpeg("-i", folder / "fom_driving.mp4", "-frames:v", 3, "-shortest", folder / "three_frames.mp4")
    return "three_frames.mp4"


def with_small_networks(prompt: Prompt, driver: str) -> Prompt:
    """Random networks in the place of those that people download, over pictures for which they are quick."""
    stand_ins = {"CheckpointLoaderSimple": "SmallCheckpoint", "FrameInterpolationModelLoader": "SmallInterpolation"}
    quick = {"LoadVideo": {"file": driver}, "KSampler": {"steps": 1}, "ImageScaleToTotalPixels": {"megapixels": 0.02}}
    for node in prompt.values():
        node["inputs"] |= quick.get(node["class_type"], {})
        if node["class_type"] in stand_ins:
            node |= {"class_type": stand_ins[node["class_type"]], "inputs": {}}
    return prompt


@pytest.mark.parametrize("name", ["img2img", "inpainted"])
def test_a_diffusion_model_paints_between_animating_and_pasting(server, three_frames, name):
    prompt = with_small_networks(chain(name), three_frames)
    painted = add(prompt, "PreviewImage", images=[of_type(prompt, "VAEDecode"), 0])

    finished = server.run(prompt)

    sizes = [read_picture(file).shape for file in finished.files[painted]]
    assert len(sizes) == 3
    assert all(height % 8 == width % 8 == 0 for height, width, _ in sizes)  # so that the VAE cuts nothing off
    (video,) = [VideoReader(file) for files in finished.files.values() for file in files if file.suffix == ".mp4"]
    assert (len(list(video)), video.size, video.has_audio) == (3, (512, 512), True)


def test_each_face_is_painted_by_its_own_prompt(server, three_frames):
    def faces(second: str) -> list[np.ndarray]:
        prompt = with_small_networks(chain("prompt_per_face"), three_frames)
        (face_2,) = [node for node in prompt.values() if node.get("_meta", {}).get("title") == "Face 2"]
        face_2["inputs"]["text"] = second
        painted = add(prompt, "PreviewImage", images=[of_type(prompt, "VAEDecode"), 0])
        return [read_picture(file) for file in server.run(prompt).files[painted]]

    first, again = faces("short"), faces("a much longer prompt than that, which the text encoder tells apart")

    assert len(first) == len(again) == 3 * 3
    same = [bool((one == other).all()) for one, other in zip(first, again, strict=True)]
    assert same == [True] * 3 + [False] * 3 + [True] * 3


def test_frames_between_frames_are_shown_at_twice_the_rate(server, three_frames):
    video = video_of(server, with_small_networks(chain("interpolated"), three_frames))

    assert (len(list(video)), video.size, video.rate, video.has_audio) == (5, (512, 512), 50, True)


def test_a_picture_moves_as_in_the_example_of_live_portrait(server, ffmpeg):
    prompt = chain("liveportrait_image")
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = few_frames(server, ffmpeg)
    prompt[of_type(prompt, "Video Slice")]["inputs"]["duration"] = 0.2

    video = video_of(server, prompt)

    assert (len(list(video)), video.size, video.rate, video.has_audio) == (5, (512, 512), 25, True)


def test_a_video_is_changed_as_in_the_example_of_live_portrait(server, three_frames):
    """The rate, the sound and the length are those of the video that is changed."""
    prompt = chain("liveportrait_video")
    prompt[of_type(prompt, "FOMAnimateFace")]["inputs"]["length"] = "longest, loop"
    for node in prompt.values():
        if node["inputs"].get("file") == "fom_driving.mp4":
            node["inputs"]["file"] = three_frames
        if node["class_type"] == "Video Slice":
            node["inputs"]["duration"] = 0.2

    video = video_of(server, prompt)

    assert (len(list(video)), video.size, video.rate) == (6, (256, 256), 30)


def test_a_camera_picture_gives_its_pose_as_in_the_example_of_live_portrait(server):
    with VideoReader(server.base / "input" / "fom_driving.mp4") as film:
        turned = list(film)[24]
    write_picture(server.base / "input" / "turned.png", turned)
    prompt = chain("liveportrait_realtime")
    prompt[of_type(prompt, "WebcamCapture")]["inputs"]["image"] = "turned.png"

    (file,) = server.run(prompt).files[of_type(prompt, "PreviewImage")]

    moved = np.abs(read_picture(file).astype(int) - read_picture(server.base / "input" / "fom_portrait.jpg"))
    assert 0.01 < (moved.mean(axis=2) > 8).mean() < 0.6


def small_upscaler(server: Server, name: str) -> None:
    """A small random network of the kind in place of the one that people have."""
    pytest.importorskip("spandrel", reason="the package spandrel comes with ComfyUI")
    build = importlib.import_module("spandrel.architectures.ESRGAN.__arch.RRDB").RRDBNet
    file = server.base / "models" / "upscale_models" / name
    file.parent.mkdir(exist_ok=True)
    torch.save(build(in_nc=3, out_nc=3, num_filters=8, num_blocks=1, scale=2).state_dict(), file)


def test_a_folder_is_queued_and_a_second_call_goes_on(server, ffmpeg, tmp_path, capsys):
    main = runpy.run_path(str(DOCS / "examples" / "queue_folder.py"))["main"]
    prompt = chain("scaled")
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = few_frames(server, ffmpeg)
    export, pictures, output = tmp_path / "export.json", tmp_path / "pictures", tmp_path / "results"
    export.write_text(json.dumps(prompt), encoding="utf-8")
    pictures.mkdir()
    shutil.copy(server.base / "input" / "fom_portrait.jpg", pictures / "Zoë 1.jpg")
    (pictures / "broken.png").write_bytes(b"no picture")
    words = [str(export), str(pictures), "--output", str(output), "--server", f"127.0.0.1:{server.port}"]

    first = main(words)
    told = capsys.readouterr()
    again = main(words)

    (made,) = output.iterdir()
    assert (first, again) == (1, 1)
    assert made.name.startswith("Zoë 1.jpg_") and told.out == f"{made}\n"
    assert len(list(VideoReader(made))) == FEW
    assert "1/2 broken.png: " in told.err or "2/2 broken.png: " in told.err
    assert f"{made.name} is there already" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_told_in_a_line(tmp_path, capsys):
    main = runpy.run_path(str(DOCS / "examples" / "queue_folder.py"))["main"]
    (tmp_path / "a.png").write_bytes(b"a")

    assert (
        main([str(CHAINS / "scaled.json"), str(tmp_path), "--output", str(tmp_path / "o"), "--server", "127.0.0.1:9"])
        == 1
    )
    assert "No ComfyUI answers at http://127.0.0.1:9" in capsys.readouterr().err
