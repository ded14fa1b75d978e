"""What ComfyUI-Manager runs after cloning."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install_script", ROOT / "install.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def commands(script, monkeypatch) -> list[list[str]]:
    """What would have been run; every command succeeds. The constraints stand at the end of each."""
    run: list[list[str]] = []

    def record(command, **_):
        constraints = command[command.index("--constraint") + 1]
        run.append([*command, *Path(constraints).read_text(encoding="utf-8").split()])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(script.subprocess, "run", record)
    monkeypatch.setattr(script, "found", lambda module: module == "pip")
    return run


def test_nothing_is_done_nor_said_where_opencv_can_be_imported(tmp_path):
    run = subprocess.run([sys.executable, ROOT / "install.py"], cwd=tmp_path, capture_output=True, check=False)

    assert (run.returncode, run.stdout) == (0, b"")


def test_opencv_is_installed_beside_the_numpy_and_torch_that_are_there(script, commands, monkeypatch, capsys):
    monkeypatch.setattr(script, "import_problem", lambda: "No module named 'cv2'")
    monkeypatch.setattr(script, "installed", {"numpy": "1.26.4", "torch": "2.6.0+cu124"}.get)
    monkeypatch.setattr(script.ctypes.util, "find_library", lambda name: "libGL.so.1")

    assert script.main() == 0

    assert commands[0][-3:] == ["opencv-python>=4.8", "numpy==1.26.4", "torch==2.6.0+cu124"]
    assert capsys.readouterr().out.splitlines() == ["Installed opencv-python>=4.8."]


def test_a_linux_without_a_display_gets_the_variant_that_needs_none(script, monkeypatch):
    monkeypatch.setattr(script.sys, "platform", "linux")
    monkeypatch.setattr(script.ctypes.util, "find_library", lambda name: None)

    assert script.wanted() == "opencv-python-headless>=4.8"


def test_no_second_opencv_is_laid_over_a_broken_one(script, commands, monkeypatch, capsys):
    monkeypatch.setattr(script, "import_problem", lambda: "libGL.so.1: cannot open shared object file")
    monkeypatch.setattr(script, "installed", lambda name: "4.11" if name == "opencv-contrib-python" else None)

    assert script.main() == 1

    assert commands == []
    assert "opencv-contrib-python is installed but cannot be imported (libGL" in capsys.readouterr().out


def test_requirements_that_comfyui_installs_line_by_line_name_no_opencv():
    assert "opencv" not in (ROOT / "requirements.txt").read_text(encoding="utf-8")
