"""Nodes that are bypassed, and links that are cut: the graph does without them, or the host names what is missing."""

from __future__ import annotations

import pytest

from fom_core.media import VideoReader
from tests.comfyui.prompts import Prompt, of_type, workflow
from tests.comfyui.server import Refused
from tests.comfyui.test_converted import FEW, few_frames


def without(prompt: Prompt, node_type: str, handed_on: list | None) -> Prompt:
    """The prompt that the frontend makes when a node is bypassed: who took its first output takes what goes in there.

    handed_on: the link that goes in, or None where nothing of the output's type does.
    """
    gone = of_type(prompt, node_type)
    for node in prompt.values():
        for name, value in list(node["inputs"].items()):
            if isinstance(value, list) and value[0] == gone:
                del node["inputs"][name]
                if handed_on is not None and value[1] == 0:
                    node["inputs"][name] = handed_on
    del prompt[gone]
    return prompt


@pytest.fixture
def portrait(server, ffmpeg) -> Prompt:
    prompt = workflow("single_portrait")
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = few_frames(server, ffmpeg)
    return prompt


def test_without_paste_faces_the_picture_stands_still(server, portrait):
    picture = [of_type(portrait, "LoadImage"), 0]

    finished = server.run(without(portrait, "FOMPasteFaces", picture))

    video = VideoReader(*finished.files[of_type(portrait, "SaveVideo")])
    assert (len(list(video)), video.size) == (1, (512, 512))


@pytest.mark.parametrize(
    ("node_type", "missing"),
    [("LoadFOMModel", "model"), ("FOMDetectFaces", "faces"), ("FOMAnimateFace", "animated_faces")],
)
def test_a_node_that_has_nothing_to_hand_on_is_missed_by_name(server, portrait, node_type, missing):
    with pytest.raises(Refused, match=f"Required input is missing.*{missing}"):
        server.run(without(portrait, node_type, None))


def test_a_video_in_place_of_animated_faces_is_refused(server, portrait):
    """What the frontend hands on past Animate Face is the driver."""
    driver = [of_type(portrait, "LoadVideo"), 0]

    with pytest.raises(Refused, match=r"animated_faces, received_type\(VIDEO\) mismatch"):
        server.run(without(portrait, "FOMAnimateFace", driver))


def test_without_its_optional_links_a_node_goes_by_its_own_values(server, ffmpeg):
    prompt = workflow("tuning")
    prompt[of_type(prompt, "LoadVideo")]["inputs"]["file"] = few_frames(server, ffmpeg)
    prompt = without(prompt, "FOMPreviewAnimation", None)
    del prompt[of_type(prompt, "FOMDetectFaces")], prompt[of_type(prompt, "FOMAnimatePicture")]["inputs"]["faces"]

    finished = server.run(prompt)

    video = VideoReader(*finished.files[of_type(prompt, "SaveVideo")])
    assert (len(list(video)), video.size) == (FEW, (512, 512))
