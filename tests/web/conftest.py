"""The built page, served on this machine, and a browser to drive it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fom_core.files.paths import ASSETS

WEB = Path(__file__).resolve().parents[2] / "deploy" / "web"
DATA = WEB / "public" / "data"
SCRIPT = Path(__file__).with_name("drive_page.mjs")
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
Drive = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def site(browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, built anew from the source; its model and pictures are made if they are not there."""
    pytest.importorskip("skimage", reason="the page's portrait comes from scikit-image (extra demo)")
    if not (WEB / "node_modules" / "vite").is_dir():
        pytest.skip(f"the page's packages are missing: run `npm ci` in {WEB}")
    if not _newer(DATA / "mini" / "generator.int8.onnx", ASSETS / "mini.safetensors"):
        for module in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(module)
        words = ["export", "mini", "--output", str(DATA / "mini"), "--precision", "int8"]
        _run([sys.executable, "-m", "fom_core", *words])
    if not _newer(DATA / "icon.svg", *ASSETS.glob("*.safetensors"), WEB / "tools" / "assets.py"):
        _run([sys.executable, str(WEB / "tools" / "assets.py"), str(DATA)])
    folder = tmp_path_factory.mktemp("site")
    _run(["npm", "run", "build", "--", "--outDir", str(folder), "--emptyOutDir"])
    return folder


@pytest.fixture(scope="session")
def url(site: Path) -> Iterator[str]:
    """Where the page is served, isolated from other origins so that WebAssembly may have threads."""
    with served(site, _Isolated) as address:
        yield address


@pytest.fixture
def drive(url: str, browser: dict[str, str], tmp_path: Path) -> Drive:
    """Plays a scenario of drive_page.mjs with these files; what it tells has no errors and no foreign requests."""

    def play(scenario: str, *files: object, url: str = url) -> dict[str, Any]:
        command = ["node", str(SCRIPT), url, scenario, str(tmp_path), *map(str, files)]
        ended = subprocess.run(command, env=browser, capture_output=True, text=True, timeout=400, check=False)
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout.splitlines()[-1])
        assert (told["console"], told["raised"], told["foreign"]) == ([], [], [])
        return told

    return play


@contextmanager
def served(folder: Path, handler: type[PlainHost] | None = None) -> Iterator[str]:
    """The address at which a folder's files are served until the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler or PlainHost, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class PlainHost(SimpleHTTPRequestHandler):
    """A host that sends files and no headers of its own."""

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        return TYPES.get(Path(path).suffix) or super().guess_type(path)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Isolated(PlainHost):
    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


def _newer(made: Path, *sources: Path) -> bool:
    return made.is_file() and all(made.stat().st_mtime >= source.stat().st_mtime for source in sources)


def _run(command: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(WEB.parents[1]), os.environ.get("PYTHONPATH", "")])}
    ended = subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
