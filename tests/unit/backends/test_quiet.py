"""The runtimes report to nobody: nothing in the user's home, no host looked up, and nobody's settings changed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fom_core.backends import quiet

ROOT = Path(__file__).resolve().parents[3]
RUN = """
import os, socket, stat, sys
seen = []
sys.addaudithook(lambda event, arguments: seen.append(event) if event.startswith("socket.") else None)
from pathlib import Path
from fom_core.backends import open_exported
import torch
model = open_exported(Path(sys.argv[2]), sys.argv[1])
model.detect_keypoints(torch.rand(1, 3, *model.config.image_size))
import time
time.sleep(0.5)
folder = "/proc/self/fd"
descriptors = [f"{folder}/{name}" for name in os.listdir(folder)] if os.path.isdir(folder) else []
opened = [path for path in descriptors if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode)]
print(seen, opened, "ORT_DISABLE_TELEMETRY" in os.environ)
"""


@pytest.fixture
def environment(tmp_path, monkeypatch) -> dict[str, str]:
    """One with empty folders for everything, as outside a continuous integration."""
    places = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "LOCALAPPDATA")}
    for place in places.values():
        place.mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", quiet.SWITCH)}
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**kept, **{name: str(place) for name, place in places.items()}, "PYTHONPATH": paths}


@pytest.mark.parametrize(("backend", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_run_leaves_nothing_and_asks_nobody(exported, environment, tmp_path, backend, package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed")

    done = subprocess.run(
        [sys.executable, "-c", RUN, backend, str(exported)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["[] [] False"]), done.stderr
    left = [path for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME") for path in (tmp_path / name).rglob("*")]
    assert left == []


def test_what_somebody_has_set_stands(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(quiet, "import_module", lambda name: seen.append((name, os.environ.get(quiet.SWITCH))))
    monkeypatch.delenv(quiet.SWITCH, raising=False)
    quiet.import_onnxruntime()
    assert quiet.SWITCH not in os.environ
    monkeypatch.setenv(quiet.SWITCH, "0")
    quiet.import_onnxruntime()
    assert seen == [("onnxruntime", "1"), ("onnxruntime", "0")]
    assert os.environ[quiet.SWITCH] == "0"


def test_openvinos_reporter_is_away_unless_the_user_has_answered_it(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(quiet, "import_module", lambda name: seen.append(sys.modules.get(quiet.REPORTER, "as it is")))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.delitem(sys.modules, quiet.REPORTER, raising=False)
    quiet.import_openvino()
    assert quiet.REPORTER not in sys.modules
    for folder in ("intel", "Intel Corporation"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / quiet.REPORTER).write_text("1")
    quiet.import_openvino()
    assert seen == [None, "as it is"]
