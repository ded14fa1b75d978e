"""Commands that are killed at random moments: no half result, nothing left after the next start, no earlier one lost.

``FOM_KILLS`` says how often each command is killed (default 5), ``FOM_KILLS_SEED`` when.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fom_core.backends.package import read_package
from fom_core.media import VideoReader, VideoWriter, write_picture
from fom_core.motion import load_motion
from fom_core.training.checkpoint import latest_checkpoint, load_checkpoint
from fom_core.weights.load import load_module, save_model
from tests.tiny_training import NETWORKS

from .lying import CONTENT, Talk, serving

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
KILLS, SEED = int(os.environ.get("FOM_KILLS", "5")), int(os.environ.get("FOM_KILLS_SEED", "0"))
TINY = (
    NETWORKS
    + """
train_params: {num_epochs: 12, batch_size: 2, num_repeats: 2, scales: [1], loss_weights: {perceptual: [1]}}
perceptual_widths: [4]
"""
)
DOWNLOAD = """
import sys
from pathlib import Path
from fom_core.weights.catalogue import Entry
from fom_core.weights.download import download
url, folder, size, checksum = sys.argv[1:]
file, home = "vox.pdparams", "https://example.org"
download(Entry("vox", "model", "Faces", file, "MIT", home, (url,), int(size), checksum), Path(folder))
"""


@dataclass
class Command:
    """What is run in ``folder``, the names it makes there, and a check that raises or fails unless all are whole.

    resumes: the command goes on with what is there, so that it is killed on its way to a first result only.
    """

    words: list[object]
    folder: Path
    results: list[str]
    check: Callable[[], object]
    resumes: bool = False

    def start(self) -> subprocess.Popen[bytes]:
        temporary = self.folder.parent / "system"
        temporary.mkdir(exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
        environment |= {"NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": ""}
        quiet = subprocess.DEVNULL
        return subprocess.Popen([sys.executable, *map(str, self.words)], stdout=quiet, stderr=quiet, env=environment)

    def run(self) -> float:
        """Run it to its end; seconds that took."""
        began = time.monotonic()
        assert self.start().wait(timeout=200) == 0
        return time.monotonic() - began

    def left(self) -> list[str]:
        """Names of hidden and temporary files and folders, wherever they lie, the system's folder included."""
        places = [self.folder, self.folder.parent / "system"]
        found = [path for place in places for path in place.rglob("*")]
        return sorted(str(path) for path in found if path.name.startswith(".") or ".fom-" in path.name or odd(path))


def odd(path: Path) -> bool:
    return path.suffix in {".tmp", ".part", ".old", ".lock", ".etag", ".incomplete"}


def children_of(folder: Path) -> list[str]:
    """Command lines of processes that work on a folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        lines += [words] if str(folder) in words else []
    return lines


def kill_often(command: Command) -> None:
    """Kill the command at random moments, from its first second to its end, and look at what is there."""
    choice = random.Random(SEED)
    lasts = command.run()
    command.check()
    others = command.left()  # such as a library's own file among the system's temporary ones
    assert not any(".fom-" in path for path in others)
    caught = remains = 0
    for number in range(KILLS):
        fresh = command.resumes or number % 2 == 1
        if fresh:
            for name in command.results:
                path = command.folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        process = command.start()
        time.sleep(choice.uniform(0.35, 1.0) * lasts)
        caught += process.poll() is None
        process.kill()
        process.wait()
        remains += command.left() != others
        there = [(command.folder / name).exists() for name in command.results]
        assert fresh or all(there)
        if all(there):
            command.check()
        deadline = time.monotonic() + 10
        while children_of(command.folder) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert children_of(command.folder) == []
        command.run()
        assert command.left() == others
        command.check()
    print(f"\n{command.folder.name}: {KILLS} kills, {caught} before the end, {remains} left something, all cleared")
    assert caught


@pytest.fixture
def model(tiny_model, tmp_path) -> Path:
    return save_model(tiny_model, tmp_path / "in" / "tiny.safetensors")


def whole_video(path: Path, frames: int) -> None:
    with VideoReader(path) as reader:
        assert sum(1 for _ in reader) == frames
        assert reader.has_audio


def test_animate(model, sound_clip, tmp_path):
    write_picture(tmp_path / "in" / "picture.png", np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8))
    sources = ["--source_image", tmp_path / "in" / "picture.png", "--driving_video", sound_clip, "--model", model]
    crops = ["--source_crop", "none", "--driving_crop", "none", "--image_size", 64, "--cpu"]
    words = ["-m", "fom_core", "animate", *sources, *crops, "--output", tmp_path / "animate" / "a.mp4"]
    check = lambda: whole_video(tmp_path / "animate" / "a.mp4", 60)  # noqa: E731
    kill_often(Command(words, tmp_path / "animate", ["a.mp4"], check))


def test_animate_into_numbered_pictures(model, sound_clip, tmp_path):
    write_picture(tmp_path / "in" / "picture.png", np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8))
    sources = ["--source_image", tmp_path / "in" / "picture.png", "--driving_video", sound_clip, "--model", model]
    crops = ["--source_crop", "none", "--driving_crop", "none", "--image_size", 64, "--cpu"]
    folder = tmp_path / "pictures" / "result"
    words = ["-m", "fom_core", "animate", *sources, *crops, "--output", folder / "f_%06d.png"]

    def check() -> None:
        with VideoReader(folder) as reader:
            assert sum(1 for _ in reader) == 60

    kill_often(Command(words, tmp_path / "pictures", ["result"], check))


@pytest.mark.parametrize("name", ["tiny.safetensors", "tiny.pth.tar"])
def test_convert(model, tmp_path, name):
    words = ["-m", "fom_core", "weights", "convert", model, tmp_path / "convert" / name]
    check = lambda: load_module(tmp_path / "convert" / name, device="cpu")  # noqa: E731
    kill_often(Command(words, tmp_path / "convert", [name], check))


def test_motion(model, sound_clip, tmp_path):
    path = tmp_path / "motion" / "m.safetensors"
    words = ["-m", "fom_core", "motion", sound_clip, "--output", path, "--driving_crop", "none", "--model", model]
    check = lambda: load_motion(path)  # noqa: E731
    kill_often(Command([*words, "--cpu"], tmp_path / "motion", [path.name], check))


def test_export(model, clip_file, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    folder = tmp_path / "export" / "tiny"
    words = ["-m", "fom_core", "export", model, "--output", folder, "--frames", clip_file]

    def check() -> None:
        package = read_package(folder)
        for part in package.parts.values():
            assert all((folder / file.file).stat().st_size > 1000 for file in part.files.values())

    kill_often(Command(words, tmp_path / "export", ["tiny"], check))


def test_train(clip, tmp_path):
    for split in ("train", "test"):
        (tmp_path / "in" / split).mkdir(parents=True)
        with VideoWriter(tmp_path / "in" / split / "blob.mp4", 25) as writer:
            writer.write(clip)
    (tmp_path / "in" / "tiny.yaml").write_text(TINY, encoding="utf-8")
    run = tmp_path / "train" / "run"
    model = run / "tiny.safetensors"
    words = ["-m", "fom_core", "train", tmp_path / "in", "--config", tmp_path / "in" / "tiny.yaml", "--output", run]

    def check() -> None:
        newest = latest_checkpoint(run / "1-tiny")
        assert newest is not None or not model.exists()
        if newest is not None:
            load_checkpoint(newest)
        if model.exists():
            load_module(model, device="cpu")

    kill_often(Command([*words, "--every", 2], tmp_path / "train", ["run"], check, resumes=True))
    assert model.exists()


def slowly(talk: Talk) -> None:
    start = talk.start or 0
    span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    status, place = ("206 Partial Content", {"Content_Range": span}) if start else ("200 OK", {})
    talk.head(status, Content_Length=len(CONTENT) - start, ETag='"1"', **place)
    for begin in range(start, len(CONTENT), 4000):
        talk.send(CONTENT[begin : begin + 4000])
        time.sleep(0.05)


def test_download(tmp_path):
    path = tmp_path / "download" / "vox.pdparams"

    def check() -> None:
        assert path.read_bytes() == CONTENT

    with serving(slowly) as liar:
        checksum = hashlib.sha256(CONTENT).hexdigest()
        words = ["-c", DOWNLOAD, f"{liar.url}/vox", path.parent, len(CONTENT), checksum]
        kill_often(Command(words, path.parent, [path.name], check, resumes=True))
        resumed = sum("range" in headers for headers in liar.asked)
    print(f"{resumed} of {len(liar.asked)} requests went on with a part")
