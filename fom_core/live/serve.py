"""The picture on a page of this machine: MJPEG by the standard library's web server, on loopback alone.

Other pages of the browser must not steer it or see it: requests must name this machine, what changes something must
carry the page's token, and the browser is told to let no other page embed the picture.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import select
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from ..errors import UsageError
from ..files.paths import ASSETS
from ..media.packets import labelled
from .run import Command, Controls

log = logging.getLogger(__name__)
HOST, NAMES = "127.0.0.1", ("127.0.0.1", "localhost")
PAGE = ASSETS / "live.html"
QUALITY = 90  # of JPEG
MOST_PORT = 65535
MOST_WATCHING = 8
PATIENCE_S = 10.0  # with a browser that takes nothing, and for a frame until it is seen whether the browser is there
BOUNDARY = "frame"
PRESSED: dict[str, Command] = {"/next": "next", "/previous": "previous", "/calibrate": "calibrate"}


class _Newest:
    """The newest frame as JPEG, encoded only while somebody watches, and the state."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._picture: np.ndarray | None = None
        self._jpeg = b""
        self._number = self.watching = 0
        self.closed = False
        self.state = ""

    def put(self, picture: np.ndarray, state: str) -> None:
        jpeg = _encoded(picture) if self.watching else b""
        with self._changed:
            self._picture, self._jpeg, self.state = picture, jpeg, state
            self._number += 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def after(self, number: int) -> tuple[int, bytes] | None:
        """The newest frame that is later than this number, and its own; None where none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number or self.closed, PATIENCE_S)
            if self.closed or self._number <= number or self._picture is None:
                return None
            number, picture, jpeg = self._number, self._picture, self._jpeg
        return number, jpeg or _encoded(picture)

    def watch(self, by: int) -> bool:
        """Count somebody who comes (1) or goes (-1); False where there are too many."""
        with self._changed:
            if by > 0 and self.watching >= MOST_WATCHING:
                return False
            self.watching += by
            return True


class Page:
    """A page at http://127.0.0.1:PORT/ with the picture, its rate and latency, and buttons.

    port:   0 for any that is free.
    Raises UsageError for a port that cannot be had.
    """

    def __init__(self, controls: Controls, port: int) -> None:
        if not 0 <= port <= MOST_PORT:
            raise UsageError(f"Ports are numbers from 0 to {MOST_PORT}; got {port}. Choose another for --serve.")
        self._newest = _Newest()
        self._token = secrets.token_urlsafe(24)
        try:
            self._server = _Server(
                (HOST, port), partial(_Handler, newest=self._newest, controls=controls, token=self._token)
            )
        except OSError as error:
            raise UsageError(
                f"Port {port} of this machine cannot be had ({error.strerror or error}). Choose another for --serve."
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="fom-page", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._server.server_port}/"

    def show(self, frame: np.ndarray, captured_s: float, state: str) -> None:
        self._newest.put(frame, state)

    def close(self) -> None:
        """Let those who watch go, and give the port back."""
        self._newest.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever watched may be gone at any time; all else is a fault."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.error("The page could not answer a request (%s: %s).", type(error).__name__, error)
            log.debug("where it failed:", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S

    def __init__(self, *arguments: Any, newest: _Newest, controls: Controls, token: str) -> None:
        self._newest, self._controls, self._token = newest, controls, token
        super().__init__(*arguments)

    def do_GET(self) -> None:
        place = urlsplit(self.path).path
        answers = {
            "/": self._page,
            "/stream": partial(self._watched, self._stream),
            "/frame.jpg": partial(self._watched, self._picture),
            "/state": self._state,
        }
        if not self._is_ours():
            self._refuse(HTTPStatus.FORBIDDEN)
        elif place in answers:
            answers[place]()
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        place = urlsplit(self.path).path
        given = self.headers.get("X-FOM-Token", "").encode()
        if not self._is_ours() or not hmac.compare_digest(given, self._token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN)
        elif place in PRESSED:
            self._controls.press(PRESSED[place])
            self._answer(b"", "text/plain")
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for every request would bury the others."""

    def _is_ours(self) -> bool:
        """Whether a request names this machine, as no page of elsewhere can, and comes from no other page."""
        port = self.server.server_port  # type: ignore[attr-defined]
        hosts = {f"{name}:{port}" for name in NAMES} | ({*NAMES} if port == 80 else set())
        origin = self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "none")
        own = origin is None or origin in {f"http://{host}" for host in hosts}
        return self.headers.get("Host", "") in hosts and own and site in ("none", "same-origin")

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        page = PAGE.read_text(encoding="utf-8").replace("{{token}}", self._token).replace("{{nonce}}", nonce)
        policy = (
            f"default-src 'none'; img-src 'self'; connect-src 'self'; script-src 'nonce-{nonce}'; "
            f"style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self._answer(page.encode(), "text/html; charset=utf-8", policy)

    def _state(self) -> None:
        self._answer(json.dumps({"state": self._newest.state}).encode(), "application/json")

    def _watched(self, answer: Callable[[], None]) -> None:
        """Answer with pictures, unless so many are watching already."""
        if not self._newest.watch(1):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        try:
            answer()
        except OSError:  # whoever watched is gone
            self.close_connection = True
        finally:
            self._newest.watch(-1)

    def _picture(self) -> None:
        newest = self._newest.after(0)
        if newest is None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._answer(newest[1], "image/jpeg")

    def _stream(self) -> None:
        """Pictures until the page is closed, however long none comes, or until whoever watches is gone."""
        self._head(HTTPStatus.OK, f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        number = 0
        while not self._newest.closed:
            newest = self._newest.after(number)
            if newest is None:
                if self._is_gone():
                    break
                continue
            number, jpeg = newest
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")

    def _is_gone(self) -> bool:
        """Whether the browser has closed the connection; it says nothing more on one that lasts."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def _answer(self, body: bytes, kind: str, policy: str = "default-src 'none'; frame-ancestors 'none'") -> None:
        self._head(HTTPStatus.OK, kind, len(body), policy)
        with suppress(OSError):
            self.wfile.write(body)

    def _refuse(self, status: HTTPStatus) -> None:
        body = f"{status.phrase}\n".encode()
        self._head(status, "text/plain", len(body))
        with suppress(OSError):
            self.wfile.write(body)

    def _head(
        self, status: HTTPStatus, kind: str, length: int | None = None, policy: str = "default-src 'none'"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()


def _encoded(picture: np.ndarray) -> bytes:
    """A frame (H, W, 3) RGB as JPEG that says that it is synthetic."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done  # of bytes in memory nothing can fail
    return labelled(data.tobytes(), ".jpg", picture.shape)
