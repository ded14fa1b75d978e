"""A real ComfyUI as a child process, spoken to over HTTP and its websocket. Standard library only."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACK = "ComfyUI-FOM"  # the folder that `git clone` makes
START_S = 240
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
TROUBLE = re.compile(r"IMPORT FAILED|Traceback|^\[(ERROR|CRITICAL)\]|^\[WARNING\].*[Ff][Oo][Mm]", re.MULTILINE)
NOWHERE = "http://127.0.0.1:9"  # a proxy that is not there: nothing is downloaded
FOLDERS = ("custom_nodes", "input", "models", "output", "temp", "user")


class Refused(Exception):
    """ComfyUI did not take a prompt. The text is its answer."""


class NodeFailed(Exception):
    """A node turned red; its type and the sentence that ComfyUI shows on it."""

    def __init__(self, node_type: str, sentence: str, kind: str) -> None:
        super().__init__(f"{node_type}: {sentence}")
        self.node_type, self.sentence, self.kind = node_type, sentence.strip(), kind


@dataclass(frozen=True)
class Finished:
    """What a prompt left: its files by node id, and the ids of the nodes whose results came from the cache."""

    outputs: dict[str, Any]
    cached: set[str]
    files: dict[str, list[Path]]
    texts: dict[str, list[str]]


def command(checkout: Path, python: str, base: Path, port: int) -> list[str]:
    """How ComfyUI is started here: on the CPU, without a browser, everything it writes in ``base``."""
    options = ["--cpu", "--disable-auto-launch", "--disable-api-nodes", "--listen", "127.0.0.1", "--port", str(port)]
    storage = ["--base-directory", str(base), "--database-url", "sqlite:///:memory:"]
    return [python, str(checkout / "main.py"), *options, *storage]


def environment() -> dict[str, str]:
    """Ours without what would lead ComfyUI to this project's folder or to weights of this machine, and offline."""
    own = {"PYTHONPATH", "PYTEST_CURRENT_TEST"}
    extra = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "FOM_MODELS": "/nonexistent"}
    offline = {"HF_HUB_OFFLINE": "1", "http_proxy": NOWHERE, "https_proxy": NOWHERE, "no_proxy": "127.0.0.1"}
    return {name: value for name, value in os.environ.items() if name not in own} | extra | offline


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """ComfyUI on a free port of this machine, for as long as the ``with`` block lasts.

    base:      its folder; packs are to be put into ``base / "custom_nodes"`` before it starts.
    start_log: what it printed until it answered.
    """

    checkout: Path
    python: str
    base: Path
    port: int = field(default_factory=free_port)
    start_log: str = ""
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        for name in FOLDERS:
            (self.base / name).mkdir(exist_ok=True)
        with (self.base / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                command(self.checkout, self.python, self.base, self.port),
                cwd=self.base,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._await_start()
            self.start_log = self.log
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        for end, patience_s in ((signal.SIGINT, 10), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            self._process.send_signal(end)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
                return

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that ComfyUI has printed, without colours."""
        return COLOUR.sub("", (self.base / "server.log").read_text(encoding="utf-8", errors="replace"))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def memory_mb(self) -> float:
        """Resident memory of the process, from Linux's /proc."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def ask(self, path: str, data: Any = None, timeout_s: float = 60) -> Any:
        """GET, or POST of JSON; the answer's JSON. Raises Refused with the answer's text."""
        text = self.fetch(path, None if data is None else json.dumps(data).encode(), timeout_s)
        return json.loads(text) if text.strip() else None

    def fetch(self, path: str, body: bytes | None = None, timeout_s: float = 60) -> bytes:
        """What stands at an address. Raises Refused."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        # Without proxies: the server is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout_s) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code}: {error.read().decode('utf-8', 'replace')}") from None

    def submit(self, prompt: dict[str, Any], client: str = "tests") -> str:
        """Queue a prompt; its id. Raises Refused, also where ComfyUI would run a part of it."""
        answer = self.ask("/prompt", {"prompt": prompt, "client_id": client})
        if answer.get("node_errors"):
            raise Refused(json.dumps(answer["node_errors"]))
        return answer["prompt_id"]

    def finish(self, prompt_id: str, timeout_s: float = 600) -> Finished:
        """Wait for a prompt's end. Raises NodeFailed, InterruptedError."""
        until = time.monotonic() + timeout_s
        while not (entry := self.ask(f"/history/{prompt_id}").get(prompt_id)):
            assert self._process is not None and self._process.poll() is None, self.log[-4000:]
            assert time.monotonic() < until, f"not finished after {timeout_s} s\n{self.log[-4000:]}"
            time.sleep(0.1)
        told = dict(entry["status"]["messages"])
        if "execution_error" in told:
            error = told["execution_error"]
            raise NodeFailed(error["node_type"], error["exception_message"], error["exception_type"])
        if "execution_interrupted" in told:
            raise InterruptedError
        return self._finished(entry["outputs"], told)

    def run(self, prompt: dict[str, Any], timeout_s: float = 600) -> Finished:
        return self.finish(self.submit(prompt), timeout_s)

    def _finished(self, outputs: dict[str, Any], told: dict[str, Any]) -> Finished:
        files: dict[str, list[Path]] = {}
        texts: dict[str, list[str]] = {}
        for node, output in outputs.items():
            shown = [item for items in output.values() if isinstance(items, list) for item in items]
            found = [item for item in shown if isinstance(item, dict) and "filename" in item]
            files[node] = [self.base / item["type"] / item["subfolder"] / item["filename"] for item in found]
            texts[node] = [item for item in shown if isinstance(item, str)]
        return Finished(outputs, set(told.get("execution_cached", {}).get("nodes", [])), files, texts)

    def _await_start(self) -> None:
        until = time.monotonic() + START_S
        while True:
            assert self._process is not None and self._process.poll() is None, self.log[-4000:]
            assert time.monotonic() < until, f"not up after {START_S} s\n{self.log[-4000:]}"
            with contextlib.suppress(OSError):
                self.ask("/system_stats", timeout_s=5)
                return
            time.sleep(0.3)


class Listener:
    """Collects what ComfyUI tells a client over the websocket: (type, data) of messages, and the sizes of previews."""

    def __init__(self, server: Server, client: str) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.previews: list[tuple[float, int]] = []
        self._socket = socket.create_connection(("127.0.0.1", server.port))
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = [f"GET /ws?clientId={client} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        self._socket.sendall("\r\n".join(lines).encode())
        self._stream = self._socket.makefile("rb")
        while self._stream.readline().strip():
            pass
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError, struct.error):
            while True:
                kind, length = struct.unpack("!BB", self._stream.read(2))
                if length >= 126:
                    length = struct.unpack(
                        "!H" if length == 126 else "!Q", self._stream.read(2 if length == 126 else 8)
                    )[0]
                content = self._stream.read(length)
                if kind & 15 == 1:
                    message = json.loads(content)
                    self.messages.append((message["type"], message["data"]))
                elif kind & 15 == 2:
                    self.previews.append((time.monotonic(), length))
