"""The page's own tests, of its arithmetic against numbers that this code computed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.web.conftest import WEB


def test_the_page_computes_what_python_computes():
    if not (shutil.which("npm") and (WEB / "node_modules" / "vitest").is_dir()):
        pytest.skip("needs Node, and `npm ci` in deploy/web")

    ended = subprocess.run(["npm", "test"], cwd=WEB, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
