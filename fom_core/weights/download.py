"""Fetches a catalogue entry: mirrors in order, resumed after a break, verified before the file takes its name."""

from __future__ import annotations

import http.client
import logging
import shutil
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..errors import DownloadError
from .catalogue import Entry, size_text
from .checksums import verify
from .store import how_to_get

Progress = Callable[[int, int | None], None]  # bytes done, bytes in all where known

BLOCK = 1 << 20
TIMEOUT_S = 30
TRIES = 4  # per mirror, as long as each brings something new
log = logging.getLogger(__name__)


class _Broken(Exception):
    """A mirror that failed; the next try or mirror may do better."""


def download(entry: Entry, folder: Path, *, progress: Progress | None = None) -> Path:
    """Bring an entry's file into ``folder`` and return its path; a file that is there and right is left alone.

    An unfinished file stays as ``NAME.part`` and the next call goes on from it. A file without published checksum is
    trusted the first time: its checksum goes into ``checksums.json``, and another content is refused later.
    Raises DownloadError.
    """
    target = folder / entry.file
    if entry.embedded and entry.asset.is_file():
        return entry.asset
    if entry.embedded or not entry.urls:
        raise DownloadError(how_to_get(entry))
    if target.is_file():
        verify(target, entry, folder)
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_space(entry, folder)
        part = _fetch_from_mirrors(entry, folder, progress or (lambda done, total: None))
        part.replace(target)
    except OSError as error:
        raise DownloadError(
            f"{target} cannot be written: {error}. Free some space or choose another folder."
        ) from error
    _sidecar(target).unlink(missing_ok=True)
    return target


def _fetch_from_mirrors(entry: Entry, folder: Path, progress: Progress) -> Path:
    """The verified file under its temporary name."""
    part = folder / f"{entry.file}.part"
    problems = []
    for url in entry.urls:
        log.info("downloading %s from %s", entry.file, url)
        try:
            fetch = _fetch_from_hub if url.startswith("hf://") else _fetch_over_http
            fetch(url, part, entry, progress)
            _accept(part, entry, folder)
            return part
        except (_Broken, DownloadError) as error:
            problems.append(f"{url}: {error}")
            log.warning("%s", problems[-1])
    others = f" (and {len(problems) - 1} more, see above)" if len(problems) > 1 else ""
    kept = ", which goes on from the part that arrived," if part.exists() else ""
    raise DownloadError(
        f"{entry.file} could not be downloaded: {problems[0]}{others} Try again later{kept} or get the file from "
        f"{entry.home} and put it into {folder}."
    )


def _fetch_over_http(url: str, part: Path, entry: Entry, progress: Progress) -> None:
    """Fill ``part`` from one mirror, trying again from where it broke off while tries bring something new."""
    for attempt in range(TRIES):
        before = part.stat().st_size if part.exists() else 0
        try:
            return _fetch_once(url, part, entry, progress)
        except _Broken:
            arrived = part.stat().st_size if part.exists() else 0
            if arrived <= before or attempt == TRIES - 1:
                raise
    return None


def _fetch_once(url: str, part: Path, entry: Entry, progress: Progress) -> None:
    start = part.stat().st_size if part.exists() else 0
    if start and start == entry.size:
        return
    headers = {"User-Agent": "fom", "Accept-Encoding": "identity"}
    validator = _sidecar(part)
    if start and not entry.sha256 and not validator.exists():
        start = 0  # without a checksum, only the server can tell that the rest belongs to this beginning
    if start:
        headers["Range"] = f"bytes={start}-"
        if not entry.sha256:
            headers["If-Range"] = validator.read_text(encoding="utf-8")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as response:
            _receive(response, part, start, entry, progress)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            _discard(part)  # at least as long as the file on the server, so not a beginning of it
            return _fetch_once(url, part, entry, progress)
        raise _Broken(f"the server answered {error.code} {error.reason}.") from error
    except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
        raise _Broken(f"the connection broke ({error}).") from error


def _receive(response: http.client.HTTPResponse, part: Path, start: int, entry: Entry, progress: Progress) -> None:
    """Append the answer to ``part``, or begin anew when the server sends the file from its beginning."""
    resumed = response.status == http.client.PARTIAL_CONTENT
    if resumed and not (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
        raise _Broken("the server sent another part of the file than the one asked for.")
    done = start if resumed else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else entry.size
    if entry.size is not None and total != entry.size:
        raise _Broken(f"the server has a file of {total} bytes instead of {entry.size}.")
    if not resumed:
        _keep_version(part, response.headers.get("ETag"))
    with part.open("ab" if resumed else "wb") as file:
        progress(done, total)
        while block := response.read(BLOCK):
            file.write(block)
            done += len(block)
            progress(done, total)
            if total is not None and done > total:
                raise _Broken(f"the server sent more than {total} bytes.")
    if total is not None and done < total:
        raise _Broken(f"the connection broke after {done} of {total} bytes.")


def _fetch_from_hub(url: str, part: Path, entry: Entry, progress: Progress) -> None:
    """Fetch hf://owner/repository/file with huggingface_hub, which resumes and shows its own progress."""
    from huggingface_hub import constants, hf_hub_download  # noqa: PLC0415 - slow to import, needed only here

    _look_up(constants.ENDPOINT)
    owner, repository, file = url.removeprefix("hf://").split("/", 2)
    scratch = part.with_name(f".{entry.file}.hub")
    try:
        fetched = hf_hub_download(f"{owner}/{repository}", file, local_dir=scratch)
    except Exception as error:  # its errors come from the hub, the HTTP client and the file system alike
        if not any(scratch.rglob("*.incomplete")):
            shutil.rmtree(scratch, ignore_errors=True)
        raise _Broken(f"huggingface_hub could not fetch it ({' '.join(str(error).split())[:200]}).") from error
    Path(fetched).replace(part)
    shutil.rmtree(scratch, ignore_errors=True)
    size = part.stat().st_size
    progress(size, size)


def _look_up(endpoint: str) -> None:
    """Fail at once where a name cannot be resolved: the hub's client would try again for half a minute."""
    host = urllib.parse.urlsplit(endpoint).hostname
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        raise _Broken(f"{host} cannot be looked up; is this machine online?") from error


def _accept(part: Path, entry: Entry, folder: Path) -> None:
    """Verify what arrived; what is something else is removed."""
    try:
        verify(part, entry, folder)
    except DownloadError:
        _discard(part)
        raise


def _sidecar(path: Path) -> Path:
    """Holds the server's name (ETag) for the version that a ``.part`` is the beginning of."""
    return path.with_name(f"{path.name.removesuffix('.part')}.part.etag")


def _keep_version(part: Path, etag: str | None) -> None:
    if etag and not etag.startswith("W/"):  # a weak one does not promise the same bytes
        _sidecar(part).write_text(etag, encoding="utf-8")
    else:
        _sidecar(part).unlink(missing_ok=True)


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _sidecar(part).unlink(missing_ok=True)


def _check_space(entry: Entry, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if entry.size is not None and free < entry.size:
        raise DownloadError(f"{entry.file} needs {size_text(entry.size)}, and {folder} has {size_text(free)} left.")
