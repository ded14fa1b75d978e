"""What graphs hold on to of the pack's nodes, stored in object_info.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("object_info.json")
CONTRACT = ("input", "is_input_list", "output", "output_is_list", "output_name", "display_name", "output_node")
FREE_TO_CHANGE = {"tooltip", "min", "max", "step", "round", "advanced", "multiline", "multiselect", "display"}
FILE_LISTS = {"model_name", "config_name", "motion_name", "restorer"}  # their options are what is on the machine


def stored() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def skeleton(info: dict[str, Any]) -> dict[str, Any]:
    """What graphs hold on to, of a node as the frontend gets it."""
    return {name: bare(info[name]) for name in CONTRACT}


def bare(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return [bare(item, name) for item in value]
    if not isinstance(value, dict):
        return value
    left_out = FREE_TO_CHANGE | ({"options", "default"} if name in FILE_LISTS else set())
    return {key: bare(item, key) for key, item in value.items() if key not in left_out}
