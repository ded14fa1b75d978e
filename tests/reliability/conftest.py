"""A real ComfyUI for long: hundreds of prompts, cancelled ones among them.

All tests here are slow and need ComfyUI, see tests/comfyui/conftest.py. ``FOM_RUNS`` is the number of prompts in a row
(200), ``FOM_CANCELS`` that of cancelled ones (20).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.conftest import checkout, install_pack, python
from tests.comfyui.server import PACK, Server
from tests.reliability.host_state import Watched

__all__ = ["checkout", "install_pack", "python"]
HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.comfyui)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def watched(
    checkout: Path, python: str, install_pack: Any, ffmpeg: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """ComfyUI with the pack, of which is told what it holds; its temporary files lie in a folder of its own."""
    base = tmp_path_factory.mktemp("comfyui")
    install_pack(base, PACK)
    temporary = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        with Server(checkout, python, base) as server:
            source = base / "input" / "fom_driving.mp4"
            for frames in (4, 60):
                clip = base / "input" / f"{frames}.mp4"
                ffmpeg("-i", source, "-frames:v", frames, "-an", "-c", "copy", clip)
            yield Watched(server, temporary)
