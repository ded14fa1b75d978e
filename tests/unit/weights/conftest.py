"""Attacks that would leave a trace, for every reader of weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


class Attack:
    """Unpickled by a trusting reader, it calls ``function`` with ``arguments``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """The file that a successful attack creates."""
    return tmp_path / "trace"


@pytest.fixture(params=["system", "eval", "open"])
def attack(request: pytest.FixtureRequest, trace: Path) -> Attack:
    return {
        "system": Attack(os.system, f"touch '{trace}'"),
        "eval": Attack(eval, f"open({str(trace)!r}, 'w')"),
        "open": Attack(open, str(trace), "w"),
    }[request.param]
