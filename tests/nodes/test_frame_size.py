"""Frames that Create Video takes: even sizes, no transparency, and a word about it."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
import torch

GRAPH = {
    "1": {"class_type": "FOMPasteFaces", "inputs": {"mask": "flow"}},
    "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], "width": 64}},
    "3": {"class_type": "CreateVideo", "inputs": {"images": ["2", 0]}},
    "4": {"class_type": "SaveVideo", "inputs": {"video": ["3", 0]}},
}
STILL = {"1": GRAPH["1"], "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}


@pytest.fixture
def paste(node, faces, picture):
    """Runs the node on an odd picture in a graph."""
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    def run(prompt, channels=3, **inputs):
        odd = torch.cat([picture, picture.new_full((*picture.shape[:3], 1), 0.5)], -1)[:, :95, :127, :channels]
        found = PictureFaces(odd, (FaceSet.from_crops([(4, 20, 52, 68), (79, 47, 127, 95)], (95, 127)),))
        clone = node("FOMPasteFaces").PREPARE_CLASS_CLONE(None)
        clone.hidden.unique_id, clone.hidden.prompt = "1", prompt
        batches = [torch.zeros(3, 48, 48, 3) for _ in range(2)]
        asked = {"mask": ["box"], "feather": [0.3], "colour_match": [0.0], "ratio": [0.4]} | inputs
        output = clone.EXECUTE_NORMALIZED(image=[odd], faces=[found], animated_faces=batches, **asked)
        return odd, output.args[0][0], output.args[1][0]

    return run


def test_a_picture_of_odd_size_becomes_even_where_it_goes_to_create_video(paste, caplog):
    with caplog.at_level(logging.WARNING):
        odd, frames, mask = paste(GRAPH)

    assert frames.shape == (3, 94, 126, 3) and mask.shape == (1, 94, 126)
    assert "127x95" in caplog.text and "126x94" in caplog.text
    untouched = mask[0] == 0
    assert torch.equal(frames[1][untouched], odd[0, :94, :126][untouched])
    assert (frames[1, 50:94, 80:126] == 0).all()  # the face that lies on the border


NOT_SAVED = {node: content for node, content in GRAPH.items() if node != "4"}  # so that Create Video does not run


@pytest.mark.parametrize(
    ("prompt", "choice"), [(STILL, "auto"), (None, "auto"), (NOT_SAVED, "auto"), (GRAPH, "as the picture")]
)
def test_other_frames_are_as_large_as_the_picture(paste, prompt, choice):
    assert paste(prompt, frame_size=[choice])[1].shape == (3, 95, 127, 3)


def test_even_is_even_without_a_video_and_keeps_transparency(paste):
    assert paste(STILL, channels=4, frame_size=["even"])[1].shape == (3, 94, 126, 4)


def test_transparency_is_left_out_for_create_video_with_a_word_on_what_keeps_it(paste, caplog):
    with caplog.at_level(logging.WARNING):
        frames = paste(GRAPH, channels=4)[1]

    assert frames.shape == (3, 94, 126, 3)
    assert "Save WEBM" in caplog.text


def test_a_graph_in_a_circle_is_looked_at_once(pack):
    from fom_pack.nodes.sizes import made_into_video

    circle = {"1": {"inputs": {"a": ["2", 0]}}, "2": {"class_type": "x", "inputs": {"a": ["1", 0]}}}

    assert not made_into_video(circle, "1")


def test_the_hosts_cache_tells_graphs_with_a_video_from_others(node, monkeypatch):
    """A result of the one must not be taken for the other."""
    from fom_pack.nodes import host

    clone = node("FOMPasteFaces").PREPARE_CLASS_CLONE(None)
    clone.hidden.unique_id = "1"

    def told(graph, choice):
        queue = SimpleNamespace(get_current_queue_volatile=lambda: ([(0, "id", graph, {}, [])], []))
        monkeypatch.setattr(host, "server", lambda: SimpleNamespace(prompt_queue=queue))
        return clone.fingerprint_inputs(frame_size=[choice], image=[None])

    assert told(GRAPH, "auto") != told(STILL, "auto")
    assert told(GRAPH, "even") == told(STILL, "even")
    monkeypatch.setattr(host, "server", lambda: None)
    assert clone.fingerprint_inputs(image=[None]) is False
