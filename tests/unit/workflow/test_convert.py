"""Workflows of ComfyUI-FirstOrderMM become workflows with our nodes: in both forms, and nothing else changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fom_core.errors import FomError
from fom_core.workflow import convert_workflow
from tests.first_order_mm import exported, in_subgraph, node, saved

OURS = ("LoadFOMModel", "FOMDetectFaces", "FOMAnimateFace", "FOMPasteFaces")


def of_type(graph: dict[str, Any], type_: str) -> dict[str, Any]:
    (found,) = [each for each in graph["nodes"] if each["type"] == type_]
    return found


def ends(graph: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    """All links by the types of their nodes and the names of their sockets, as the list of links has them."""
    nodes = {each["id"]: each for each in graph["nodes"]}
    found = set()
    for _, origin, output, target, given, _ in graph["links"]:
        out, into = nodes[origin]["outputs"][output], nodes[target]["inputs"][given]
        found.add((nodes[origin]["type"], out["name"], nodes[target]["type"], into["name"]))
    return found


def test_the_runner_becomes_four_nodes_between_what_it_was_connected_to():
    converted = convert_workflow(saved()).workflow

    assert ends(converted) == {
        ("LoadVideo", "VIDEO", "GetVideoComponents", "video"),
        ("LoadImage", "IMAGE", "FOMDetectFaces", "image"),
        ("LoadImage", "IMAGE", "FOMPasteFaces", "image"),
        ("LoadFOMModel", "model", "FOMAnimateFace", "model"),
        ("FOMDetectFaces", "faces", "FOMAnimateFace", "faces"),
        ("FOMDetectFaces", "faces", "FOMPasteFaces", "faces"),
        ("GetVideoComponents", "images", "FOMAnimateFace", "drivers.driver1"),
        ("GetVideoComponents", "fps", "FOMAnimateFace", "fps"),
        ("FOMAnimateFace", "animated_faces", "FOMPasteFaces", "animated_faces"),
        ("FOMPasteFaces", "image", "Reroute", ""),
        ("Reroute", "", "CreateVideo", "images"),
        ("GetVideoComponents", "audio", "CreateVideo", "audio"),
        ("FOMAnimateFace", "fps", "CreateVideo", "fps"),
        ("CreateVideo", "video", "SaveVideo", "video"),
    }


@pytest.mark.parametrize(
    "form", [saved(), in_subgraph(saved())["definitions"]["subgraphs"][0]], ids=["whole", "subgraph"]
)
def test_links_nodes_and_borders_agree_on_what_is_connected(form):
    graph = form if "config" in form else in_subgraph(saved())
    converted = convert_workflow(graph).workflow
    level = converted if "config" in form else converted["definitions"]["subgraphs"][0]
    rows = [list(link.values()) if isinstance(link, dict) else link for link in level["links"]]

    into = {(n["id"], slot): i["link"] for n in level["nodes"] for slot, i in enumerate(n["inputs"]) if i["link"]}
    out = {(n["id"], slot): o["links"] for n in level["nodes"] for slot, o in enumerate(n["outputs"]) if o["links"]}
    into |= {(-20, slot): link for slot, o in enumerate(level.get("outputs", ())) for link in o["linkIds"]}
    out |= {(-10, slot): i["linkIds"] for slot, i in enumerate(level.get("inputs", ())) if i["linkIds"]}

    assert into == {(row[3], row[4]): row[0] for row in rows}
    assert {(place, link) for place, links in out.items() for link in links} == {((r[1], r[2]), r[0]) for r in rows}
    assert len({row[0] for row in rows}) == len(rows)
    assert len({each["id"] for each in level["nodes"]}) == len(level["nodes"])


def test_a_runner_in_a_subgraph_is_converted_and_the_sound_goes_from_border_to_border():
    converted = convert_workflow(in_subgraph(saved())).workflow
    (subgraph,) = converted["definitions"]["subgraphs"]

    assert {each["type"] for each in subgraph["nodes"]} == {*OURS, "MarkdownNote"}
    assert [
        link["origin_id"] for link in subgraph["links"] if (link["target_id"], link["target_slot"]) == (-20, 1)
    ] == [-10]
    assert subgraph["state"]["lastLinkId"] == converted["last_link_id"] == max(link["id"] for link in subgraph["links"])
    assert subgraph["state"]["lastNodeId"] == max(each["id"] for each in subgraph["nodes"])


def test_all_else_stays_as_it_is():
    before = saved()
    kept = copy.deepcopy(before)

    converted = convert_workflow(before).workflow

    assert before == kept
    for old in before["nodes"]:
        if old["type"] != "FOMM_Runner":
            new = next(each for each in converted["nodes"] if each["id"] == old["id"])
            assert {**new, "inputs": 0, "outputs": 0} == {**old, "inputs": 0, "outputs": 0}
    assert converted["groups"][0] == before["groups"][0]
    assert (converted["extra"], converted["version"]) == (before["extra"], before["version"])


def test_what_the_widgets_say_is_carried_over():
    converted = convert_workflow(saved(widgets=["vox", 24, False, False, False, True])).workflow

    values = of_type(converted, "FOMAnimateFace")["widgets_values_named"]

    assert of_type(converted, "LoadFOMModel")["widgets_values_named"]["model_name"] == "vox-256"
    assert of_type(converted, "FOMDetectFaces")["widgets_values_named"]["if_none"] == "pass through"
    assert (values["relative_motion"], values["relative_jacobian"], values["adapt_movement_scale"]) == (False,) * 3
    assert (values["initial_frame"], values["fps"]) == ("best", 24)


def test_a_motion_that_counted_from_the_first_frame_still_does():
    converted = convert_workflow(saved()).workflow

    assert of_type(converted, "FOMAnimateFace")["widgets_values_named"]["initial_frame"] == "first"


@pytest.mark.parametrize(
    ("type_", "widgets", "relative", "adapt", "initial"),
    [
        ("Articulate_Runner", [30], True, True, "first"),
        ("Spline_Runner", [30, "standard", True], False, True, "best"),
        ("MRFA_Runner", ["vox", 30, True, True, True, False], True, False, "first"),
        ("MRFA_Runner", ["vox", 30, False, True, True, True], False, True, "first"),
        ("FSRT_Runner", ["vox256", 30, False, False, True, 65536], False, False, "best"),
    ],
)
def test_runners_of_other_networks_are_converted_and_told(type_, widgets, relative, adapt, initial):
    converted = convert_workflow(saved(type_, widgets))

    values = of_type(converted.workflow, "FOMAnimateFace")["widgets_values_named"]
    assert (values["relative_motion"], values["adapt_movement_scale"], values["initial_frame"]) == (
        relative,
        adapt,
        initial,
    )
    assert [line for line in converted.remarks if line.startswith(f"{type_} 21: Its network")] != []


def test_every_difference_stands_in_a_note_on_the_canvas():
    converted = convert_workflow(saved("FSRT_Runner", ["vox256", 30, False, False, True, 65536]))

    text = of_type(converted.workflow, "MarkdownNote")["widgets_values"][0]

    assert len(converted.remarks) >= 4
    assert [line for line in converted.remarks if line.removeprefix("FSRT_Runner 21: ") not in text] == []


def test_nodes_without_an_equivalent_stay_with_a_note_beside_them():
    graph = saved()
    graph["nodes"].append(node(33, "FOMM_Partswap", (100, 2000), {}, {"images": "IMAGE"}, ["vox-10segments"]))

    converted = convert_workflow(graph)

    assert of_type(converted.workflow, "FOMM_Partswap") == graph["nodes"][-1]
    (note,) = [each for each in converted.workflow["nodes"] if each.get("title", "").startswith("Not converted")]
    assert "swaps parts of faces" in note["widgets_values"][0]
    assert [line for line in converted.remarks if line.startswith("FOMM_Partswap 33: ")] != []


def test_no_new_node_lies_on_another():
    converted = convert_workflow(saved()).workflow

    def box(each):
        (w, h) = each["size"].values() if isinstance(each["size"], dict) else each["size"]
        return each["pos"][0], each["pos"][1] - 30, each["pos"][0] + w, each["pos"][1] + h

    boxes = {each["id"]: box(each) for each in converted["nodes"]}
    new = [each["id"] for each in converted["nodes"] if each["id"] > 40]
    overlaps = [
        (a, b)
        for a in new
        for b in boxes
        if a != b
        and boxes[a][0] < boxes[b][2]
        and boxes[b][0] < boxes[a][2]
        and boxes[a][1] < boxes[b][3]
        and boxes[b][1] < boxes[a][3]
    ]
    assert (len(new), overlaps) == (5, [])


def test_a_bypassed_or_muted_runner_gives_nodes_that_are_so_too():
    graph = saved()
    of_type(graph, "FOMM_Runner")["mode"] = 4

    converted = convert_workflow(graph).workflow

    assert {of_type(converted, type_)["mode"] for type_ in OURS} == {4}


def test_a_sound_that_never_came_in_is_told():
    graph = saved()
    (link,) = [link for link in graph["links"] if link[3:5] == [21, 2]]
    graph["links"].remove(link)
    of_type(graph, "FOMM_Runner")["inputs"][2]["link"] = None

    converted = convert_workflow(graph)

    assert of_type(converted.workflow, "CreateVideo")["inputs"][1]["link"] is None
    assert [line for line in converted.remarks if "Its output audio carried nothing" in line] != []


def test_an_api_export_is_converted_alike():
    converted = convert_workflow(exported()).workflow
    by_type = {each["class_type"]: (number, each["inputs"]) for number, each in converted.items()}
    (load, _), (detect, found), (animate, moved), (paste, pasted) = (by_type[type_] for type_ in OURS)

    assert "FOMM_Runner" not in by_type
    assert (found["image"], pasted["image"], moved["drivers.driver1"]) == (["1", 0], ["1", 0], ["12", 0])
    assert (moved["model"], moved["faces"], moved["fps"]) == ([load, 0], [detect, 0], ["12", 2])
    assert (pasted["faces"], pasted["animated_faces"]) == ([detect, 0], [animate, 0])
    assert by_type["CreateVideo"][1] == {"images": [paste, 0], "audio": ["12", 1], "fps": [animate, 4]}
    assert (moved["initial_frame"], moved["relative_motion"]) == ("first", True)


def test_the_model_may_be_chosen_and_then_no_weights_are_spoken_of():
    converted = convert_workflow(exported(), model="mini")

    (loader,) = [each for each in converted.workflow.values() if each["class_type"] == "LoadFOMModel"]
    assert loader["inputs"]["model_name"] == "mini"
    assert [line for line in converted.remarks if "pth.tar" in line] == []


def test_a_rate_that_no_widget_takes_is_brought_into_its_range_and_told():
    converted = convert_workflow(exported(frame_rate=0.0))

    (animate,) = [each for each in converted.workflow.values() if each["class_type"] == "FOMAnimateFace"]
    assert animate["inputs"]["fps"] == 1
    assert [line for line in converted.remarks if "frame_rate 0 became 1" in line] != []


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        ({"1": {"class_type": "LoadImage", "inputs": {}}}, "No node of ComfyUI-FirstOrderMM is in this workflow"),
        ({"1": {"class_type": "FOMM_Partswap", "inputs": {}}}, "FOMM_Partswap swaps parts of faces"),
        ({"1": {"class_type": "LivePortraitCropper", "inputs": {}}}, "LivePortraitCropper is Detect Faces"),
        ({"nodes": [], "extra": {"groupNodes": {"G": {"nodes": [{"type": "FOMM_Runner"}]}}}}, "group node G"),
        ({"nodes": [{"id": 1}]}, "damaged"),
        ({"nodes": [], "links": [[1, 2]]}, "damaged"),
        ({"model": "x"}, "no workflow of ComfyUI"),
        ([1, 2], "no workflow of ComfyUI"),
    ],
)
def test_what_cannot_be_converted_is_refused_in_a_line(graph, sentence):
    with pytest.raises(FomError, match=sentence) as raised:
        convert_workflow(graph)
    assert "\n" not in str(raised.value)
