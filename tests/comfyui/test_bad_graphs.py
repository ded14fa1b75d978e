"""What is wrong in a graph is said on the node in a sentence, and the queue goes on."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fom_core import errors
from fom_core.media import write_picture
from tests.comfyui.prompts import Prompt, add, of_type, workflow
from tests.comfyui.server import NodeFailed

SHOWN = {f"FOM.{name}" for name, kind in vars(errors).items() if isinstance(kind, type)}  # no folder before them


@pytest.fixture
def fails(server):
    """Queues a prompt that must fail in a node; gives the sentence. A healthy prompt runs after it."""

    def run(prompt: Prompt, node_type: str) -> str:
        with pytest.raises(NodeFailed) as caught:
            server.run(prompt)
        assert caught.value.node_type == node_type
        assert caught.value.kind in SHOWN, caught.value.kind
        assert re.fullmatch(r"\S.*[.!?]", caught.value.sentence), caught.value.sentence
        healthy: Prompt = {}
        found = add(healthy, "FOMDetectFaces", image=[add(healthy, "LoadImage", image="fom_portrait.jpg"), 0], **DETECT)
        add(healthy, "PreviewImage", images=[found, 3])
        assert server.run(healthy).outputs
        return caught.value.sentence

    return run


DETECT = {"detector": "embedded", "face_choice": "all", "order": "left to right", "if_none": "error"}
DETECT |= {"threshold": 0.0, "min_size": 12, "max_faces": 0, "crop": "square", "margin": 0.75}


def portrait(image: str = "fom_portrait.jpg") -> Prompt:
    prompt = workflow("single_portrait")
    prompt[of_type(prompt, "LoadImage")]["inputs"]["image"] = image
    return prompt


def with_source(class_type: str, **inputs: object) -> Prompt:
    """The portrait's graph with another node in place of Load Image."""
    prompt = portrait()
    prompt[of_type(prompt, "LoadImage")] = {"class_type": class_type, "inputs": inputs}
    return prompt


def test_no_face_in_the_picture(server, fails):
    write_picture(
        server.base / "input" / "no_face.png", np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    )

    assert "no face" in fails(portrait("no_face.png"), "FOMDetectFaces").lower()


def test_a_picture_of_one_pixel(fails):
    prompt = with_source("EmptyImage", width=1, height=1, batch_size=1, color=0)

    assert "1x1 pixels" in fails(prompt, "FOMDetectFaces")


@pytest.mark.parametrize(("kind", "said"), [("empty batch", "empty batch"), ("not a number", "NaN")])
def test_pictures_that_are_none(fails, kind, said):
    assert said in fails(with_source("UnusualImage", kind=kind), "FOMDetectFaces")


def test_a_driver_that_is_none(fails):
    prompt = portrait()
    prompt[of_type(prompt, "LoadVideo")] = {"class_type": "UnusualImage", "inputs": {"kind": "not a number"}}

    assert "NaN" in fails(prompt, "FOMAnimateFace")


def test_a_model_file_that_is_none(server, fails):
    folder = server.base / "models" / "fom"
    folder.mkdir(exist_ok=True)
    (folder / "holiday.safetensors").write_text("not a model")
    prompt = portrait()
    prompt[of_type(prompt, "LoadFOMModel")]["inputs"]["model_name"] = "holiday.safetensors"

    assert "holiday.safetensors" in fails(prompt, "LoadFOMModel")


def test_a_detector_whose_weights_were_removed(server, fails):
    """And cannot be downloaded again: ComfyUI is offline in these tests."""
    prompt = portrait()
    prompt[of_type(prompt, "FOMDetectFaces")]["inputs"]["detector"] = "yunet"

    assert "yunet" in fails(prompt, "FOMDetectFaces")


def test_a_detector_whose_weights_are_damaged(server, fails):
    file = server.base / "models" / "fom" / "yunet_n_640_640.onnx"
    file.write_bytes(b"half of it")
    prompt = portrait()
    prompt[of_type(prompt, "FOMDetectFaces")]["inputs"]["detector"] = "yunet"

    assert "the catalogue promises" in fails(prompt, "FOMDetectFaces")
    file.unlink()


def test_a_batch_of_pictures_for_one_video(fails):
    prompt = workflow("long_video_in_one_node")
    several = add(prompt, "RepeatImageBatch", image=[of_type(prompt, "LoadImage"), 0], amount=2)
    prompt[of_type(prompt, "FOMAnimatePicture")]["inputs"]["image"] = [several, 0]

    assert "found a batch of 2" in fails(prompt, "FOMAnimatePicture")


def test_more_drivers_than_faces(fails):
    prompt = portrait()
    animate = prompt[of_type(prompt, "FOMAnimateFace")]["inputs"]
    animate["drivers.driver2"] = [add(prompt, "LoadVideo", file="fom_driving_2.mp4"), 0]

    assert "2 drivers" in fails(prompt, "FOMAnimateFace")


def test_an_initial_frame_beyond_the_video(fails):
    prompt = portrait()
    animate = prompt[of_type(prompt, "FOMAnimateFace")]["inputs"]
    animate |= {"initial_frame": "number", "initial_frame.frame_number": 900}

    assert "900" in fails(prompt, "FOMAnimateFace")
