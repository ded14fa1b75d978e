"""The host's Webcam Capture as the driver."""

from __future__ import annotations

import numpy as np

from fom_core.media import VideoReader, read_picture, write_picture
from tests.comfyui.prompts import add, of_type, workflow
from tests.comfyui.server import Server


def test_a_picture_of_the_camera_moves_a_portrait_from_the_pose_that_comes_before_it(server: Server):
    with VideoReader(server.base / "input" / "fom_driving.mp4") as video:
        frames = list(video)
    for name, frame in (("neutral", frames[0]), ("now", frames[40])):
        write_picture(server.base / "input" / f"{name}.png", frame)
    prompt = workflow("single_portrait")
    for unused in ("LoadVideo", "CreateVideo", "SaveVideo"):
        del prompt[of_type(prompt, unused)]
    neutral = add(prompt, "LoadImage", image="neutral.png")
    now = add(prompt, "WebcamCapture", image="now.png", width=0, height=0, capture_on_queue=False)
    both = add(prompt, "ImageBatch", image1=[neutral, 0], image2=[now, 0])
    animate = of_type(prompt, "FOMAnimateFace")
    prompt[animate]["inputs"] |= {"drivers.driver1": [both, 0], "initial_frame": "first", "smoothing": 0}
    last = add(prompt, "ImageFromBatch", image=[of_type(prompt, "FOMPasteFaces"), 0], batch_index=1, length=1)
    saved = add(prompt, "SaveImage", images=[last, 0], filename_prefix="webcam")

    (image,) = server.run(prompt).outputs[saved]["images"]

    moved = read_picture(server.base / "output" / image["subfolder"] / image["filename"])
    still = read_picture(server.base / "input" / "fom_portrait.jpg")
    assert moved.shape == still.shape
    changed = np.abs(moved.astype(int) - still).mean(axis=2) > 8
    assert 0.01 < changed.mean() < 0.6
