"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference results and real media; tests that need it skip without it."""
    path = Path(os.environ.get("FOM_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"reference data not found at {path}; set FOM_SHARED to its folder")
    return path
