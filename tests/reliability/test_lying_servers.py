"""Whatever a server does: no wrong file gets a name, no wait is endless, and one line says what happened."""

from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from fom_core.errors import DownloadError
from fom_core.weights import connect, fetch
from fom_core.weights.catalogue import Entry
from fom_core.weights.download import download

from . import lying
from .lying import CONTENT, HALF, OTHER, SIZE, Lie, serving

LONGEST_S = 15  # that one of these downloads may take here
WINDOW_S = 0.4  # in place of a minute, where a server is to be found slow


def slow(request: pytest.FixtureRequest) -> bool:
    """Whether the lie of a test is to be slow."""
    lie = getattr(request.node, "callspec", None) and request.node.callspec.params.get("lie")
    return lie in (
        lying.drip,
        lying.drip_without_end_in_the_head,
        lying.silence,
        lying.silence_in_the_middle,
        lying.continue_for_ever,
    )


@pytest.fixture(autouse=True)
def hurried(monkeypatch, request) -> None:
    """Times of less than a second in place of a minute."""
    monkeypatch.setattr(fetch, "PAUSE_S", 0.01)
    monkeypatch.setattr(connect, "WINDOW_S", WINDOW_S if slow(request) else 10.0)  # a busy machine may answer late
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def entry(url: str, *, known: bool) -> Entry:
    """An entry whose checksum and size are published or not."""
    size, checksum = (SIZE, hashlib.sha256(CONTENT).hexdigest()) if known else (None, None)
    file, home = "vox.pdparams", "https://example.org"
    return Entry("vox", "model", "Faces", file, "MIT", home, (f"{url}/vox",), size, checksum)


def outcome(lie: Lie, folder: Path, *, known: bool) -> str:
    """ "whole", or the one line of the error; the folder then has no file of the final name."""
    began = time.monotonic()
    with serving(lie) as liar:
        try:
            path = download(entry(liar.url, known=known), folder)
        except DownloadError as error:
            assert not (folder / "vox.pdparams").exists()
            message = str(error)
            assert "\n" not in message
            assert message.startswith("vox.pdparams could not be downloaded: ")
            assert message.endswith(f" by a browser or another machine and put it into {folder}.")
        else:
            assert path.read_bytes() == CONTENT
            message = "whole"
    assert time.monotonic() - began < LONGEST_S
    left = {path.name for path in folder.iterdir()}
    assert left <= {"vox.pdparams", "vox.pdparams.part", "vox.pdparams.part.etag", "checksums.json"}
    return message


NO_LENGTH = "does not say how long the file is"
HALF_A_FILE = f"a file of {HALF} bytes instead of {SIZE}"
CASES = [  # the lie; what comes of it where size and checksum are published; where they are not
    (lying.range_never_right, "answered 416", "answered 416"),
    (lying.range_not_right_for_the_rest, "whole", "whole"),
    (lying.no_length, "whole", NO_LENGTH),
    (lying.no_length_and_half, f"broke after {HALF} of {SIZE}", NO_LENGTH),
    (lying.length_below_zero, "whole", NO_LENGTH),
    (lying.length_in_words, "whole", NO_LENGTH),
    (lying.two_lengths, "two lengths", "two lengths"),
    (lying.length_of_half, HALF_A_FILE, f"cut off after {HALF} bytes"),
    (lying.length_beyond_the_end, f"a file of {2 * SIZE} bytes", f"broke after {SIZE} of {2 * SIZE}"),
    (lying.length_of_a_library, "a file of 1000", "more than any weights need"),
    (lying.page, "a file of 33 bytes", "sent a web page"),
    (lying.page_without_length, "sent a web page", NO_LENGTH),
    (lying.plain_words, "a file of 3500 bytes", "is not a weights file"),
    (lying.drip, f"brings less than 60 kB in {WINDOW_S} s", f"brings less than 60 kB in {WINDOW_S} s"),
    (lying.drip_without_end_in_the_head, "brings less than", "brings less than"),
    (lying.silence, "brings less than", "brings less than"),
    (lying.silence_in_the_middle, "whole", "brings less than"),
    (lying.continue_for_ever, "brings less than", "brings less than"),
    (lying.one_long_header, "the connection broke", "the connection broke"),
    (lying.many_headers, "the connection broke", "the connection broke"),
    (lying.no_http, "the connection broke", "the connection broke"),
    (lying.hang_up, "the connection broke", "the connection broke"),
    (lying.too_many_then_whole, "whole", "whole"),
    (lying.too_many_until_a_date, "whole", "whole"),
    (lying.too_many_until_tomorrow, "429 Too Many Requests, and asks for 86400 s of patience", "asks for 86400 s"),
    (lying.too_many_until_a_far_date, "503 Service Unavailable, and asks for", "asks for"),
    (lying.too_many_until_soon, "whole", "whole"),
    (lying.busy, "503 Service Unavailable", "503 Service Unavailable"),
    (lying.busy_twice, "whole", "whole"),
    (lying.forbidden, "403 Forbidden", "403 Forbidden"),
    (lying.elsewhere_in_a_circle, "redirects more than 8 times", "redirects more than 8 times"),
    (lying.elsewhere_without_an_address, "302 Found", "302 Found"),
    (lying.elsewhere_by_ftp, "redirects to ftp:", "redirects to ftp:"),
    (lying.elsewhere_to_no_address, "an address that is none", "an address that is none"),
    (lying.elsewhere_for_good, "whole", "whole"),
    (lying.elsewhere_with_an_endless_page, "whole", "whole"),
    (lying.cut_in_the_middle, "whole", "whole"),
    (lying.cut_after_a_little, f"broke after 4000 of {SIZE}", f"broke after 1000 of {SIZE}"),
    (lying.whole_for_the_rest, "whole", "whole"),
    (lying.changed_meanwhile, "whole", "whole"),
    (lying.changed_with_every_question, "changed meanwhile", "changed meanwhile"),
    (lying.other_rest, "another part of the file", "another part of the file"),
    (lying.rest_without_a_place, "another part of the file", "another part of the file"),
    (lying.rest_of_a_longer_file, "changed meanwhile", "changed meanwhile"),
    (lying.part_not_asked_for, "another part of the file", "another part of the file"),
    (lying.nothing, "answered 204 No Content and no file", "answered 204"),
    (lying.accepted, "answered 202", "answered 202"),
    (lying.empty, "a file of 0 bytes", "is empty"),
    (lying.compressed, "sent the file compressed (gzip)", "sent the file compressed (gzip)"),
    (lying.more_than_declared, "whole", "whole"),
    (lying.chunks, "whole", "whole"),
    (lying.chunks_without_end, f"more than {SIZE} bytes", None),
    (lying.endless_chunks, f"more than {SIZE} bytes", "more than 1000000 bytes"),
    (lying.chunks_cut, "the connection broke", "the connection broke"),
    (lying.chunks_of_no_size, "the connection broke", "the connection broke"),
    (lying.another_file, "checksum", None),
]


@pytest.mark.parametrize(("lie", "expected", "_"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_file_whose_checksum_is_published(lie, expected, _, tmp_path):
    assert expected in outcome(lie, tmp_path, known=True)


FIRST_TIME = [case for case in CASES if case[2] is not None]  # who has nothing to compare with must believe the others


@pytest.mark.parametrize(("lie", "_", "expected"), FIRST_TIME, ids=[case[0].__name__ for case in FIRST_TIME])
def test_a_file_that_nobody_published_a_checksum_of(lie, _, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "LARGEST", 1_000_000)
    assert expected in outcome(lie, tmp_path, known=False)


def test_a_redirect_to_a_file_of_this_machine_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(CONTENT)
    address = (tmp_path / "secret").as_uri()
    message = outcome(lambda talk: talk.head("302 Found", Location=address), tmp_path / "to", known=True)
    assert "redirects to file:, and only https is followed" in message


@pytest.mark.parametrize("location", ["http://example.org/a", "//example.org/a", "data:,a", "javascript:1"])
def test_redirects_from_https_keep_to_https(location):
    if location.startswith("//"):
        assert connect._redirected("https://example.com/", location) == "https://example.org/a"
        return
    with pytest.raises(connect.Broken, match="only https is followed"):
        connect._redirected("https://example.com/", location)


def test_a_part_of_another_file_is_fetched_anew(tmp_path):
    (tmp_path / "vox.pdparams.part").write_bytes(OTHER[:HALF])
    assert outcome(lambda talk: talk.honest(), tmp_path, known=True) == "whole"


def test_a_whole_part_of_another_file_is_fetched_anew(tmp_path):
    (tmp_path / "vox.pdparams.part").write_bytes(OTHER)
    assert outcome(lambda talk: talk.honest(), tmp_path, known=True) == "whole"


def test_a_server_that_never_stops_cutting_is_asked_a_few_times_and_what_came_is_kept(tmp_path):
    with serving(lying.cut_after_a_little) as liar:
        for call in (1, 2):
            with pytest.raises(DownloadError, match="which goes on from the part that arrived"):
                download(entry(liar.url, known=True), tmp_path)
            assert len(liar.asked) == fetch.TRIES * call
            assert (tmp_path / "vox.pdparams.part").read_bytes() == CONTENT[: 1000 * fetch.TRIES * call]


def test_a_busy_server_is_asked_a_few_times(tmp_path):
    with serving(lying.busy) as liar, pytest.raises(DownloadError):
        download(entry(liar.url, known=True), tmp_path)
    assert len(liar.asked) == fetch.TRIES


def test_a_date_to_come_back_at_is_waited_for(tmp_path):
    began = time.monotonic()
    assert outcome(lying.too_many_until_a_date, tmp_path, known=True) == "whole"
    assert time.monotonic() - began < 5


def test_waiting_for_a_busy_server_can_be_stopped(tmp_path):
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    def busy(talk: lying.Talk) -> None:
        talk.head("429 Too Many Requests", Retry_After=30)

    began = time.monotonic()
    with serving(busy) as liar, pytest.raises(KeyboardInterrupt):
        download(entry(liar.url, known=True), tmp_path, progress=stop)
    assert time.monotonic() - began < 10


def test_no_watch_outlives_its_download(tmp_path):
    outcome(lying.elsewhere_for_good, tmp_path, known=True)
    deadline = time.monotonic() + 5
    while any(thread.name == "fom-pace" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(thread.name != "fom-pace" for thread in threading.enumerate())


def test_a_web_page_of_the_right_size_is_named(tmp_path):
    page = b"<html>" + bytes(SIZE - 6)
    assert "sent a web page" in outcome(lambda talk: talk.whole(page), tmp_path, known=True)


def test_a_server_that_crawls_behind_tls_is_left_too(tmp_path, monkeypatch):
    """Encryption takes the connection's first handle over; the watch has another one."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(connect, "WINDOW_S", 1.0)
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as talk:
            talk.recv(4096)
            talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(200):
                talk.sendall(b"x")
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    began = time.monotonic()
    with listener, connect.Pace() as pace:
        response = connect.ask(f"https://localhost:{listener.getsockname()[1]}/vox", {}, pace)
        with response, pytest.raises(connect.Broken, match="it brings less than"):
            while connect.read(response, 4096, pace):
                pass
    assert time.monotonic() - began < 8
