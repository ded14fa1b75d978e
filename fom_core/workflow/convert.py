"""Rewrites graphs that were made for ComfyUI-FirstOrderMM: its nodes that animate become four of ours.

Both forms are taken: what the editor saves, and what its API export writes. All other nodes, links, groups and notes
stay as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import FomError
from .graph import GAP, Level, Numbers, levels_of, origin_of, pair, position
from .ours import ANIMATE_FACE, CHAIN, DETECT_FACES, KINDS, LOAD_MODEL, PASTE_FACES, Kind, saved_node, saved_note
from .runners import (
    IN_GENERAL,
    KEPT,
    LIVE_PORTRAIT,
    OUTPUTS,
    PACK,
    RUNNERS,
    Request,
    request_of,
    target_of_widget,
    widget_values,
)

NOTE_SIZE = (320.0, 360.0)
COLUMN = 370.0
WIDTH, HEIGHT = 3 * COLUMN + NOTE_SIZE[0], 850.0
AT = {  # where our four nodes stand, from the corner of their place
    LOAD_MODEL.type: (0.0, 0.0),
    DETECT_FACES.type: (0.0, 226.0),
    ANIMATE_FACE.type: (COLUMN, 0.0),
    PASTE_FACES.type: (2 * COLUMN + 20, 0.0),
}
NOTE_AT = (3 * COLUMN + 20, 0.0)
Prompt = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Converted:
    """A rewritten graph, how many nodes were replaced, and a line for each thing that is not as it was."""

    workflow: dict[str, Any]
    replaced: int
    remarks: tuple[str, ...]


def convert_workflow(saved: Any, model: str | None = None) -> Converted:
    """Rewrite a workflow; ``saved`` is the JSON's value and stays as it is.

    model: what to load in place of the models that the nodes name.
    Raises FomError for what is no workflow, and for one without nodes that can be replaced.
    """
    saved = copy.deepcopy(saved)
    if isinstance(saved, dict) and isinstance(saved.get("nodes"), list):
        return _convert_saved(saved, model)
    if _is_prompt(saved):
        return _convert_prompt(saved, model)
    raise FomError(
        "This is no workflow of ComfyUI. Save one with Workflow → Save, or Workflow → Export (API), and give that file."
    )


def _is_prompt(saved: Any) -> bool:
    return (
        isinstance(saved, dict)
        and bool(saved)
        and all(
            isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
            for node in saved.values()
        )
    )


def _check_types(types: Iterable[str], group_nodes: Iterable[str]) -> list[str]:
    """A line for each node that is no runner and yet concerns this. Raises FomError where there is no runner."""
    types = list(types)
    hints = [f"{type_} is {LIVE_PORTRAIT[type_]}." for type_ in dict.fromkeys(types) if type_ in LIVE_PORTRAIT]
    lines = [
        f"The group node {name} holds nodes of {PACK}: ungroup it, save, and convert again." for name in group_nodes
    ]
    if any(type_ in RUNNERS for type_ in types):
        return [*lines, *(f"{hint} It stays as it is." for hint in hints)]
    if lines:
        raise FomError(lines[0])
    if hints:
        raise FomError(f"LivePortrait's nodes are not converted: its networks are others. By hand: {' '.join(hints)}")
    if partial := next((type_ for type_ in KEPT if type_ in types), None):
        raise FomError(f"Nothing in this workflow can be converted: {partial} {KEPT[partial]}.")
    raise FomError(
        f"No node of {PACK} is in this workflow. Those that are converted: {', '.join(RUNNERS)}. Give another file."
    )


def _convert_saved(root: dict[str, Any], model: str | None) -> Converted:
    subgraphs = levels_of(root)
    levels = [root, *subgraphs]
    remarks = _check_types((node["type"] for level in levels for node in level["nodes"]), _group_nodes(root))
    numbers, replaced = Numbers(root, subgraphs), 0
    for data in levels:
        level = Level(data, numbers)
        for node in list(level.nodes):
            if node["type"] in RUNNERS:
                remarks += _replace(level, node, model)
                replaced += 1
            elif node["type"] in KEPT:
                remarks += _keep(level, node)
    numbers.store()
    return Converted(root, replaced, (*remarks, *IN_GENERAL))


def _group_nodes(root: dict[str, Any]) -> list[str]:
    """The names of group nodes, older editors' subgraphs, that hold a runner."""
    extra = root.get("extra")
    grouped = extra.get("groupNodes") if isinstance(extra, dict) else None
    held = grouped.items() if isinstance(grouped, dict) else ()
    return [name for name, content in held if any(repr(type_) in repr(content) for type_ in RUNNERS)]


def _replace(level: Level, node: dict[str, Any], model: str | None) -> list[str]:
    """Put our four nodes in a runner's place; the lines on what differs."""
    request = request_of(node["type"], widget_values(node["type"], node.get("widgets_values")), model)
    number = {kind.type: level.numbers.new("node") for kind in KINDS}
    x, y = level.free_place(position(node), (WIDTH, HEIGHT))
    for kind in KINDS:
        at = (x + AT[kind.type][0], y + AT[kind.type][1])
        ours = saved_node(kind, number[kind.type], at, request.values[kind.type])
        level.nodes.append(ours | {"mode": node.get("mode", 0), "order": node.get("order", 0)})
    for origin, output, target, name in CHAIN:
        slots = (number[origin.type], origin.output(output)), (number[target.type], target.slot(name))
        level.connect(*slots, str(origin.outputs[origin.output(output)][1]))
    named = f"{node.get('title') or node['type']} {node['id']}"
    lines = [*request.remarks, *_rewire(level, node, number)]
    level.nodes.remove(node)
    note_at = (x + NOTE_AT[0], y + NOTE_AT[1])
    text = "\n".join(f"- {line}" for line in (*lines, *IN_GENERAL))
    level.nodes.append(saved_note(level.numbers.new("node"), note_at, NOTE_SIZE, f"Converted from {named}", text))
    level.add_group(f"Animate (was {named})", (x, y), (NOTE_AT[0] + NOTE_SIZE[0], HEIGHT))
    return [f"{named}: {line}" for line in lines]


def _rewire(level: Level, node: dict[str, Any], number: Mapping[str, int]) -> list[str]:
    """Move a runner's links to our nodes; a line for each that is lost."""
    lost = []
    into = level.into(node)
    sound = into.pop("audio", None)
    for name, link in into.items():
        if name == "source_image":
            level.connect(origin_of(link), (number[PASTE_FACES.type], PASTE_FACES.slot("image")), "IMAGE")
            level.move_target(link, (number[DETECT_FACES.type], DETECT_FACES.slot("image")))
        elif name == "driving_video_input":
            level.move_target(link, (number[ANIMATE_FACE.type], ANIMATE_FACE.slot("drivers.driver1")))
        elif widget := target_of_widget(name, ANIMATE_FACE):
            level.move_target(link, (number[ANIMATE_FACE.type], ANIMATE_FACE.slot(widget)))
        else:
            level.drop(link)
            lost.append(_unconnected(name))
    for slot, link in level.out_of(node):
        name = OUTPUTS[slot] if isinstance(slot, int) and 0 <= slot < len(OUTPUTS) else ""
        if name == "images":
            level.move_origin(link, (number[PASTE_FACES.type], PASTE_FACES.output("image")))
        elif name == "frame_rate":
            level.move_origin(link, (number[ANIMATE_FACE.type], ANIMATE_FACE.output("fps")))
        elif name == "audio" and sound is not None:
            level.move_origin(link, origin_of(sound))
        else:
            level.drop(link)
            lost.append(_carried_nothing(name or slot))
    if sound is not None:
        level.drop(sound)
    return lost


def _unconnected(name: str) -> str:
    return f"What was connected to {name} is not any more: that choice is made in the node's own menu here."


def _carried_nothing(output: Any) -> str:
    return f"Its output {output} carried nothing: what was connected to it is not any more."


def _keep(level: Level, node: dict[str, Any]) -> list[str]:
    """Leave a node that has no equivalent, with a note below it."""
    line = f"{node['type']} {KEPT[node['type']]}. It stays as it is, and needs {PACK}."
    _, height = pair(node.get("size"), (0.0, 100.0))
    x, y = position(node)
    at = level.free_place((x, y + height + GAP), (NOTE_SIZE[0], 120.0))
    level.nodes.append(
        saved_note(level.numbers.new("node"), at, (NOTE_SIZE[0], 120.0), f"Not converted: {node['type']}", line)
    )
    return [f"{node['type']} {node['id']}: {line}"]


def _convert_prompt(prompt: Prompt, model: str | None) -> Converted:
    remarks = _check_types((node["class_type"] for node in prompt.values()), ())
    last = max((int(number) for number in prompt if number.isdecimal()), default=0)
    runners = [number for number, node in prompt.items() if node["class_type"] in RUNNERS]
    for number in runners:
        ours = {kind.type: str(last + index) for index, kind in enumerate(KINDS, 1)}
        last += len(KINDS)
        node = prompt.pop(number)
        named = f"{node['class_type']} {number}"
        shown = {name: value for name, value in node["inputs"].items() if not _is_reference(value)}
        request = request_of(node["class_type"], shown, model)
        remarks += [f"{named}: {line}" for line in (*request.remarks, *_refer(prompt, number, node, ours, request))]
    for number, node in prompt.items():
        if node["class_type"] in KEPT:
            line = f"{KEPT[node['class_type']]}. It stays as it is, and needs {PACK}."
            remarks.append(f"{node['class_type']} {number} {line}")
    return Converted(prompt, len(runners), (*remarks, *IN_GENERAL))


def _refer(prompt: Prompt, number: str, node: dict[str, Any], ours: Mapping[str, str], request: Request) -> list[str]:
    """Put our four nodes into a prompt, and let others refer to them; a line for each reference that is lost."""
    lost, given = [], node["inputs"]
    inputs = {kind.type: kind.values(request.values[kind.type]) for kind in KINDS}
    for origin, output, target, name in CHAIN:
        inputs[target.type][name] = [ours[origin.type], origin.output(output)]
    if "source_image" in given:
        inputs[DETECT_FACES.type]["image"] = inputs[PASTE_FACES.type]["image"] = given["source_image"]
    if "driving_video_input" in given:
        inputs[ANIMATE_FACE.type]["drivers.driver1"] = given["driving_video_input"]
    for name, value in given.items():
        if name in ("source_image", "driving_video_input", "audio") or not _is_reference(value):
            continue
        if widget := target_of_widget(name, ANIMATE_FACE):
            inputs[ANIMATE_FACE.type][widget] = value
        else:
            lost.append(_unconnected(name))
    places = {
        "images": [ours[PASTE_FACES.type], PASTE_FACES.output("image")],
        "audio": given.get("audio"),
        "frame_rate": [ours[ANIMATE_FACE.type], ANIMATE_FACE.output("fps")],
    }
    for other in prompt.values():
        for name, value in list(other["inputs"].items()):
            if not _is_reference(value) or value[0] != number:
                continue
            output = OUTPUTS[value[1]] if 0 <= value[1] < len(OUTPUTS) else ""
            other["inputs"][name] = places.get(output)
            if other["inputs"][name] is None:
                del other["inputs"][name]
                lost.append(_carried_nothing(output or value[1]))
    prompt.update({ours[kind.type]: _in_prompt(kind, inputs[kind.type]) for kind in KINDS})
    return lost


def _in_prompt(kind: Kind, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"class_type": kind.type, "inputs": inputs, "_meta": {"title": kind.title}}


def _is_reference(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int
