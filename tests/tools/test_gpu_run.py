"""One call on a machine with a card, rehearsed on the processor: what travels, steps that fail, and what comes back."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fom_core.backends.load import load_model
from fom_core.backends.pytorch.model import PyTorchModel
from fom_core.files.paths import ASSETS
from fom_core.media import write_picture
from fom_core.training.checkpoint import load_checkpoint
from fom_core.weights.load import load_module
from tests.tiny_training import NETWORKS
from tools import gpu_checks
from tools.gpu_checks import is_beyond
from tools.gpu_pack import write_pack
from tools.gpu_run import LIMITS, ROOT, go, run_step

STAGE = """
train_params: {scales: [1], loss_weights: {perceptual: [1], l1: 10}, warm_up: 0}
stages:
  - {name: motion, steps: 1000, batch_size: 2}
  - {name: picture, steps: 3, batch_size: 2}
"""


@pytest.fixture
def clips(clip, tmp_path) -> Path:
    """Three people in an index, one under a licence that forbids learning from them, one to measure on."""
    rows = ["file,kind,split,identity,licence_class"]
    for name, split, licence in (
        ("anna", "train", "permissive"), ("bert", "train", "noncommercial"), ("carl", "val", "permissive"),
    ):  # fmt: skip
        write_picture(tmp_path / "clips" / f"{name}.png", np.concatenate(list(clip[:6]), axis=1))
        rows.append(f"{name}.png,video,{split},{name},{licence}")
    (tmp_path / "clips" / "index.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "clips"


def options(tmp_path: Path, clips: Path, steps: str, **changed: object) -> argparse.Namespace:
    (tmp_path / "tiny.yaml").write_text("name: tiny\n" + NETWORKS + STAGE)
    values = {
        "output": tmp_path / "out", "seconds": 300.0, "device": "cpu", "model": "mini",
        "config": tmp_path / "tiny.yaml",
        "clips": clips, "state": None, "yunet": tmp_path / "none.onnx", "mesh": tmp_path / "none.tflite",
        "matte": tmp_path / "none.tflite",
        "steps": steps.split(","),
    }  # fmt: skip
    return argparse.Namespace(**{**values, **changed})


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1] + ".part", "w") as file:
    file.write(str(os.getpid()))
os.replace(sys.argv[1] + ".part", sys.argv[1])
time.sleep(100)
"""
STARTS_IT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", sys.argv[1], sys.argv[2]])
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
print('{"a": 1}', flush=True)
time.sleep(float(sys.argv[3]))
sys.exit(3)
"""


def is_running(pid: int) -> bool:
    """Whether a process computes; one that has ended may still be listed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are told by Linux")
@pytest.mark.parametrize(("seconds", "status"), [(100, "out of time"), (0, "failed")])
def test_a_step_is_ended_with_all_it_started_even_what_does_not_listen(tmp_path, seconds, status):
    pid, log = tmp_path / "pid", tmp_path / "log.txt"
    command = [sys.executable, "-S", "-c", STARTS_IT, STUBBORN, str(pid), str(seconds)]

    step = run_step("second", command, 3.0, log, dict(os.environ))

    assert (step.status, step.figures) == (status, {"a": 1})
    assert step.seconds < 20, "the step itself ends when it is asked to"
    assert f"== second: {status}" in log.read_text()
    end = time.monotonic() + 5
    while is_running(int(pid.read_text())) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_running(int(pid.read_text()))


def test_what_runs_the_steps_needs_nothing_that_the_first_of_them_installs():
    without = "import sys; sys.modules['yaml'] = None; import tools.gpu_run"
    subprocess.run([sys.executable, "-c", without], check=True, cwd=ROOT)


@pytest.mark.slow
def test_a_failing_check_does_not_keep_the_training_from_coming_back(tmp_path, clips):
    status = go(options(tmp_path, clips, "look,core,train,collect", model="no-such-model"))

    results = {each["name"]: each for each in json.loads((tmp_path / "out" / "figures.json").read_text())}
    assert status == 1
    assert list(results) == list(LIMITS)
    assert results["core"]["status"] == "failed" and "no-such-model" in (tmp_path / "out" / "log.txt").read_text()
    assert results["train"]["status"] == results["collect"]["status"] == "ok"
    assert results["collect"]["figures"]["steps"] == 3, "of the last stage alone"
    assert load_module(tmp_path / "out" / "model.safetensors").config.image_size == (32, 32)
    with tarfile.open(tmp_path / "out" / "state.tar.0") as tar:
        tar.extractall(tmp_path / "back", filter="data")
    weights, state = load_checkpoint(tmp_path / "back" / "1-picture" / "step-000003")
    assert state["step"] == 3 and any(name.startswith("average.") for name in weights)


@pytest.mark.slow
def test_a_training_goes_on_from_the_state_that_came_back(tmp_path, clips):
    go(options(tmp_path, clips, "train,collect"))
    with tarfile.open(tmp_path / "out" / "state.tar.0") as tar:
        tar.extractall(tmp_path / "state", filter="data")
    text = (tmp_path / "tiny.yaml").read_text().replace("steps: 3", "steps: 5")
    (tmp_path / "longer.yaml").write_text(text)

    again = options(tmp_path, clips, "train,collect", state=tmp_path / "state", config=tmp_path / "longer.yaml")
    go(argparse.Namespace(**{**vars(again), "output": tmp_path / "again"}))

    assert "going on from step 3" in (tmp_path / "again" / "log.txt").read_text()
    results = json.loads((tmp_path / "again" / "figures.json").read_text())
    assert next(each for each in results if each["name"] == "collect")["figures"]["steps"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("check", ["look", "core", "compose", "graphs", "half"])
def test_the_processor_agrees_with_itself(tmp_path, clips, check):
    status = go(options(tmp_path, clips, check))

    results = {each["name"]: each for each in json.loads((tmp_path / "out" / "figures.json").read_text())}
    assert status == 0, (tmp_path / "out" / "log.txt").read_text()
    assert results[check]["figures"]


def test_a_card_that_records_nothing_fails_the_check(monkeypatch):
    monkeypatch.setattr(gpu_checks, "load_model", lambda name, device, dtype: load_model(name, device="cpu"))

    assert is_beyond("unrecorded", gpu_checks.graphs("mini", "cuda")["unrecorded"])
    assert not is_beyond("unrecorded", gpu_checks.graphs("mini", "cpu")["unrecorded"])


def test_what_is_composed_on_a_device_is_what_the_processor_generated(monkeypatch):
    made, asked = [], []
    generate = PyTorchModel.generate
    monkeypatch.setattr(PyTorchModel, "generate", lambda *each: made.append(generate(*each)) or made[-1])
    monkeypatch.setattr(gpu_checks, "moved", lambda generated, device: asked.append((generated, device)) or generated)

    figures = gpu_checks.compose("mini", "another")

    still, moving = made
    assert figures == {"composed_mean": 0.0}
    assert [device for _, device in asked] == ["cpu", "cpu", "another", "another"]
    assert all(found is wanted for (found, _), wanted in zip(asked, [still, moving] * 2, strict=True))


def test_figures_beyond_their_bounds_are_seen():
    assert not is_beyond("flow", 1e-4)
    assert is_beyond("flow", 1.0)
    assert is_beyond("flow", float("nan"))
    assert not is_beyond("card", "none")


def test_a_pack_of_what_is_not_there_is_refused_in_a_line(tmp_path, clips, capsys):
    given = {"wheels": None, "yunet": tmp_path / "yunet.onnx", "mesh": None, "matte": None, "state": None}
    for folder, wanted in ((tmp_path / "none", tmp_path / "none" / "index.csv"), (clips, tmp_path / "yunet.onnx")):
        args = argparse.Namespace(pack=tmp_path / "pack.tar", clips=folder, licence_class="permissive", **given)

        assert write_pack(args) == 1
        assert capsys.readouterr().err == f"Wanted {wanted}, and nothing is there. Check the path.\n"
        assert not args.pack.exists()


def test_a_pack_holds_the_code_the_clips_that_may_be_learnt_from_and_weights_to_start_from(tmp_path, clips):
    weights, mesh = ASSETS / "mini.safetensors", tmp_path / "face_landmark.tflite"
    mesh.write_bytes(b"a mesh")
    matte = tmp_path / "selfie_segmentation.tflite"
    matte.write_bytes(b"a matte")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "more-1-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("more.py", "NUMBER = 1\n" * 1000)
    args = argparse.Namespace(
        pack=tmp_path / "pack.tar", clips=clips, licence_class="permissive", state=weights, wheels=wheels, yunet=None,
        mesh=mesh,
        matte=matte,
    )  # fmt: skip

    status = write_pack(args)

    with tarfile.open(args.pack) as tar:
        names = set(tar.getnames())
        index = tar.extractfile("clips/index.csv")
        assert index is not None and b"anna" in (text := index.read()) and b"bert" not in text
        tar.extract("wheels/more-1-py3-none-any.whl", tmp_path / "there")
    with zipfile.ZipFile(tmp_path / "there" / "wheels" / "more-1-py3-none-any.whl") as wheel:
        assert wheel.read("more.py") == b"NUMBER = 1\n" * 1000
        assert wheel.getinfo("more.py").compress_type == zipfile.ZIP_STORED  # the pack's own compression is better
    assert status == 0
    assert {"fom_core/configs/mini.yaml", "pyproject.toml", "clips/video/anna.png", "state.safetensors"} <= names
    assert {"mesh.tflite", "matte.tflite"} <= set(names)
