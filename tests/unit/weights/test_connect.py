"""How servers are reached: proxies of the environment, names that nobody knows, waits that servers ask for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time

import pytest

from fom_core.weights import connect
from fom_core.weights.connect import Broken, Pace, ask


@pytest.fixture
def proxy(monkeypatch) -> Iterator[tuple[str, list[str]]]:
    """The address of a proxy that the environment names, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"GET {self.path}")
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def do_CONNECT(self) -> None:
            asked.append(f"CONNECT {self.path}")
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setenv(name, address)
    yield address, asked
    server.shutdown()
    server.server_close()


def body(url: str) -> bytes:
    with Pace() as pace, ask(url, {}, pace) as response:
        return connect.read(response, 100, pace)


def test_the_environment_s_proxy_is_asked(proxy):
    assert body("http://weights.example.org/vox") == b"ok"
    assert proxy[1] == ["GET http://weights.example.org/vox"]


def test_https_goes_through_the_proxy_as_a_tunnel(proxy):
    with pytest.raises(Broken, match=r"by the proxy that the environment or system names broke .*403"):
        body("https://weights.example.org/vox")
    assert proxy[1] == ["CONNECT weights.example.org:443"]


def test_hosts_of_no_proxy_are_asked_themselves(proxy, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert body(f"{proxy[0]}/vox") == b"ok"
    assert proxy[1] == ["GET /vox"]


def test_a_proxy_that_is_not_there_is_named_as_the_cause(proxy, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(Broken, match="by the proxy that the environment or system names broke"):
        body("http://weights.example.org/vox")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:,a", "nonsense"])
def test_only_the_web_is_opened(url):
    with pytest.raises(Broken):
        body(url)


def test_a_machine_without_a_network_is_told_so(monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Broken, match=r"^weights.example.org cannot be looked up: this machine may be offline\.$"):
        body("http://weights.example.org/vox")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), (" 17 ", 17), (formatdate(0, usegmt=True), 0), ("-3", None), ("soon", None), ("", None), (None, None)],
)
def test_waits_are_read_in_seconds_and_as_dates(value, seconds):
    assert connect._wait_of(value) == seconds


def test_a_date_ahead_is_a_wait():
    wait_s = connect._wait_of(formatdate(time() + 100, usegmt=True))
    assert wait_s is not None
    assert 95 < wait_s <= 100
