"""What the example workflows and blueprints tell the host of themselves: whose nodes they use, and which files."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fom_core.weights.catalogue import catalogue, entry_for_file
from tests.comfyui.prompts import WORKFLOWS

ROOT = WORKFLOWS.parent
BLUEPRINTS = sorted((ROOT / "subgraphs").glob("*.json"))
SNAPSHOT = ROOT / "tests/comfyui/object_info.json"
TITLE_PX = 30  # above a node's place
SHOWING_PX = {  # height with a picture, 220 more than without, or a square video, in the classic look of frontend 1.49
    "FOMAnimateFace": 582 + 220,
    "FOMAnimatePicture": 726 + 340,
    "FOMDetectFaces": 478 + 220,
}
FOLDERS = {"enhancer": "facerestore_models", "model": "fom"}


def saved_nodes(graph: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [node for subgraph in graph.get("definitions", {}).get("subgraphs", ()) for node in subgraph["nodes"]]
    return [*graph["nodes"], *inner]


def height_while_showing(node: dict[str, Any]) -> float:
    """Of a node during and after a run, when the frontend makes those taller that show a picture."""
    return max(node["size"][1], SHOWING_PX.get(node["type"], 0))


@pytest.fixture(params=[*sorted(WORKFLOWS.glob("*.json")), *BLUEPRINTS], ids=lambda path: path.stem)
def graph(request) -> dict[str, Any]:
    return json.loads(request.param.read_text(encoding="utf-8"))


def test_every_node_of_the_pack_tells_managers_where_it_comes_from(graph):
    registered = re.search(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    ours = [node for node in saved_nodes(graph) if "FOM" in node["type"]]

    assert registered is not None and ours
    assert {node["properties"].get("cnr_id") for node in ours} == {registered[1]}


def test_no_node_lies_over_another_when_it_shows_its_picture(graph):
    for nodes in (graph["nodes"], *(inner["nodes"] for inner in graph.get("definitions", {}).get("subgraphs", ()))):
        boxes = [(*node["pos"], node["size"][0], height_while_showing(node)) for node in nodes]
        for number, (x, y, width, height) in enumerate(boxes):
            for left, top, right, bottom in ((a, b - TITLE_PX, a + c, b + d) for a, b, c, d in boxes[number + 1 :]):
                beside = x + width <= left or right <= x
                assert beside or y + height <= top or bottom <= y - TITLE_PX, nodes[number]["type"]


def test_notes_have_no_code_which_the_new_look_paints_blue_on_blue(graph):
    notes = [node["widgets_values"][0] for node in graph["nodes"] if node["type"] == "MarkdownNote"]

    assert not any("`" in note for note in notes)


def test_every_node_of_the_pack_was_saved_with_all_that_it_takes(graph):
    """A node that lacks a late widget gives the values behind it to the wrong ones."""
    known = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    for node in saved_nodes(graph):
        taken = known.get(node["type"], {}).get("input", {})
        names = [name for kind in ("required", "optional") for name in taken.get(kind, ())]
        saved = {slot["name"] for slot in node.get("inputs", ())}
        missing = [name for name in names if not any(slot.split(".")[0] == name for slot in saved)]
        assert missing == [], node["type"]


def test_weights_that_are_downloaded_are_told_with_address_and_checksum(graph):
    for node in saved_nodes(graph):
        values = [value for value in node.get("widgets_values", ()) if isinstance(value, str)]
        entries = [catalogue().get(value) or entry_for_file(value) for value in values if "FOM" in node["type"]]
        wanted = [
            (e.file, e.urls[0], e.sha256, "SHA256", FOLDERS[e.kind])
            for e in entries
            if e is not None and not e.embedded and e.kind in FOLDERS
        ]

        found = [
            tuple(model[key] for key in ("name", "url", "hash", "hash_type", "directory"))
            for model in node["properties"].get("models", ())
        ]
        assert found == wanted, node["type"]


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.json")), ids=lambda path: path.stem)
def test_a_template_opens_as_a_graph_and_its_app_shows_widgets_that_are_there(path):
    saved = json.loads(path.read_text(encoding="utf-8"))
    nodes = {node["id"]: node for node in saved["nodes"]}
    free = {
        (node["id"], slot["name"]) for node in nodes.values() for slot in node["inputs"]
        if "widget" in slot and slot.get("link") is None
    }  # fmt: skip
    app = saved["extra"]["linearData"]

    assert saved["extra"]["linearMode"] is False
    assert {(node, widget) for node, widget, _ in app["inputs"]} <= free
    assert all(re.fullmatch(r".{8,36}\.", told["description"]) for _, _, told in app["inputs"])  # more is cut off
    files = {(node["id"], slot) for node in nodes.values() for slot in ("image", "file") if (node["id"], slot) in free}
    shown = {(node, widget) for node, widget, _ in app["inputs"]}
    assert path.stem == "Shared motion" or files <= shown  # whose second part is not of the app
    savers = {number for number, node in nodes.items() if node["type"] == "SaveVideo"}
    assert savers <= set(app["outputs"]) <= set(nodes)


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.json")), ids=lambda path: path.stem)
def test_a_template_has_a_title_for_people(path):
    """The host shows the file's name as the title, and has no other place for one."""
    assert re.fullmatch(r"[A-Z][a-z]*( [a-z0-9]+)*", path.stem)
    assert path.with_suffix(".jpg").is_file()


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_what_a_blueprint_shows_outside_is_there_inside(path):
    saved = json.loads(path.read_text(encoding="utf-8"))
    (node,), (subgraph,) = saved["nodes"], saved["definitions"]["subgraphs"]
    inner = {each["id"]: each for each in subgraph["nodes"]}
    widgets = {(str(n["id"]), i["name"]) for n in inner.values() for i in n["inputs"] if "widget" in i}

    assert node["type"] == subgraph["id"] and subgraph["name"] == path.stem
    assert {tuple(shown) for shown in node["properties"]["proxyWidgets"]} <= widgets
    assert len(saved["extra"]["BlueprintDescription"]) > 40 and saved["extra"]["BlueprintSearchAliases"]
    for link in subgraph["links"]:
        ends = (link["origin_id"], link["target_id"])
        assert all(end in inner or end in (-10, -20) for end in ends)
        if link["target_id"] in inner:
            assert inner[link["target_id"]]["inputs"][link["target_slot"]]["link"] == link["id"]
