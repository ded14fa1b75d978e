"""Servers that do not do what they say: one function for each way, over a plain socket."""

from __future__ import annotations

import pickle
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate

import numpy as np

CONTENT = pickle.dumps({"generator": {"w": np.arange(30_000, dtype=np.float32)}}, 4)
OTHER = pickle.dumps({"generator": {"w": np.arange(1, 30_001, dtype=np.float32)}}, 4)
SIZE = len(CONTENT)
HALF = SIZE // 2
assert len(OTHER) == SIZE


@dataclass
class Talk:
    """One request, and a way to answer it byte by byte. ``number`` counts the requests from 0."""

    connection: socket.socket
    headers: dict[str, str]
    path: str
    number: int
    url: str

    @property
    def start(self) -> int | None:
        """The first byte that was asked for; None for the whole file."""
        wanted = self.headers.get("range", "")
        return int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else None

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def head(self, status: str, **headers: object) -> None:
        """The head of an answer; underscores of names are hyphens."""
        lines = [f"HTTP/1.1 {status}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def whole(self, content: bytes = CONTENT, **headers: object) -> None:
        self.head("200 OK", Content_Length=len(content), **headers)
        self.send(content)

    def honest(self, content: bytes = CONTENT, limit: int | None = None, **headers: object) -> None:
        """What a good server does, but for closing after ``limit`` bytes."""
        start = self.start
        if start is None:
            self.head("200 OK", Content_Length=len(content), **headers)
            self.send(content[:limit])
        elif start >= len(content):
            self.head("416 Range Not Satisfiable", Content_Length=0)
        else:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.head("206 Partial Content", Content_Length=len(content) - start, Content_Range=span, **headers)
            self.send(content[start:][:limit])

    def drip(self, byte: bytes = b"\0") -> None:
        """A byte now and then, until the other side has had enough."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.send(byte)
            time.sleep(0.02)


Lie = Callable[[Talk], None]


@dataclass
class Liar:
    """A running server: its address, and what it was asked."""

    url: str
    asked: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def serving(lie: Lie) -> Iterator[Liar]:
    """A server on this machine that answers every request by ``lie``."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            text = b""
            while b"\r\n\r\n" not in text:
                if not (more := self.request.recv(65536)):
                    return
                text += more
            first, *lines = text.decode("latin-1").split("\r\n\r\n", maxsplit=1)[0].split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            with lock:
                number = len(liar.asked)
                liar.asked.append(headers)
            with suppress(OSError):
                lie(Talk(self.request, headers, first.split()[1], number, liar.url))

    lock = threading.Lock()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler, bind_and_activate=True)
    server.daemon_threads, server.block_on_close = True, False
    liar = Liar(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()


def range_never_right(talk: Talk) -> None:
    talk.head("416 Range Not Satisfiable", Content_Length=0)


def range_not_right_for_the_rest(talk: Talk) -> None:
    talk.whole() if talk.start is None else range_never_right(talk)


def no_length(talk: Talk) -> None:
    talk.head("200 OK")
    talk.send(CONTENT)


def no_length_and_half(talk: Talk) -> None:
    talk.head("200 OK")
    talk.send(CONTENT[:HALF])


def length_below_zero(talk: Talk) -> None:
    talk.head("200 OK", Content_Length=-SIZE)
    talk.send(CONTENT)


def length_in_words(talk: Talk) -> None:
    talk.head("200 OK", Content_Length="many")
    talk.send(CONTENT)


def two_lengths(talk: Talk) -> None:
    talk.send(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nContent-Length: {HALF}\r\n\r\n".encode())
    talk.send(CONTENT)


def length_of_half(talk: Talk) -> None:
    talk.whole(CONTENT[:HALF])


def length_beyond_the_end(talk: Talk) -> None:
    talk.head("200 OK", Content_Length=2 * SIZE)
    talk.send(CONTENT)


def length_of_a_library(talk: Talk) -> None:
    talk.head("200 OK", Content_Length=10**17)
    talk.send(CONTENT)


def page(talk: Talk) -> None:
    talk.whole(b"\n<!DOCTYPE html><p>Please sign in", Content_Type="text/html")


def page_without_length(talk: Talk) -> None:
    talk.head("200 OK", Content_Type="text/html")
    talk.send(b"<html>Please sign in</html>")


def plain_words(talk: Talk) -> None:
    talk.whole(b"The quota of this file is used up. " * 100)


def drip(talk: Talk) -> None:
    talk.head("200 OK", Content_Length=SIZE)
    talk.drip()


def drip_without_end_in_the_head(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nX: ")
    talk.drip(b"a")


def silence(talk: Talk) -> None:
    time.sleep(20)


def silence_in_the_middle(talk: Talk) -> None:
    talk.honest(limit=HALF)
    time.sleep(20)


def continue_for_ever(talk: Talk) -> None:
    talk.drip(b"HTTP/1.1 100 Continue\r\n\r\n")


def one_long_header(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000)


def many_headers(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000 + b"\r\n")


def no_http(talk: Talk) -> None:
    talk.send(b"220 FTP ready\r\n" + CONTENT)


def hang_up(talk: Talk) -> None:
    pass


def too_many_then_whole(talk: Talk) -> None:
    talk.whole() if talk.number else talk.head("429 Too Many Requests", Retry_After=0)


def too_many_until_a_date(talk: Talk) -> None:
    date = formatdate(time.time() + 1, usegmt=True)
    talk.whole() if talk.number else talk.head("429 Too Many Requests", Retry_After=date)


def too_many_until_tomorrow(talk: Talk) -> None:
    talk.head("429 Too Many Requests", Retry_After=86400)


def too_many_until_a_far_date(talk: Talk) -> None:
    talk.head("503 Service Unavailable", Retry_After="Fri, 31 Dec 9999 23:59:59 GMT")


def too_many_until_soon(talk: Talk) -> None:
    talk.whole() if talk.number else talk.head("429 Too Many Requests", Retry_After="soon, -1 or so")


def busy(talk: Talk) -> None:
    talk.head("503 Service Unavailable")


def busy_twice(talk: Talk) -> None:
    talk.whole() if talk.number >= 2 else talk.head("502 Bad Gateway")


def forbidden(talk: Talk) -> None:
    talk.head("403 Forbidden")


def elsewhere_in_a_circle(talk: Talk) -> None:
    talk.head("302 Found", Location=talk.url + "/vox")


def elsewhere_without_an_address(talk: Talk) -> None:
    talk.head("302 Found")


def elsewhere_by_ftp(talk: Talk) -> None:
    talk.head("302 Found", Location="ftp://127.0.0.1/vox")


def elsewhere_to_no_address(talk: Talk) -> None:
    talk.head("302 Found", Location="http://[::1/vox")


def elsewhere_for_good(talk: Talk) -> None:
    if talk.path == "/new%20place":
        talk.whole()
    else:
        talk.head("308 Permanent Redirect", Location="/new place")


def elsewhere_with_an_endless_page(talk: Talk) -> None:
    if talk.path == "/new":
        talk.whole()
        return
    talk.head("302 Found", Location="/new")
    for _ in range(10_000):
        talk.send(b"a" * 65536)


def cut_in_the_middle(talk: Talk) -> None:
    talk.honest(limit=HALF if talk.number == 0 else None)


def cut_after_a_little(talk: Talk) -> None:
    talk.honest(limit=1000)


def whole_for_the_rest(talk: Talk) -> None:
    talk.head("200 OK", Content_Length=SIZE)
    talk.send(CONTENT if talk.number else CONTENT[:HALF])


def changed_meanwhile(talk: Talk) -> None:
    """Goes on with another version, whatever If-Range says."""
    if talk.number == 0:
        talk.honest(OTHER, HALF, ETag='"1"')
    else:
        talk.honest(CONTENT, ETag='"2"')


def changed_with_every_question(talk: Talk) -> None:
    talk.honest(CONTENT if talk.number % 2 else OTHER, HALF + 1000 * talk.number, ETag=f'"{talk.number}"')


def other_rest(talk: Talk) -> None:
    if talk.start is None:
        talk.honest(limit=HALF, ETag='"1"')
    else:
        span = f"bytes 0-{SIZE - 1}/{SIZE}"
        talk.head("206 Partial Content", Content_Length=SIZE, Content_Range=span)
        talk.send(CONTENT)


def rest_without_a_place(talk: Talk) -> None:
    if talk.start is None:
        talk.honest(limit=HALF, ETag='"1"')
    else:
        talk.head("206 Partial Content", Content_Length=SIZE - talk.start)
        talk.send(CONTENT[talk.start :])


def rest_of_a_longer_file(talk: Talk) -> None:
    if talk.start is None:
        talk.honest(limit=HALF, ETag='"1"')
    else:
        talk.head("206 Partial Content", Content_Range=f"bytes {talk.start}-{2 * SIZE - 1}/{2 * SIZE}")
        talk.send((CONTENT + CONTENT)[talk.start :])


def part_not_asked_for(talk: Talk) -> None:
    talk.head("206 Partial Content", Content_Length=HALF, Content_Range=f"bytes 0-{HALF - 1}/{SIZE}")
    talk.send(CONTENT[:HALF])


def nothing(talk: Talk) -> None:
    talk.head("204 No Content")


def accepted(talk: Talk) -> None:
    talk.head("202 Accepted", Content_Length=SIZE)
    talk.send(CONTENT)


def empty(talk: Talk) -> None:
    talk.head("200 OK", Content_Length=0)


def compressed(talk: Talk) -> None:
    talk.whole(Content_Encoding="gzip")


def more_than_declared(talk: Talk) -> None:
    talk.head("200 OK", Content_Length=SIZE)
    talk.send(CONTENT + CONTENT)


def chunks(talk: Talk, content: bytes = CONTENT, end: bytes = b"0\r\n\r\n") -> None:
    talk.head("200 OK", Transfer_Encoding="chunked")
    for start in range(0, len(content), 50_000):
        block = content[start : start + 50_000]
        talk.send(f"{len(block):x}\r\n".encode() + block + b"\r\n")
    talk.send(end)


def chunks_without_end(talk: Talk) -> None:
    chunks(talk, CONTENT + CONTENT)


def endless_chunks(talk: Talk) -> None:
    talk.head("200 OK", Transfer_Encoding="chunked")
    for _ in range(10_000):
        talk.send(b"10000\r\n" + b"\x80\x04" * 32768 + b"\r\n")


def chunks_cut(talk: Talk) -> None:
    chunks(talk, CONTENT[:HALF], end=b"")


def chunks_of_no_size(talk: Talk) -> None:
    chunks(talk, CONTENT[:HALF], end=b"zz\r\n")


def another_file(talk: Talk) -> None:
    talk.honest(OTHER)
