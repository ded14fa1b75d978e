"""Graphs as ComfyUI's queue takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Prompt = dict[str, dict[str, Any]]
WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
EARLIER = Path(__file__).with_name("earlier")  # example workflows as they were before faces were composed
ASIDE = {"Note", "MarkdownNote"}
BUTTONS = {"IMAGEUPLOAD", "VIDEOUPLOAD"}  # widgets that are no inputs


def workflow(name: str, folder: Path = WORKFLOWS) -> Prompt:
    """One of the project's example workflows."""
    (file,) = [file for file in folder.glob("*.json") if named(file) == name]
    return to_prompt(json.loads(file.read_text(encoding="utf-8")))


def named(file: Path) -> str:
    """What tests call a workflow whose file has a title for people as its name."""
    return file.stem.lower().replace(" ", "_")


def to_prompt(saved: dict[str, Any]) -> Prompt:
    """A graph as the frontend saves it → a prompt. Knows what our workflows use: no subgraphs, reroutes or bypasses."""
    links = {link[0]: [str(link[1]), link[2]] for link in saved["links"]}
    prompt = {}
    for node in saved["nodes"]:
        if node["type"] in ASIDE:
            continue
        values = {given["name"]: value(node, given) for given in node["inputs"] if given["type"] not in BUTTONS}
        linked = {given["name"]: links[given["link"]] for given in node["inputs"] if given.get("link") is not None}
        inputs = {name: content for name, content in (values | linked).items() if content is not None}
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def value(node: dict[str, Any], given: dict[str, Any]) -> Any:
    """What a saved node's widget shows; None for an input without one."""
    return node["widgets_values_named"][given["widget"]["name"]] if "widget" in given else None


def of_type(prompt: Prompt, class_type: str) -> str:
    """The id of the only node of a type."""
    (found,) = [node for node, content in prompt.items() if content["class_type"] == class_type]
    return found


def add(prompt: Prompt, class_type: str, **inputs: Any) -> str:
    """Put one more node into a prompt; its id."""
    node = str(max(map(int, prompt), default=0) + 1)
    prompt[node] = {"class_type": class_type, "inputs": inputs}
    return node
