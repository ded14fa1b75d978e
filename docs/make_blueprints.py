"""Writes ``subgraphs``: parts of the example workflows as blueprints, which ComfyUI offers like nodes.

python docs/make_blueprints.py
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER, WORKFLOWS = ROOT / "subgraphs", ROOT / "workflows"
CATEGORY = "Video Tools/Face animation"
ENTRANCE, EXIT = -10, -20  # what a subgraph's own inputs and outputs count as
NAMES = uuid.UUID("5a4d7a52-7f0b-4c0e-9d3e-0f4d4d0a0001")  # so that a blueprint keeps its id
INSIDE = ("id", "type", "pos", "size", "flags", "order", "mode", "inputs", "outputs", "properties", "widgets_values")


@dataclass(frozen=True)
class Blueprint:
    """What is taken from which workflow.

    inputs:  its sockets: a name, and the number and output of the node outside that stands there in the workflow.
    nodes:   the numbers of the nodes inside. output: the number of the one whose first output comes out.
    widgets: what shows outside: a node's number and a widget's name.
    """

    name: str
    description: str
    workflow: str
    inputs: tuple[tuple[str, int, int], ...]
    nodes: tuple[int, ...]
    output: int
    widgets: tuple[tuple[int, str], ...]
    aliases: tuple[str, ...]


BLUEPRINTS = (
    Blueprint(
        "Animate a group photo",
        "Moves every face of a picture like the person in a driving video, and keeps the video's sound.",
        "Group photo with sound",
        (("image", 1, 0), ("driver", 2, 0)),
        (3, 4, 5, 6, 7),
        7,
        ((3, "model_name"), (4, "face_choice"), (5, "initial_frame"), (5, "gain"), (5, "smoothing"), (6, "mask")),
        ("face animation", "group photo", "first order motion", "photo to video"),
    ),
    Blueprint(
        "One driver per face",
        "Moves face 1 like the first driving video and face 2, with all the rest, like the second.",
        "One driver per face",
        (("image", 1, 0), ("driver 1", 2, 0), ("driver 2", 9, 0)),
        (3, 4, 5, 6, 7),
        7,
        ((3, "model_name"), (4, "order"), (5, "length"), (5, "gain"), (5, "smoothing"), (6, "mask")),
        ("face animation", "several drivers", "first order motion", "duet"),
    ),
    Blueprint(
        "Talking portrait",
        "Lets the faces of a picture talk, by a motion that comes with the pack: no driving video is needed.",
        "Shared motion",
        (("image", 1, 0),),
        (3, 4, 5),
        5,
        ((3, "model_name"), (4, "motion_name"), (5, "face_choice"), (5, "gain"), (5, "smoothing"), (5, "mask")),
        ("face animation", "talking head", "first order motion", "portrait"),
    ),
)


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for blueprint in BLUEPRINTS:
        (FOLDER / f"{blueprint.name}.json").write_text(text_of(blueprint), encoding="utf-8")


def text_of(blueprint: Blueprint) -> str:
    """The text of a blueprint's file."""
    source = json.loads((WORKFLOWS / f"{blueprint.workflow}.json").read_text(encoding="utf-8"))
    return json.dumps(saved(blueprint, source), indent=1, ensure_ascii=False) + "\n"


def saved(blueprint: Blueprint, source: dict[str, Any]) -> dict[str, Any]:
    """A blueprint as ComfyUI keeps it: a graph of one node, which is the subgraph."""
    subgraph = subgraph_of(blueprint, source)
    node = {
        "id": 1,
        "type": subgraph["id"],
        "pos": [0, 0],
        "size": [300, 240],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [{"name": each["name"], "type": each["type"], "link": None} for each in subgraph["inputs"]],
        "outputs": [{"name": each["name"], "type": each["type"], "links": []} for each in subgraph["outputs"]],
        "properties": {"proxyWidgets": [[str(number), name] for number, name in blueprint.widgets]},
        "widgets_values": [],
        "title": blueprint.name,
    }
    extra = {"BlueprintDescription": blueprint.description, "BlueprintSearchAliases": list(blueprint.aliases)}
    return {
        "revision": 0,
        "last_node_id": max(blueprint.nodes),
        "last_link_id": 0,
        "nodes": [node],
        "links": [],
        "version": 0.4,
        "definitions": {"subgraphs": [subgraph]},
        "extra": extra,
    }


def subgraph_of(blueprint: Blueprint, source: dict[str, Any]) -> dict[str, Any]:
    """The inside: nodes of the workflow, and its links, with what lies outside as the subgraph's own sockets."""
    links = [link for link in map(inward(blueprint), source["links"]) if link is not None]
    links = [dict(link, id=number) for number, link in enumerate(links, 1)]
    types = {link["origin_slot"]: link["type"] for link in links if link["origin_id"] == ENTRANCE}
    taken = {n["id"]: n for n in source["nodes"] if n["id"] in blueprint.nodes}
    left, top = (min(node["pos"][axis] for node in taken.values()) for axis in (0, 1))
    right = max(node["pos"][0] + node["size"][0] for node in taken.values())
    inputs = [
        socket_of(
            blueprint,
            name,
            types[slot],
            [x["id"] for x in links if (x["origin_id"], x["origin_slot"]) == (ENTRANCE, slot)],
        )
        for slot, (name, _, _) in enumerate(blueprint.inputs)
    ]
    out = [link["id"] for link in links if link["target_id"] == EXIT]
    return {
        "id": str(uuid.uuid5(NAMES, blueprint.name)),
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": max(taken), "lastLinkId": len(links), "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": blueprint.name,
        "inputNode": {"id": ENTRANCE, "bounding": [left - 200, top, 120, 40 + 20 * len(inputs)]},
        "outputNode": {"id": EXIT, "bounding": [right + 80, top, 120, 60]},
        "inputs": inputs,
        "outputs": [socket_of(blueprint, "video", "VIDEO", out)],
        "widgets": [],
        "nodes": [inside(node, links) for node in taken.values()],
        "groups": [],
        "links": links,
        "extra": {},
        "category": CATEGORY,
        "description": blueprint.description,
    }


def socket_of(blueprint: Blueprint, name: str, kind: str, links: list[int]) -> dict[str, Any]:
    """A socket of the subgraph."""
    return {"id": str(uuid.uuid5(NAMES, f"{blueprint.name}/{name}")), "name": name, "type": kind, "linkIds": links}


def inward(blueprint: Blueprint) -> Any:
    """Gives what a link of the workflow is inside, None for one that stays outside."""
    entrances = {(number, output): slot for slot, (_, number, output) in enumerate(blueprint.inputs)}

    def made(link: list[Any]) -> dict[str, Any] | None:
        _, origin, output, target, given, kind = link
        if target in blueprint.nodes and origin not in blueprint.nodes:
            if (origin, output) not in entrances:
                return None
            origin, output = ENTRANCE, entrances[origin, output]
        elif origin == blueprint.output and output == 0 and target not in blueprint.nodes:
            target, given = EXIT, 0
        elif origin not in blueprint.nodes or target not in blueprint.nodes:
            return None
        ends = {"origin_id": origin, "origin_slot": output, "target_id": target, "target_slot": given}
        return {"id": 0, **ends, "type": kind}

    return made


def inside(node: dict[str, Any], links: list[dict[str, Any]]) -> dict[str, Any]:
    """A node with the links that it has in the subgraph."""
    into = {x["target_slot"]: x["id"] for x in links if x["target_id"] == node["id"]}
    out: dict[int, list[int]] = {}
    for link in links:
        if link["origin_id"] == node["id"]:
            out.setdefault(link["origin_slot"], []).append(link["id"])
    kept = {name: node[name] for name in INSIDE if name in node}
    kept["inputs"] = [each | {"link": into.get(slot)} for slot, each in enumerate(node["inputs"])]
    kept["outputs"] = [each | {"links": out.get(slot)} for slot, each in enumerate(node["outputs"])]
    return kept


if __name__ == "__main__":
    main()
