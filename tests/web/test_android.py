"""The app for Android, built where the tools are: what it holds, what it may do, and the page from its own files."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fom_core.media import VideoReader
from tests.web.conftest import WEB, Drive, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ANDROID = WEB.parent / "android"
TOOLS = ("javac", "aapt", "zipalign", "apksigner", "keytool")


@pytest.fixture(scope="session")
def app(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: see the head of {ANDROID / 'build.sh'}")
    folder = tmp_path_factory.mktemp("app")
    command = [str(ANDROID / "build.sh"), str(folder)]
    ended = subprocess.run(command, env={**os.environ, "PAGE": str(site)}, capture_output=True, text=True, check=False)
    if "is missing. Install" in ended.stderr or "no dexer" in ended.stderr:
        pytest.skip(ended.stderr.strip())
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "faces-in-motion.apk"


def test_the_app_is_whole_signed_and_has_no_way_to_the_network(app: Path):
    badging = run("aapt", "dump", "badging", app)

    assert "package: name='fom.faces'" in badging
    assert "launchable-activity: name='fom.faces.MainActivity'" in badging
    asked = [line for line in badging.splitlines() if line.startswith("uses-permission")]
    assert asked == ["uses-permission: name='android.permission.CAMERA'"]
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in run("apksigner", "verify", "--verbose", app)
    run("zipalign", "-c", "4", app)
    with zipfile.ZipFile(app) as held:
        names = set(held.namelist())
        assert held.getinfo("resources.arsc").compress_type == zipfile.ZIP_STORED
    assert {"classes.dex", "resources.arsc", "assets/index.html", "assets/data/mini/model.json"} <= names
    assert not [name for name in names if name.startswith("lib/")]


def test_the_page_runs_from_the_app_s_files_and_hands_its_recording_over(app: Path, drive: Drive, tmp_path: Path):
    with zipfile.ZipFile(app) as held:
        held.extractall(tmp_path / "held", [name for name in held.namelist() if name.startswith("assets/")])

    with served(tmp_path / "held" / "assets") as address:
        told = drive("app", url=address)

    assert "no way to the network" in told["kept"]
    assert (told["name"], told["type"]) == ("faces-in-motion-1.webm", "video/webm")
    with VideoReader(tmp_path / "recording.webm") as video:
        frames = [frame.astype(np.float32) for frame in video]
    assert max(float(np.abs(frames[0] - frame).mean()) for frame in frames) > 1


def run(*words: object) -> str:
    ended = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
