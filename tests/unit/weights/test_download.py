"""Downloads, against a server on this machine that can be told to misbehave."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fom_core.errors import DownloadError, WriteError
from fom_core.files.leftovers import STEM_BYTES
from fom_core.weights import download as downloads
from fom_core.weights import fetch as fetching
from fom_core.weights.catalogue import Entry
from fom_core.weights.download import download
from fom_core.weights.part import PartialFile

CONTENT = pickle.dumps({"generator": {"w": np.arange(30_000, dtype=np.float32)}}, 4)
OTHER = pickle.dumps({"generator": {"w": np.arange(1, 30_001, dtype=np.float32)}}, 4)
HALF = len(CONTENT) // 2


@dataclass
class Site:
    """What the server does; tests change it between requests."""

    url: str = ""
    content: bytes = CONTENT
    ranges: bool = True
    etag: str | None = None
    cut: int | None = None  # close the connection after so many bytes of a body, once
    requests: list[str] = field(default_factory=list)  # the Range of each
    paths: list[str] = field(default_factory=list)
    accounts: list[str | None] = field(default_factory=list)  # who asked
    elsewhere: str | None = None  # where the hub's addresses lead

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range", "")
        self.requests.append(wanted)
        self.paths.append(handler.path)
        self.accounts.append(handler.headers.get("Authorization"))
        if self.elsewhere and "/resolve/" in handler.path:
            handler.send_response(302)
            handler.send_header("Location", self.elsewhere)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if handler.path.startswith("/missing"):
            handler.send_error(404)
            return
        current = handler.headers.get("If-Range") in (None, self.etag)
        start = int(wanted[6:-1]) if wanted and self.ranges and current else None
        if start is not None and start >= len(self.content):
            handler.send_error(416)
            return
        body = self.content[start or 0 :]
        handler.send_response(200 if start is None else 206)
        if start is not None:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: self.cut])
        self.cut = None


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch) -> None:
    monkeypatch.setattr(fetching, "PAUSE_S", 0)


def entry(*urls: str, known: bool = True) -> Entry:
    """An entry whose checksum and size are published or not."""
    checksum = hashlib.sha256(CONTENT).hexdigest() if known else None
    return Entry(
        "vox",
        "model",
        "Faces",
        "vox.pdparams",
        "MIT",
        "https://example.org",
        urls,
        len(CONTENT) if known else None,
        checksum,
    )


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_arrives_whole_and_alone(site, tmp_path):
    path = download(entry(f"{site.url}/vox"), tmp_path / "new")
    assert path.read_bytes() == CONTENT
    assert files(tmp_path / "new") == {"vox.pdparams"}


def test_progress_ends_at_the_size_of_the_file(site, tmp_path):
    seen = []
    download(entry(f"{site.url}/vox"), tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_file_that_is_there_is_not_fetched_again(site, tmp_path):
    wanted = entry(f"{site.url}/vox")
    download(wanted, tmp_path)
    download(wanted, tmp_path)
    assert len(site.requests) == 1


def test_a_lock_that_a_killed_process_left_beside_the_whole_file_goes(site, tmp_path):
    download(entry(f"{site.url}/vox"), tmp_path / "first")
    (tmp_path / "second").mkdir()
    (tmp_path / "first" / "vox.pdparams").rename(tmp_path / "second" / "vox.pdparams")
    (tmp_path / "second" / ".vox.pdparams.fom-lock").touch()
    download(entry(f"{site.url}/vox"), tmp_path / "second")
    assert files(tmp_path / "second") == {"vox.pdparams"}


def test_a_wrong_file_that_is_there_is_reported(site, tmp_path):
    (tmp_path / "vox.pdparams").write_bytes(OTHER)
    with pytest.raises(DownloadError, match="Delete it"):
        download(entry(f"{site.url}/vox"), tmp_path)
    assert (tmp_path / "vox.pdparams").read_bytes() == OTHER


def test_mirrors_are_tried_in_order(site, tmp_path):
    assert download(entry(f"{site.url}/missing", f"{site.url}/vox"), tmp_path).read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_when_no_mirror_works_the_reason_of_each_is_told_once(site, tmp_path, caplog):
    missing, unreachable = f"{site.url}/missing", "http://127.0.0.1:9/vox"
    with caplog.at_level("INFO", "fom_core"), pytest.raises(DownloadError) as failure:
        download(entry(missing, unreachable), tmp_path)
    assert caplog.messages.count("That did not work; the next mirror is asked.") == 1
    assert "connection broke" not in caplog.text and "404" not in caplog.text
    before, after = str(failure.value).split(f"{missing}: the server answered 404 Not Found; {unreachable}: the conn")
    assert before == "vox.pdparams could not be downloaded: "
    assert re.fullmatch(
        r"ection broke \([^.()]*\)\. Try again later or get the file from one of these addresses .* put it into .*\.",
        after,
    )
    assert not files(tmp_path)


def test_a_broken_connection_is_continued_where_it_broke(site, tmp_path):
    site.cut = HALF
    assert download(entry(f"{site.url}/vox"), tmp_path).read_bytes() == CONTENT
    assert site.requests == ["", f"bytes={HALF}-"]


def test_a_later_call_continues_an_interrupted_one(site, tmp_path):
    def interrupt(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    wanted = entry(f"{site.url}/vox")
    with pytest.raises(KeyboardInterrupt):
        download(wanted, tmp_path, progress=interrupt)
    assert "vox.pdparams" not in files(tmp_path)
    part = tmp_path / "vox.pdparams.part"
    part.write_bytes(CONTENT[:HALF])
    assert download(wanted, tmp_path).read_bytes() == CONTENT
    assert site.requests[-1] == f"bytes={HALF}-"
    assert files(tmp_path) == {"vox.pdparams"}


def test_a_server_without_ranges_sends_the_file_from_its_beginning(site, tmp_path):
    site.ranges = False
    (tmp_path / "vox.pdparams.part").write_bytes(CONTENT[:HALF])
    assert download(entry(f"{site.url}/vox"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("known", [True, False])
def test_a_part_longer_than_the_file_is_thrown_away(site, tmp_path, known):
    site.etag = '"1"'
    (tmp_path / "vox.pdparams.part").write_bytes(CONTENT + b"more")
    note = {"url": f"{site.url}/vox", "etag": '"1"'}
    (tmp_path / "vox.pdparams.part.etag").write_text(json.dumps(note))
    assert download(entry(f"{site.url}/vox", known=known), tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_the_part_removed(site, tmp_path):
    site.content = OTHER
    assert len(OTHER) == len(CONTENT)
    with pytest.raises(DownloadError, match=r"checksum [0-9a-f]{64} instead of [0-9a-f]{64}\. It was deleted"):
        download(entry(f"{site.url}/vox"), tmp_path)
    assert not files(tmp_path)


def test_a_file_of_another_size_is_not_even_fetched(site, tmp_path):
    site.content = b"short"
    with pytest.raises(DownloadError, match=f"5 bytes instead of {len(CONTENT)}"):
        download(entry(f"{site.url}/vox"), tmp_path)
    assert not files(tmp_path)


def test_the_first_download_without_a_published_checksum_is_remembered(site, tmp_path):
    download(entry(f"{site.url}/vox", known=False), tmp_path)
    remembered = json.loads((tmp_path / "checksums.json").read_text())
    assert remembered == {"vox.pdparams": hashlib.sha256(CONTENT).hexdigest()}


def test_a_checksum_of_which_the_first_digits_are_published_has_to_begin_so(site, tmp_path):
    unknown = entry(f"{site.url}/vox", known=False)
    right = replace(unknown, sha256_start=hashlib.sha256(CONTENT).hexdigest()[:8])

    download(right, tmp_path / "right")

    assert "vox.pdparams" in files(tmp_path / "right")
    with pytest.raises(DownloadError, match=r"the catalogue promises: checksum [0-9a-f]{64} instead of 0123abcd\.\.\."):
        download(replace(unknown, sha256_start="0123abcd"), tmp_path / "wrong")
    assert not files(tmp_path / "wrong")


def test_a_later_change_of_a_remembered_file_is_refused(site, tmp_path):
    wanted = entry(f"{site.url}/vox", known=False)
    download(wanted, tmp_path).unlink()
    site.content = OTHER
    with pytest.raises(DownloadError, match=r"the first download had \(checksums\.json\)"):
        download(wanted, tmp_path)
    assert files(tmp_path) == {"checksums.json"}


def test_a_web_page_is_not_remembered_as_weights(site, tmp_path):
    site.content = b"<html>Please sign in</html>"
    with pytest.raises(DownloadError, match="sent a web page in place of the file"):
        download(entry(f"{site.url}/vox", known=False), tmp_path)
    assert not files(tmp_path)


def test_without_a_checksum_only_the_same_version_is_continued(site, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "TRIES", 1)
    wanted = entry(f"{site.url}/vox", known=False)
    site.etag, site.cut = '"1"', HALF
    with pytest.raises(DownloadError, match=f"broke after {HALF} of {len(CONTENT)} bytes"):
        download(wanted, tmp_path)
    site.etag, site.content = '"2"', OTHER
    assert download(wanted, tmp_path).read_bytes() == OTHER
    assert site.requests == ["", f"bytes={HALF}-"]


def test_without_checksum_and_version_a_download_begins_anew(site, tmp_path):
    (tmp_path / "vox.pdparams.part").write_bytes(OTHER[:HALF])
    assert download(entry(f"{site.url}/vox", known=False), tmp_path).read_bytes() == CONTENT
    assert site.requests == [""]


def test_a_full_disk_is_told_before_the_download(site, tmp_path, monkeypatch):
    usage = downloads.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DownloadError, match=r"needs 0\.1 MB, and .* has 0\.0 MB left"):
        download(entry(f"{site.url}/vox"), tmp_path)
    assert not site.requests


def test_an_unwritable_folder_is_explained(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="cannot be written"):
        download(entry(f"{site.url}/vox"), tmp_path / "file" / "folder")


def test_weights_without_a_public_copy_say_how_to_get_them(tmp_path):
    with pytest.raises(DownloadError, match="no stable public copy"):
        download(entry(), tmp_path)


@pytest.mark.parametrize("ending", ["", "/"])
def test_hugging_face_mirrors_are_asked_where_its_variable_says(site, tmp_path, monkeypatch, ending):
    monkeypatch.setenv("HF_ENDPOINT", site.url + ending)
    path = download(entry("hf://owner/repository/folder/vox 1.bin"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert site.paths == ["/owner/repository/resolve/main/folder/vox%201.bin"]


def test_the_hub_alone_is_told_who_asks(site, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", site.url)
    monkeypatch.setattr(downloads, "hub_token", lambda: "hf_of_a_user")
    site.elsewhere = f"{site.url}/same/host".replace("127.0.0.1", "localhost")

    download(entry("hf://owner/repository/vox.bin"), tmp_path)
    download(replace(entry(f"{site.url}/vox"), file="other.bin"), tmp_path)

    assert site.paths == ["/owner/repository/resolve/main/vox.bin", "/same/host", "/vox"]
    assert site.accounts == ["Bearer hf_of_a_user", None, None]


def test_who_is_logged_in_nowhere_asks_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert downloads.hub_token() is None


def test_without_the_variable_the_hub_itself_is_asked(monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert downloads.address("hf://o/r/f/a.bin") == "https://huggingface.co/o/r/resolve/main/f/a.bin"


def test_a_hub_that_is_no_web_address_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "hf-mirror.com")
    with pytest.raises(DownloadError, match=r"HF_ENDPOINT is 'hf-mirror.com'; wanted is an address such as https://"):
        download(entry("hf://owner/repository/vox.bin"), tmp_path)


@pytest.mark.parametrize("value", ["1", "true", "ON"])
def test_offline_by_hugging_face_s_variable_refuses_in_one_line(site, tmp_path, monkeypatch, value):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    with pytest.raises(DownloadError, match=r"vox.pdparams is not in .*HF_HUB_OFFLINE is set. Unset it, or get"):
        download(entry(f"{site.url}/vox"), tmp_path / "new")
    assert not site.requests
    assert not (tmp_path / "new").exists()


def test_offline_the_advice_is_an_address_of_the_file_and_not_its_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    there = "https://huggingface.co/owner/repository/resolve/main/vox.bin by a browser"
    with pytest.raises(DownloadError, match=f"get the file from {re.escape(there)}"):
        download(entry("hf://owner/repository/vox.bin"), tmp_path)


def test_offline_a_file_that_is_there_is_used(site, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "vox.pdparams").write_bytes(CONTENT)
    assert download(entry(f"{site.url}/vox"), tmp_path).read_bytes() == CONTENT


def test_files_whose_long_names_begin_alike_do_not_take_over_each_other_s_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("fom_core.weights.part.is_abandoned", lambda path: True)
    one, other = (tmp_path / f"{'a' * STEM_BYTES}-{number}.pth" for number in (1, 2))
    left = PartialFile(one)
    left.path.write_bytes(b"half of one")

    assert PartialFile(other).size == 0
    assert PartialFile(one).size == len(b"half of one")


def test_a_part_that_is_a_link_is_not_written_to(tmp_path):
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    try:
        (tmp_path / "vox.pdparams.part").symlink_to(mine)
    except OSError:
        pytest.skip("links are not allowed here")

    assert PartialFile(tmp_path / "vox.pdparams").size == 0


def test_a_right_file_in_a_folder_that_is_only_read_needs_no_record(site, tmp_path, monkeypatch):
    def refuse(path: Path) -> None:
        raise WriteError(f"Cannot write {path}")

    (tmp_path / "vox.pdparams").write_bytes(CONTENT)
    monkeypatch.setattr("fom_core.weights.checksums.replacing", refuse)

    assert download(entry(f"{site.url}/vox", known=False), tmp_path).read_bytes() == CONTENT
    assert files(tmp_path) == {"vox.pdparams"}
