"""The page on loopback: a picture that moves, buttons that only the page itself can press."""

import http.client
import json
import re
import subprocess
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fom_core.errors import UsageError
from fom_core.live import Controls, Page, serve
from fom_core.media.label import SOURCE_TYPE


def picture(level):
    return np.full((48, 64, 3), (level, 0, 0), np.uint8)


@pytest.fixture
def controls():
    return Controls()


@pytest.fixture
def page(controls):
    opened = Page(controls, 0)
    yield opened
    opened.close()


def port_of(page):
    return int(page.address.rsplit(":", 1)[1].strip("/"))


def ask(page, place, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(page), timeout=10)
    connection.request(method, place, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def token_of(page):
    (token,) = re.findall(rb"'X-FOM-Token': '([\w-]+)'", ask(page, "/")[1])
    return token.decode()


def redness(jpeg):
    return float(np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))[..., 2].mean())


def parts_of(answer, count):
    """So many pictures of a stream."""
    found = []
    while len(found) < count:
        length = None
        while (line := answer.fp.readline()) != b"\r\n":
            assert line
            if line.lower().startswith(b"content-length"):
                length = int(line.split(b":")[1])
        if length is not None:
            found.append(answer.fp.read(length))
            answer.fp.readline()
    return found


def test_it_is_served_on_this_machine_alone(page):
    answer, body = ask(page, "/")

    assert page.address.startswith("http://127.0.0.1:")
    assert answer.status == 200 and b"{{" not in body
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_stream_gives_the_newest_frames_as_jpeg_that_says_it_is_synthetic(page):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(page), timeout=10)
    connection.request("GET", "/stream")
    page.show(picture(10), 0.0, "")
    answer = connection.getresponse()
    jpegs = parts_of(answer, 1)
    for level in (100, 200):
        page.show(picture(level), 0.0, "")
        jpegs += parts_of(answer, 1)
    connection.close()

    assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace")
    for jpeg, level in zip(jpegs, (10, 100, 200), strict=True):
        assert redness(jpeg) == pytest.approx(level, abs=4)
        assert SOURCE_TYPE.encode() in jpeg


def test_one_picture_and_the_state_can_be_asked_for(page):
    page.show(picture(120), 0.0, "25.0 frames/s  40 ms")

    assert redness(ask(page, "/frame.jpg")[1]) == pytest.approx(120, abs=4)
    assert json.loads(ask(page, "/state")[1]) == {"state": "25.0 frames/s  40 ms"}


@pytest.mark.parametrize("command", ["next", "previous", "calibrate"])
def test_a_button_is_pressed_with_the_pages_token(page, controls, command):
    answer, _ = ask(page, f"/{command}", "POST", **{"X-FOM-Token": token_of(page)})

    assert answer.status == 200
    assert controls.asked() == [command]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-FOM-Token": "guessed"},
        {"X-FOM-Token": "ümlaut".encode("latin-1").decode("latin-1")},
    ],
)
def test_without_the_token_no_button_is_pressed(page, controls, headers):
    answer, _ = ask(page, "/next", "POST", **headers)

    assert answer.status == 403
    assert controls.asked() == []


@pytest.mark.parametrize("place", ["/", "/stream", "/frame.jpg", "/state", "/next"])
@pytest.mark.parametrize(
    "headers",
    [{"Host": "example.org"}, {"Origin": "http://example.org"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=["another name", "another origin", "another site"],
)
def test_other_pages_get_nothing(page, controls, place, headers):
    token = token_of(page)

    answer, body = ask(page, place, "POST" if place == "/next" else "GET", **{"X-FOM-Token": token, **headers})

    assert answer.status == 403
    assert token.encode() not in body
    assert controls.asked() == []


def test_places_that_there_are_not_are_not_found(page):
    assert ask(page, "/../etc/passwd")[0].status == 404
    assert ask(page, "/stop", "POST", **{"X-FOM-Token": token_of(page)})[0].status == 404


def test_closing_ends_the_streams_and_gives_the_port_back(controls):
    page = Page(controls, 0)
    port = port_of(page)
    page.show(picture(1), 0.0, "")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    ended = threading.Event()
    threading.Thread(target=lambda: (answer.read(), ended.set()), daemon=True).start()

    page.close()

    assert ended.wait(5)
    Page(controls, port).close()


def test_a_port_that_is_taken_is_one_line(page, controls):
    with pytest.raises(UsageError, match=f"Port {port_of(page)} of this machine cannot be had"):
        Page(controls, port_of(page))


def test_frames_are_encoded_only_while_somebody_watches(page, monkeypatch):
    def fail(*_):
        raise AssertionError("nobody watches")

    monkeypatch.setattr("fom_core.live.serve.cv2.imencode", fail)
    for level in range(3):
        page.show(picture(level), 0.0, "")


def test_a_stream_waits_as_long_as_no_frame_comes_and_ends_with_who_watches(page, monkeypatch):
    monkeypatch.setattr(serve, "PATIENCE_S", 0.05)
    page.show(picture(10), 0.0, "")
    connection = http.client.HTTPConnection("127.0.0.1", port_of(page), timeout=10)
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    parts_of(answer, 1)

    time.sleep(0.4)
    page.show(picture(200), 0.0, "")
    (jpeg,) = parts_of(answer, 1)
    answer.close()
    connection.close()

    assert redness(jpeg) == pytest.approx(200, abs=4)
    wait_until(lambda: page._newest.watching == 0)


def wait_until(holds, within_s=10.0):
    until_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.02)


@pytest.mark.parametrize("place", ["/stream", "/frame.jpg"])
def test_no_more_than_some_watch_at_a_time(page, monkeypatch, place):
    monkeypatch.setattr(serve, "MOST_WATCHING", 0)
    page.show(picture(10), 0.0, "")

    assert ask(page, place)[0].status == 503


def test_a_fault_of_ours_is_told_and_a_browser_that_left_is_not(page, monkeypatch, caplog):
    page.show(picture(10), 0.0, "")
    for error in (BrokenPipeError("gone"), ZeroDivisionError("a fault")):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(serve, "_encoded", fail)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            ask(page, "/frame.jpg")

    wait_until(lambda: caplog.messages)
    assert caplog.messages == ["The page could not answer a request (ZeroDivisionError: a fault)."]


@pytest.mark.parametrize("port", [70000, -1])
def test_a_port_that_no_machine_has_is_one_line(controls, port):
    with pytest.raises(UsageError, match=f"from 0 to 65535; got {port}"):
        Page(controls, port)


@pytest.mark.browser
def test_a_browser_connects_again_when_it_runs_anew(controls, browser):
    first = Page(controls, 0)
    port = port_of(first)
    command = ["node", str(Path(__file__).with_name("watch_page.mjs")), first.address]
    watching = subprocess.Popen(command, env=browser, stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    words = []

    def show_until(page, word):
        reader = threading.Thread(target=lambda: words.append(watching.stdout.readline()))  # type: ignore[union-attr]
        reader.start()
        while reader.is_alive():
            page.show(picture(100), 0.0, word)
            time.sleep(0.05)

    show_until(first, "seen")
    first.close()
    time.sleep(1.5)  # the page finds it ended
    second = Page(controls, port)
    show_until(second, "again")
    second.close()

    assert (words, watching.wait(30)) == (["seen\n", "again\n"], 0)
