"""The page's own arithmetic is tested against numbers that this code computed; here against the code of today."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

WEB = Path(__file__).resolve().parents[2] / "deploy" / "web"


def test_the_stored_fixtures_are_what_the_code_computes():
    stored = json.loads((WEB / "tests" / "fixtures.json").read_text(encoding="utf-8"))
    computed = json.loads(json.dumps(load_tool("fixtures").fixtures()))

    pictures = [(stored.pop("crops"), computed.pop("crops"))]
    pictures += [
        (case.pop("composed"), again.pop("composed"))
        for case, again in zip(stored["composed"], computed["composed"], strict=True)
    ]
    flows = stored.pop("composed"), computed.pop("composed")

    assert_alike(stored, computed, 1e-5)
    assert_alike(*flows, 2e-4)  # they are stored with four digits
    for pair in pictures:
        assert_alike(*pair, 1)  # a grey level: OpenCV's versions round differently


def assert_alike(stored: Any, computed: Any, tolerance: float) -> None:
    """Equal but for numbers that differ a little."""
    if isinstance(stored, dict):
        assert stored.keys() == computed.keys()
        for key in stored:
            assert_alike(stored[key], computed[key], tolerance)
    elif isinstance(stored, list) and any(isinstance(item, (list, dict)) for item in stored):
        assert len(stored) == len(computed)
        for left, right in zip(stored, computed, strict=True):
            assert_alike(left, right, tolerance)
    elif isinstance(stored, (list, int, float)) and not isinstance(stored, bool):
        np.testing.assert_allclose(computed, stored, atol=tolerance, rtol=0)
    else:
        assert stored == computed


def load_tool(name: str) -> Any:
    """A script of the page's tools as a module."""
    spec = importlib.util.spec_from_file_location(name, WEB / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
