"""Brings the file of one address, and goes on where it broke off. Nothing that a server says is taken on trust."""

from __future__ import annotations

import http.client
import logging
import re
import shutil
import time
from collections.abc import Callable

from ..types import Progress
from .catalogue import Entry, size_text
from .connect import Broken, Pace, ask, read
from .part import PartialFile

BLOCK = 1 << 18
TRIES = 4  # in a row that bring less than WORTHWHILE
WORTHWHILE = 1 << 20
PAUSE_S = 1.0  # before the second try, and twice as long before each further one
LARGEST = 8 << 30  # no weights are larger; where no size is known, more is refused
log = logging.getLogger(__name__)


def fetch(url: str, part: PartialFile, entry: Entry, progress: Progress, token: str | None = None) -> None:
    """Fill ``part`` from an address, trying again while that makes sense. Raises Broken; OSError of the disk.

    token: by which the server knows who asks.
    """
    failures, reached = 0, part.size
    while True:
        before = part.size
        try:
            return _fetch_once(url, part, entry, progress, token)
        except Broken as problem:
            failures = 1 if part.size - reached >= WORTHWHILE else failures + 1
            if failures >= TRIES or not (problem.again or part.size > before):
                raise
            reached = max(reached, part.size)
            wait_s = PAUSE_S * 2 ** (failures - 1) if problem.wait_s is None else problem.wait_s
            log.info("%s: %s Trying again in %.0f s.", url, problem, wait_s)
        _rest(wait_s, lambda: progress(part.size, entry.size))


def _rest(seconds: float, meanwhile: Callable[[], None]) -> None:
    """Sleep, calling ``meanwhile``, which may raise, twice a second."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        meanwhile()
        time.sleep(min(0.5, left))


def _fetch_once(url: str, part: PartialFile, entry: Entry, progress: Progress, token: str | None) -> None:
    start, version = part.size, part.version
    if start and start == entry.size:
        return
    same = version is not None and version.url == url
    if start > (entry.size or LARGEST) or (start and not entry.sha256 and not same):
        part.discard()  # without a checksum, only the server can tell that the rest belongs to this beginning
        start, same = 0, False
    headers = {"User-Agent": "fom", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if start:
        headers["Range"] = f"bytes={start}-"
    if same and version is not None:
        headers["If-Range"] = version.etag
    with Pace() as pace:
        try:
            response = ask(url, headers, pace)
        except Broken as problem:
            if start and problem.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.discard()  # at least as long as the file on the server, so not a beginning of it
                raise Broken(str(problem), again=True) from problem
            raise
        with response:
            total = _total(response, url, part, start, entry)
            _receive(response, part, total, progress, pace)


def _total(response: http.client.HTTPResponse, url: str, part: PartialFile, start: int, entry: Entry) -> int | None:
    """Bytes of the whole file, once the answer is known to be what was asked for; None for an unknown number."""
    headers = response.headers
    coding = (headers.get("Content-Encoding") or "identity").strip().lower()
    if coding != "identity":
        raise Broken(f"the server sent the file compressed ({coding[:20]}), which was not asked for.")
    length = _length(response)
    if response.status == http.client.PARTIAL_CONTENT:
        total = _resumed(headers.get("Content-Range"), headers.get("ETag"), url, part, start)
        if total is None and length is not None:
            total = start + length
    else:
        part.begin(url, headers.get("ETag"), length)
        total = length
    if total is None and entry.size is None and not response.chunked:
        raise Broken("the server does not say how long the file is, so that a broken one would not be noticed.")
    if entry.size is not None and total not in (None, entry.size):
        raise Broken(f"the server has a file of {total} bytes instead of {entry.size}.")
    total = total if total is not None else entry.size
    if total is not None and total > LARGEST:
        raise Broken(f"the server has a file of {size_text(total)}, more than any weights need.")
    free = shutil.disk_usage(part.path.parent).free
    if total is not None and free < total - part.size:
        raise Broken(f"{size_text(total - part.size)} are needed, and {part.path.parent} has {size_text(free)} left.")
    return total


def _resumed(span: str | None, etag: str | None, url: str, part: PartialFile, start: int) -> int | None:
    """Bytes of the whole file by the Content-Range of an answer that goes on with ``part``. Raises Broken."""
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", (span or "").strip())
    if not start or found is None or int(found[1]) != start:
        raise Broken("the server sent another part of the file than the one asked for.")
    total = None if found[3] == "*" else int(found[3])
    version = part.version
    if version is not None and version.url == url and not version.goes_with(etag, total):
        part.discard()
        raise Broken("the file on the server changed meanwhile.", again=True)
    part.in_one = False
    return total


def _length(response: http.client.HTTPResponse) -> int | None:
    """The Content-Length, where it is one that can be meant. Raises Broken for two that differ."""
    values = {value.strip() for line in response.headers.get_all("Content-Length", []) for value in line.split(",")}
    if response.chunked or not values:
        return None
    if len(values) > 1:
        raise Broken("the server tells two lengths of one file.")
    value = values.pop()
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None


def _receive(
    response: http.client.HTTPResponse, part: PartialFile, total: int | None, progress: Progress, pace: Pace
) -> None:
    """Append the answer to ``part``. Raises Broken for less or more than ``total`` bytes, and for web pages."""
    done, limit = part.size, LARGEST if total is None else total
    with part.path.open("ab") as file:
        progress(done, total)
        while block := read(response, BLOCK, pace):
            if not done and block.lstrip()[:1] == b"<":  # no weights begin so
                raise Broken("the server sent a web page in place of the file, perhaps one to sign in.")
            if done + len(block) > limit:
                file.close()
                part.discard()
                raise Broken(f"the server sent more than {limit} bytes.")
            file.write(block)
            done += len(block)
            progress(done, total)
    if total is not None and done < total:
        raise Broken(f"the connection broke after {done} of {total} bytes.")
