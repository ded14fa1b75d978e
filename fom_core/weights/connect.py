"""Asks a server for a file: through the system's proxies, over redirects that keep to the web, in bounded time."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

TIMEOUT_S = 30  # without a byte
WINDOW_S = 60.0  # in which LEAST_BYTES have to come
LEAST_BYTES = 60_000
REDIRECTS = 8
LONGEST_WAIT_S = 60  # that a server may ask for
REDIRECTED, BUSY = {301, 302, 303, 307, 308}, {408, 425, 429, 500, 502, 503, 504}


class Broken(Exception):
    """A server that failed, by an HTTP ``status`` or otherwise.

    again: the same one may do better, after ``wait_s`` seconds where it said so.
    """

    def __init__(
        self, message: str, *, again: bool = False, wait_s: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.again, self.wait_s, self.status = again, wait_s, status


class Pace:
    """Cuts a connection that brings less than LEAST_BYTES in WINDOW_S; the head of an answer has as long."""

    def __init__(self) -> None:
        self.slow = False
        self._bytes = 0
        self._until = time.monotonic() + WINDOW_S
        self._over = threading.Event()
        self._socket: socket.socket | None = None  # a second handle: TLS takes the first one over
        self._lock = threading.Lock()

    def __enter__(self) -> Pace:
        threading.Thread(target=self._watch, name="fom-pace", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watched(None)

    def count(self, arrived: int) -> None:
        """Note bytes that came."""
        self._bytes += arrived
        if self._bytes >= LEAST_BYTES:
            self._bytes, self._until = 0, time.monotonic() + WINDOW_S

    def connected(self, *address: Any, **options: Any) -> socket.socket:
        """A connection that is under watch, in place of :func:`socket.create_connection`."""
        connection = socket.create_connection(*address, **options)
        self._watched(connection.dup())
        if self.slow:  # its time was over before it stood
            connection.close()
            raise OSError("too slow")
        return connection

    def _watched(self, connection: socket.socket | None) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = connection

    def _watch(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            if self._over.wait(left):
                return
        with self._lock:
            self.slow = True
            if self._socket is not None:
                with suppress(OSError):  # wakes whoever reads, by whichever handle
                    self._socket.shutdown(socket.SHUT_RDWR)


def ask(url: str, headers: Mapping[str, str], pace: Pace) -> http.client.HTTPResponse:
    """The server's answer 200 or 206, its body unread; nobody else it leads to is told who asks. Raises Broken."""
    address = url
    for _ in range(REDIRECTS):
        try:
            response = _opener(pace).open(urllib.request.Request(address, headers=dict(headers)), timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in REDIRECTED or not error.headers.get("Location"):
                    raise _refusal(error) from error
                before, address = address, _redirected(address, error.headers["Location"])
                if urllib.parse.urlsplit(before).netloc != urllib.parse.urlsplit(address).netloc:
                    headers = {name: value for name, value in headers.items() if name != "Authorization"}
                continue
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Broken(_why(error, pace, address)) from error
        if response.status in (http.client.OK, http.client.PARTIAL_CONTENT) and not pace.slow:
            return response
        response.close()
        if pace.slow:  # what was cut may look like a whole head
            raise Broken(_why(None, pace))
        raise Broken(f"the server answered {response.status} {response.reason} and no file.")
    raise Broken(f"it redirects more than {REDIRECTS} times.")


def read(response: http.client.HTTPResponse, count: int, pace: Pace) -> bytes:
    """What comes next, at most ``count`` bytes; nothing at the end. Raises Broken when the connection fails."""
    try:
        block = response.read1(count)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Broken(_why(error, pace)) from error
    if not block and pace.slow:
        raise Broken(_why(None, pace))
    pace.count(len(block))
    return block


def _opener(pace: Pace) -> urllib.request.OpenerDirector:
    """Opens http and https alone, and follows nothing by itself."""

    def under_watch(connection: Any) -> Any:
        connection._create_connection = pace.connected  # the one place before a proxy's answer and TLS
        return connection

    class Http(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(lambda *host, **options: under_watch(http.client.HTTPConnection(*host, **options)), req)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            context = ssl.create_default_context()
            return self.do_open(
                lambda *host, **options: under_watch(http.client.HTTPSConnection(*host, context=context, **options)),
                req,
            )

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        Http(),
        Https(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _redirected(address: str, location: str) -> str:
    """Where a redirect leads: to the web, and never from https to http. Raises Broken."""
    try:
        target = urllib.parse.urljoin(address, location)
        scheme = urllib.parse.urlsplit(target).scheme
    except ValueError as error:
        raise Broken(f"it redirects to an address that is none ({location[:100]!r}).") from error
    if scheme != "https" and scheme != urllib.parse.urlsplit(address).scheme:
        raise Broken(f"it redirects to {scheme}:, and only https is followed.")
    return urllib.parse.quote(target, safe=":/?#[]@!$&'()*+,;=%~")


def _refusal(error: urllib.error.HTTPError) -> Broken:
    message = f"the server answered {error.code} {error.reason}."
    if error.code not in BUSY:
        return Broken(message, status=error.code)
    wait_s = _wait_of(error.headers.get("Retry-After"))
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        return Broken(f"{message[:-1]}, and asks for {wait_s:.0f} s of patience.")
    return Broken(message, again=True, wait_s=wait_s)


def _wait_of(value: str | None) -> float | None:
    """Seconds that a Retry-After asks for, in seconds or as a date; None where it says nothing that makes sense."""
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    with suppress(ValueError, TypeError):
        when = parsedate_to_datetime(value)
        when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
        return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())
    return None


def _why(error: Exception | None, pace: Pace, address: str = "") -> str:
    if pace.slow:
        return f"it brings less than {LEAST_BYTES / 1000:g} kB in {WINDOW_S:g} s."
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, socket.gaierror):
        return f"{urllib.parse.urlsplit(address).hostname} cannot be looked up: this machine may be offline."
    text = " ".join(str(reason).split())[:200] or type(reason).__name__
    proxy = ""
    with suppress(ValueError):
        proxy = urllib.request.getproxies().get(urllib.parse.urlsplit(address).scheme, "") if address else ""
    through = " by the proxy that the environment or system names" if proxy else ""
    return f"the connection{through} broke ({text})."
