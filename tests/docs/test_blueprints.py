"""The blueprints are what their script makes of the example workflows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "make_blueprints.py"


def test_blueprints_are_made_of_todays_workflows(monkeypatch):
    spec = importlib.util.spec_from_file_location("make_blueprints", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, script)  # dataclasses ask for it
    spec.loader.exec_module(script)

    expected = {f"{blueprint.name}.json": script.text_of(blueprint) for blueprint in script.BLUEPRINTS}
    found = {path.name: path.read_text(encoding="utf-8") for path in script.FOLDER.iterdir()}
    assert found == expected, "run: python docs/make_blueprints.py"
