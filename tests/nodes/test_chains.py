"""The graphs of docs/chains fit the nodes as their schemas have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.nodes.test_snapshot import NODES, WIDGETS, has, inputs_of

CHAINS = sorted((Path(__file__).resolve().parents[2] / "docs" / "chains").glob("*.json"))


@pytest.fixture(params=CHAINS, ids=lambda path: path.stem)
def prompt(request) -> dict[str, Any]:
    return json.loads(request.param.read_text(encoding="utf-8"))


def test_every_input_is_known_and_every_required_one_is_there(prompt):
    ours = [node for node in prompt.values() if node["class_type"] in NODES]

    assert len(ours) >= 4
    for node in ours:
        known, given = inputs_of(node["class_type"]), node["inputs"]
        missing = [
            name
            for name in NODES[node["class_type"]]["input"]["required"]
            if not any(has(name, each) for each in given)
        ]
        assert (missing, set(given) - set(known)) == ([], set()), node["class_type"]


def test_every_value_is_one_that_its_widget_allows(prompt):
    for node in prompt.values():
        known = inputs_of(node["class_type"]) if node["class_type"] in NODES else {}
        for name, value in node["inputs"].items():
            if isinstance(value, list):
                assert value[0] in prompt, f"{node['class_type']}.{name}"
                continue
            kind, told = known.get(name, ("", {}))
            assert isinstance(value, WIDGETS.get(kind, object)), f"{node['class_type']}.{name}: {value}"
            if "options" in told:
                keys = [option["key"] if isinstance(option, dict) else option for option in told["options"]]
                assert value in keys, f"{node['class_type']}.{name}: {value}"


def test_links_between_our_nodes_have_the_types_of_their_sockets(prompt):
    for node in prompt.values():
        for name, value in node["inputs"].items():
            origin = prompt[value[0]]["class_type"] if isinstance(value, list) else None
            if origin in NODES and node["class_type"] in NODES:
                given = NODES[origin]["output"][value[1]]
                assert given in inputs_of(node["class_type"])[name][0].split(","), f"{node['class_type']}.{name}"
