"""The example workflows in ComfyUI's frontend, in its classic and in its new look."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from fom_core.media import VideoReader, read_picture
from fom_core.workflow import convert_workflow
from tests.comfyui.prompts import EARLIER, WORKFLOWS, Prompt, of_type, to_prompt
from tests.comfyui.test_converted import FEW, few_frames
from tests.comfyui.test_workflows import TALK
from tests.first_order_mm import linked, saved
from tests.first_order_mm import node as saved_node
from tests.nodes.test_templates import TITLE_PX

pytestmark = pytest.mark.browser
SCRIPT = Path(__file__).with_name("open_workflow.mjs")
FILES = sorted(WORKFLOWS.glob("*.json"))
BLUEPRINTS = sorted((WORKFLOWS.parent / "subgraphs").glob("*.json"))


@pytest.fixture
def opened(server, browser, tmp_path):
    """Opens a workflow; gives what the frontend made of it."""

    def run(file: Path, new_look: bool) -> dict[str, Any]:
        name = f"{file.parent.name}-{file.stem}-{'new' if new_look else 'classic'}.png"
        picture = Path(os.environ.get("FOM_SCREENSHOTS") or tmp_path) / name
        command = ["node", str(SCRIPT), server.url, str(file), str(picture)]
        ended = subprocess.run(
            [*command, f"Comfy.VueNodes.Enabled={json.dumps(new_look)}"],
            env=browser,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert read_picture(picture).std() > 10
        told = json.loads(ended.stdout.splitlines()[-1])
        assert (told["unknown"], told["red"], told["unlinked"], told["raised"]) == ([], [], [], [])
        return told

    return run


@pytest.mark.parametrize("new_look", [False, True], ids=["classic", "nodes-2.0"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_opens_as_it_was_saved(opened, file, new_look):
    told = opened(file, new_look)

    saved = json.loads(file.read_text(encoding="utf-8"))
    assert inputs(told["prompt"]) == inputs(to_prompt(saved))
    assert told["app"] == len(saved["extra"]["linearData"]["inputs"])
    assert new_look or covered(told["places"]) == []


def covered(places: list[tuple[str, float, float, float, float]]) -> list[tuple[str, str]]:
    """Which nodes lie over which, of [type, x, y, width, height] each, titles counted."""
    boxes = [(kind, x, y - TITLE_PX, x + width, y + height) for kind, x, y, width, height in places]
    return [
        (one[0], other[0])
        for one, other in combinations(boxes, 2)
        if max(one[1], other[1]) < min(one[3], other[3]) and max(one[2], other[2]) < min(one[4], other[4])
    ]


@pytest.mark.parametrize("file", sorted(EARLIER.glob("*.json")), ids=lambda file: file.stem)
def test_an_earlier_workflow_keeps_its_values_and_gets_the_new_inputs(opened, file):
    found = inputs(opened(file, False)["prompt"])

    for node, (class_type, values) in inputs(to_prompt(json.loads(file.read_text(encoding="utf-8")))).items():
        assert found[node][0] == class_type
        assert values.items() <= found[node][1].items()
        assert found[node][1].get("frames", "composed") == "composed"
        assert found[node][1].get("frames_cover", "auto") == "auto"


def test_a_converted_workflow_opens_and_runs(opened, server, ffmpeg, tmp_path):
    file = tmp_path / "converted.json"
    graph = saved()
    next(node for node in graph["nodes"] if node["type"] == "LoadVideo")["widgets_values"][0] = few_frames(
        server, ffmpeg
    )
    file.write_text(json.dumps(convert_workflow(graph, model="mini").workflow), encoding="utf-8")

    prompt = opened(file, False)["prompt"]

    assert prompt[of_type(prompt, "FOMAnimateFace")]["inputs"]["initial_frame"] == "first"
    videos = [file for files in server.run(prompt).files.values() for file in files if file.parent.name == "video"]
    assert [len(list(VideoReader(video))) for video in videos] == [FEW]


@pytest.mark.parametrize("file", BLUEPRINTS, ids=lambda file: file.stem)
def test_a_blueprint_between_loaders_and_a_saver_runs(opened, server, ffmpeg, tmp_path, file):
    graph = between(json.loads(file.read_text(encoding="utf-8")), few_frames(server, ffmpeg))
    written = tmp_path / f"{file.stem}.json"
    written.write_text(json.dumps(graph), encoding="utf-8")

    prompt = opened(written, True)["prompt"]

    files = [file for files in server.run(prompt).files.values() for file in files if file.parent.name == "video"]
    frames = [len(list(VideoReader(video))) for video in files]
    assert frames == [TALK if "LoadVideo" not in {node["class_type"] for node in prompt.values()} else FEW]


def between(blueprint: dict[str, Any], driver: str) -> dict[str, Any]:
    """A blueprint's node, with a loader at each of its inputs and Save Video behind it."""
    (node,) = blueprint["nodes"]
    graph: dict[str, Any] = {**blueprint, "nodes": [node], "links": [], "last_node_id": 100, "last_link_id": 100}
    ends = []
    for number, given in enumerate(node["inputs"], 50):
        loader, value = ("LoadImage", "fom_group.jpg") if given["type"] == "IMAGE" else ("LoadVideo", driver)
        outputs = {"IMAGE": "IMAGE", "MASK": "MASK"} if loader == "LoadImage" else {"VIDEO": "VIDEO"}
        graph["nodes"].append(saved_node(number, loader, (-400, 300 * (number - 50)), {}, outputs, [value, "image"]))
        ends.append((number, given["type"], node["id"], given["name"]))
    widgets = [f"video/{node['title']}", "auto", "auto"]
    graph["nodes"].append(saved_node(60, "SaveVideo", (500, 0), {"video": "VIDEO"}, {}, widgets))
    return linked(graph, *ends, (node["id"], "video", 60, "video"))


def inputs(prompt: Prompt) -> dict[str, tuple[str, dict[str, Any]]]:
    """What of a prompt decides the result; the frontend also sends what its players are called."""
    return {
        node: (
            content["class_type"],
            {name: value for name, value in content["inputs"].items() if "preview" not in name},
        )
        for node, content in prompt.items()
    }
