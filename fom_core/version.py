"""The version of this software, which stands in pyproject.toml and nowhere else."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "fom-face-animation"
_PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


@cache
def version() -> str:
    """Such as ``0.1.0``: of the checkout that this file lies in, as in ComfyUI, else of the installed package.

    "unknown" where neither tells.
    """
    if _PYPROJECT.is_file():
        text = _PYPROJECT.read_text(encoding="utf-8")
        found = re.search(r'^version = "([^"]+)"$', text, re.MULTILINE)
        if found and f'name = "{DISTRIBUTION}"' in text:  # beside an installed package may lie anybody's file
            return found[1]
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"
