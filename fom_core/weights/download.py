"""Fetches a catalogue entry: mirrors in order, resumed after a break, verified before the file takes its name.

Several processes may want one file at once, also on machines that share the folder: one downloads, the others wait and
find it. Should that fail, each has a temporary file of its own, and only what is right is renamed.
"""

from __future__ import annotations

import logging
import os
import shutil
import urllib.parse
from pathlib import Path

from ..errors import DownloadError
from ..files.leftovers import tidy
from ..files.locks import alone
from ..types import Progress
from .catalogue import Entry, size_text
from .checksums import verify
from .fetch import Broken, fetch
from .part import PartialFile, sizes
from .store import how_to_get

AT_HUB = "hf://"
HUB = "https://huggingface.co"  # unless HF_ENDPOINT names another
PATIENCE_S = 300  # with another process whose download stands still; longer than any wait of its own
log = logging.getLogger(__name__)


def download(entry: Entry, folder: Path, *, progress: Progress | None = None) -> Path:
    """Bring an entry's file into ``folder`` and return its path; a file that is there and right is left alone.

    An unfinished file stays as ``NAME.part`` and the next call goes on from it. A file without published checksum is
    trusted the first time: its checksum goes into ``checksums.json``, and another content is refused later.
    ``progress`` is also called while nothing arrives, and may raise to stop. Raises DownloadError.
    """
    target = folder / entry.file
    if entry.embedded and entry.asset.is_file():
        return entry.asset
    if entry.embedded or not entry.urls:
        raise DownloadError(how_to_get(entry))
    if target.is_file():
        tidy(folder)
        verify(target, entry, folder)
        return target
    _refuse_offline(entry, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tidy(folder)
        progress = progress or (lambda done, total: None)
        waiting = _Waiting(entry, folder, progress)
        with alone(target, patience_s=PATIENCE_S, waiting=waiting, signs=lambda: sizes(target)):
            if target.is_file():
                verify(target, entry, folder)
                return target
            return _bring(entry, target, progress)
    except OSError as error:
        raise DownloadError(
            f"{target} cannot be written: {error}. Free some space or choose another folder."
        ) from error


class _Waiting:
    """Says once that another process is at it, and lets the user stop the waiting."""

    def __init__(self, entry: Entry, folder: Path, progress: Progress) -> None:
        self.entry, self.folder, self.progress = entry, folder, progress
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == 2:  # not for a lock that is just being cleared away
            log.info("Waiting for another process that downloads %s to %s.", self.entry.file, self.folder)
        self.progress(0, self.entry.size)


def _refuse_offline(entry: Entry, folder: Path) -> None:
    """Raise DownloadError where the user forbade downloads, in the way that Hugging Face's tools know."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise DownloadError(
            f"{entry.file} is not in {folder} and was not downloaded: HF_HUB_OFFLINE is set. Unset it, or get the file "
            f"from {by_hand(entry)} by a browser or another machine and put it there."
        )


def _bring(entry: Entry, target: Path, progress: Progress) -> Path:
    """Download into a file of this process and give it its name; what arrived is kept when that fails."""
    _check_space(entry, target.parent)
    part = PartialFile(target)
    try:
        problems = _tried(entry, part, progress)
        if problems is None:
            _finish(part, entry)
            return target
    except BaseException:
        part.keep()
        raise
    reasons = "; ".join(problem.rstrip(".") for problem in problems)
    kept = ", which goes on from the part that arrived," if part.keep() else ""
    there = "one of these addresses" if len(entry.urls) > 1 else "this address"
    raise DownloadError(
        f"{entry.file} could not be downloaded: {reasons}. Try again later{kept} or get the file from {there} by a "
        f"browser or another machine and put it into {target.parent}."
    )


def _tried(entry: Entry, part: PartialFile, progress: Progress) -> list[str] | None:
    """None once ``part`` is whole and right; what went wrong with each mirror otherwise."""
    problems = []
    for number, url in enumerate(entry.urls, 1):
        asked = url
        try:
            asked = address(url)
            log.info("downloading %s from %s", entry.file, asked)
            _fetch_right(asked, part, entry, progress, hub_token() if url.startswith(AT_HUB) else None)
            return None
        except (Broken, DownloadError) as error:
            problems.append(f"{asked}: {error}")
            log.debug("%s", problems[-1])
            if number < len(entry.urls):
                log.info("That did not work; the next mirror is asked.")
    return problems


def _fetch_right(asked: str, part: PartialFile, entry: Entry, progress: Progress, token: str | None) -> None:
    """Fetch and verify; what is wrong and was joined from pieces is fetched once more, in one go."""
    fetch(asked, part, entry, progress, token)
    try:
        _accept(part, entry)
    except DownloadError as error:
        if part.in_one:
            raise
        log.info("%s: %s It is fetched anew.", asked, error)
        fetch(asked, part, entry, progress, token)
        _accept(part, entry)


def _accept(part: PartialFile, entry: Entry) -> None:
    """Verify what arrived; what is something else is removed."""
    try:
        verify(part.path, entry, part.path.parent)
    except DownloadError:
        part.discard()
        raise


def _finish(part: PartialFile, entry: Entry) -> None:
    try:
        part.finish()
    except OSError:  # Windows does not replace what is in use
        if not part.target.is_file():
            raise
        verify(part.target, entry, part.target.parent)
        part.discard()


def address(url: str) -> str:
    """The web address of a mirror; hf://owner/repository/file lies at Hugging Face, or where HF_ENDPOINT says.

    Raises Broken for an HF_ENDPOINT that is no address.
    """
    if not url.startswith(AT_HUB):
        return url
    endpoint = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    if urllib.parse.urlsplit(endpoint).scheme not in ("http", "https"):
        raise Broken(f"HF_ENDPOINT is {endpoint!r}; wanted is an address such as {HUB}.")
    return _at(endpoint, url)


def _at(endpoint: str, url: str) -> str:
    """Where hf://owner/repository/file lies at Hugging Face or a mirror of it."""
    owner, repository, file = url.removeprefix(AT_HUB).split("/", 2)
    return f"{endpoint}/{owner}/{repository}/resolve/main/{urllib.parse.quote(file)}"


def by_hand(entry: Entry) -> str:
    """Where people get a file by a browser or another machine: its first public copy.

    Not its home, which may be a project whose own links are dead.
    """
    url = entry.urls[0]
    return _at(HUB, url) if url.startswith(AT_HUB) else url


def hub_token() -> str | None:
    """What Hugging Face knows its user by, who is logged in and has huggingface_hub; None without."""
    try:
        from huggingface_hub import constants, get_token  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()


def _check_space(entry: Entry, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if entry.size is not None and free < entry.size:
        raise DownloadError(f"{entry.file} needs {size_text(entry.size)}, and {folder} has {size_text(free)} left.")
