"""A driver that a node cropped drives with what is in the crop."""

from __future__ import annotations

import numpy as np
import pytest

from fom_core.media import read_picture
from tests.comfyui.prompts import Prompt, add, of_type, workflow
from tests.comfyui.server import Server


@pytest.fixture(scope="module")
def two_people(server: Server, ffmpeg) -> str:
    """A driver of 512x256: one person in each half, who move otherwise."""
    folder = server.base / "input"
    sides = ["-i", folder / "fom_driving.mp4", "-i", folder / "fom_driving_2.mp4"]
    ffmpeg(*sides, "-filter_complex", "[0:v][1:v]hstack", "-frames:v", 24, "-an", folder / "two_people.mp4")
    return "two_people.mp4"


def keypoints(server: Server, driver: object, prompt: Prompt, name: str) -> np.ndarray:
    """What Preview Keypoints shows of frame 12."""
    faces, model = of_type(prompt, "FOMDetectFaces"), of_type(prompt, "LoadFOMModel")
    asked = {"relative_motion": True, "adapt_movement_scale": True, "initial_frame": "first", "driving_crop": "auto"}
    shown = add(
        prompt, "FOMPreviewKeypoints",
        model=[model, 0], faces=[faces, 0], driver=driver, face_number=1, frame_number=12, **asked,
    )  # fmt: skip
    saver = add(prompt, "SaveImage", images=[shown, 0], filename_prefix=name)
    return read_picture(server.run(prompt).files[saver][0]).astype(int)


def test_a_cropped_driver_drives_as_the_frames_that_it_shows(server, two_people):
    prompt = workflow("single_portrait")
    video = of_type(prompt, "LoadVideo")
    prompt[video]["inputs"]["file"] = two_people
    for node in ("SaveVideo", "CreateVideo", "FOMPasteFaces", "FOMAnimateFace"):
        del prompt[of_type(prompt, node)]
    right = add(prompt, "CroppedVideo", video=[video, 0], x=256, y=0, width=256, height=256)
    frames = add(prompt, "GetVideoComponents", video=[right, 0])

    by_video = keypoints(server, [right, 0], dict(prompt), "by_video")
    by_frames = keypoints(server, [frames, 0], dict(prompt), "by_frames")
    uncropped = keypoints(server, [video, 0], dict(prompt), "uncropped")

    assert np.abs(by_video - by_frames).max() <= 2
    assert np.abs(by_video - uncropped).mean() > 1
