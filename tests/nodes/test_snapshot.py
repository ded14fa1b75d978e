"""The schemas are those that saved graphs rely on, and the saved graphs of the project fit them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fom_core.workflow import convert_workflow
from fom_core.workflow.ours import KINDS
from tests.comfyui import snapshot
from tests.comfyui.prompts import EARLIER, WORKFLOWS
from tests.first_order_mm import saved

NODES = snapshot.stored()
CONVERTED = WORKFLOWS / "converted" / "first_order_mm.json"  # made by the test, not on the disk
SAVED = [*sorted(WORKFLOWS.glob("*.json")), *sorted(EARLIER.glob("*.json")), CONVERTED]
WIDGETS = {"INT": int, "FLOAT": (int, float), "BOOLEAN": bool, "STRING": str, "COMBO": str}


def test_ids_inputs_types_and_outputs_are_those_of_the_snapshot(pack):
    from fom_pack.nodes import NODES as PACKED

    found = {cls.GET_SCHEMA().node_id: snapshot.skeleton(as_sent(cls.GET_NODE_INFO_V1())) for cls in PACKED}

    assert found == NODES


def as_sent(info: dict[str, Any]) -> dict[str, Any]:
    """As it arrives in the frontend."""
    return json.loads(json.dumps(info))


@pytest.fixture(params=SAVED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def graph(request) -> dict[str, Any]:
    if request.param == CONVERTED:
        return convert_workflow(saved(), model="mini").workflow
    return json.loads(request.param.read_text(encoding="utf-8"))


def ours(graph: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in graph["nodes"] if node["type"] in NODES]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_what_the_converter_knows_of_a_node_is_what_its_schema_says(kind):
    known = inputs_of(kind.type)
    widgets = [name for group in NODES[kind.type]["input"].values() for name in group if is_widget(*known[name])]

    assert [name for name, _, _ in kind.widgets] == widgets[: len(kind.widgets)]
    for name, type_, value in kind.widgets:
        assert type_ == known[name][0]
        assert name in snapshot.FILE_LISTS or value == default(*known[name]), name
    assert [(name, type_) for name, type_, *_ in kind.sockets] == [(name, known[name][0]) for name, *_ in kind.sockets]


def is_widget(kind: str, told: dict[str, Any]) -> bool:
    return kind in {*WIDGETS, "COMFY_DYNAMICCOMBO_V3"} and not told.get("forceInput")


def default(kind: str, told: dict[str, Any]) -> Any:
    first = told["options"][0] if told.get("options") else None
    return told.get("default", first["key"] if isinstance(first, dict) else first)


def test_every_graph_uses_nodes_of_the_pack_and_no_others_of_its_name(graph):
    assert ours(graph)
    assert [node["type"] for node in graph["nodes"] if "FOM" in node["type"] and node["type"] not in NODES] == []


def test_what_is_connected_has_a_type_that_the_input_takes(graph):
    types = {link[0]: link[5] for link in graph["links"]}
    for node in ours(graph):
        known = inputs_of(node["type"])
        for given in node["inputs"]:
            if given.get("link") is not None:
                wanted, _ = known[given["name"]]
                assert types[given["link"]] in wanted.split(","), f"{node['type']}.{given['name']}"


def test_outputs_come_in_the_order_and_with_the_types_of_the_node(graph):
    for node in ours(graph):
        found = [(output["name"], output["type"]) for output in node["outputs"]]
        known = list(zip(NODES[node["type"]]["output_name"], NODES[node["type"]]["output"], strict=True))
        assert found == known[: len(found)], node["type"]  # graphs from before lack the later ones


def test_every_required_input_has_a_value_or_a_connection(graph):
    for node in ours(graph):
        saved = node["widgets_values_named"]
        linked = {given["name"] for given in node["inputs"] if given.get("link") is not None}
        required = NODES[node["type"]]["input"]["required"]
        missing = [name for name in required if name not in saved and not any(has(name, link) for link in linked)]
        assert missing == [], node["type"]


def has(name: str, link: str) -> bool:
    return link == name or link.startswith(f"{name}.")


def test_every_saved_value_is_one_that_its_widget_allows(graph):
    for node in ours(graph):
        known = inputs_of(node["type"])
        for name, value in node["widgets_values_named"].items():
            kind, told = known[name]
            if kind in WIDGETS:
                assert isinstance(value, WIDGETS[kind]), f"{node['type']}.{name}: {value}"
            if "options" in told:
                keys = [option["key"] if isinstance(option, dict) else option for option in told["options"]]
                assert value in keys, f"{node['type']}.{name}: {value}"


def inputs_of(node_type: str) -> dict[str, Any]:
    """All inputs of a node by name, with those inside others: of every driver, and of every choice."""
    found: dict[str, Any] = {}
    for group in NODES[node_type]["input"].values():
        for name, (kind, *more) in group.items():
            told = more[0] if more else {}
            found[name] = (kind, told)
            if kind == "COMFY_AUTOGROW_V3":
                (inner,) = told["template"]["input"]["required"].values()
                found |= {f"{name}.{each}": inner for each in told["template"]["names"]}
            for option in told.get("options", ()) if kind == "COMFY_DYNAMICCOMBO_V3" else ():
                for inside in option["inputs"].values():
                    found |= {f"{name}.{each}": what for each, what in inside.items()}
    return found
