"""A real ComfyUI with the pack in it, on the CPU, in a temporary folder.

``COMFYUI_PATH`` names a checkout of ComfyUI, and pytest runs in ComfyUI's Python (or ``COMFYUI_PYTHON`` names that);
without the first, all tests here skip.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.server import PACK, Server

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "output", "runs", "tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.comfyui)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of ComfyUI."""
    named = os.environ.get("COMFYUI_PATH")
    if not named:
        pytest.skip("set COMFYUI_PATH to a checkout of ComfyUI, and run pytest with ComfyUI's Python")
    path = Path(named).resolve()
    if not (path / "main.py").is_file():
        pytest.skip(f"COMFYUI_PATH names {path}, where there is no main.py of ComfyUI")
    return path


@pytest.fixture(scope="session")
def python() -> str:
    """The Python that has ComfyUI's packages and ours."""
    return os.environ.get("COMFYUI_PYTHON", sys.executable)


@pytest.fixture(scope="session")
def install_pack() -> Callable[[Path, str], Path]:
    """Copies the pack into a base folder's custom_nodes under a name, as `git clone` does."""

    def install(base: Path, name: str) -> Path:
        return Path(shutil.copytree(ROOT, base / "custom_nodes" / name, ignore=LEFT_OUT))

    return install


@pytest.fixture(scope="session")
def server(
    checkout: Path, python: str, install_pack: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """ComfyUI with the pack, nodes that make unusual pictures, and small networks, started once for all tests."""
    base = tmp_path_factory.mktemp("comfyui")
    install_pack(base, PACK)
    for helper in ("unusual_nodes.py", "small_networks.py"):
        shutil.copy(HERE / helper, base / "custom_nodes")
    with Server(checkout, python, base) as running:
        yield running


@pytest.fixture(scope="session")
def object_info(server: Server) -> dict[str, Any]:
    """The pack's nodes as the frontend gets them, by id."""
    everything = server.ask("/object_info")
    return {name: info for name, info in everything.items() if info["python_module"].endswith(PACK)}
