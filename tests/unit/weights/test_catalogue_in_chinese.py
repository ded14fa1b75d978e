"""The Chinese tooltips of ComfyUI's nodes list the weights as the catalogue does.

ComfyUI translates by file, so a change of the catalogue has to reach that file. ``FOM_UPDATE=1`` writes the lists anew,
with the titles and licences that ``catalogue_zh.json`` translates.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fom_core.weights.catalogue import Entry, catalogue, size_text

NODES = Path(__file__).resolve().parents[3] / "locales" / "zh" / "nodeDefs.json"
TRANSLATIONS = "tests/unit/weights/catalogue_zh.json"
TRANSLATED = json.loads(Path(__file__).with_name("catalogue_zh.json").read_text(encoding="utf-8"))
BULLET = "• "


def reach(entry: Entry) -> str:
    """How an entry comes to this machine; nothing for one that the catalogue cannot download."""
    if entry.embedded:
        return "已内置；"
    if not entry.urls:
        return ""
    size = "大小未公布" if entry.size is None else size_text(entry.size)
    return f"{size}；需要 facexlib 包；" if entry.name.startswith("retinaface") else f"{size}；"


def translated(text: str) -> str:
    assert text in TRANSLATED, f"translate {text!r} in {TRANSLATIONS}"
    return TRANSLATED[text]


def line(entry: Entry) -> str:
    return f"{entry.name}：{translated(entry.title)}；{reach(entry)}许可：{translated(entry.licence)}"


def restorer(entry: Entry) -> str:
    return f"{entry.file}：{entry.name}（{translated(entry.title)}）；{reach(entry)}许可：{translated(entry.licence)}"


LISTS: list[tuple[str, str, str, Callable[[Entry], str]]] = [
    ("LoadFOMModel", "model_name", "model", line),
    ("FOMDetectFaces", "detector", "face-detector", line),
    ("FOMAnimatePicture", "detector", "face-detector", line),
    ("FOMEnhanceFace", "restorer", "enhancer", restorer),
]


def test_every_title_and_licence_is_translated_and_no_other():
    shown = [entry for entry in catalogue().values() if entry.kind in {kind for _, _, kind, _ in LISTS}]
    texts = {text for entry in shown for text in (entry.title, entry.licence)}
    assert set(TRANSLATED) == texts, "translate what is new in catalogue_zh.json, and drop what is gone"


@pytest.mark.parametrize(("node", "name", "kind", "say"), LISTS, ids=[f"{node}.{name}" for node, name, *_ in LISTS])
def test_a_list_says_what_the_catalogue_says(node, name, kind, say):
    locale = json.loads(NODES.read_text(encoding="utf-8"))
    told = locale[node]["inputs"][name]["tooltip"].split("\n")
    entries = sorted((entry for entry in catalogue().values() if entry.kind == kind), key=to_be_had_first)
    expected = iter([BULLET + say(entry) for entry in entries])
    renewed = [next(expected, "") if text.startswith(BULLET) else text for text in told] + list(expected)
    if os.environ.get("FOM_UPDATE"):
        locale[node]["inputs"][name]["tooltip"] = "\n".join(filter(None, renewed))
        NODES.write_text(json.dumps(locale, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        assert told == renewed, "run with FOM_UPDATE=1, and look at the headings between the lines"


def to_be_had_first(entry: Entry) -> tuple[bool, bool]:
    """The embedded one first, then what can be downloaded; within these the catalogue's own order."""
    return not entry.embedded, not (entry.embedded or entry.urls)
