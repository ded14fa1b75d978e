"""Clocks that are put forward or back, and files dated in the future, change nothing."""

from __future__ import annotations

import ast
import os
import time
from pathlib import Path

import pytest
import torch

from fom_core.cli.progress import ProgressBar, progress_line
from fom_core.media import VideoReader
from fom_core.weights.load import load_module, slim

ROOT = Path(__file__).resolve().parents[2]
FILES = [*(ROOT / "fom_core").rglob("*.py"), *(ROOT / "nodes").rglob("*.py"), ROOT / "__init__.py", ROOT / "install.py"]
OF_THE_WALL = {"time", "time_ns", "ctime", "localtime", "gmtime", "now", "utcnow", "today"}
FUTURE_S, PAST_S = 4_000_000_000, 1  # 2096 and 1970


def test_nothing_asks_the_clock_on_the_wall():
    """It jumps: by hand, by the network's time, by a machine that slept. ``time.monotonic`` does not.

    But a server's Retry-After may name a moment of it; that wait is bounded.
    """
    asked = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in OF_THE_WALL
        and isinstance(node.value, ast.Name)
        and node.value.id in {"time", "datetime", "date"}
    ]
    assert len(FILES) > 100
    assert [place.partition(":")[0] for place in asked] == ["fom_core/weights/connect.py"]


@pytest.mark.parametrize("jump_s", [86_400, -86_400])
def test_the_time_left_does_not_follow_a_clock_that_jumps(monkeypatch, capsys, jump_s):
    seconds = iter(range(0, 1000, 20))
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    bar = ProgressBar("animating", 100)
    bar(10)
    real = time.time()
    monkeypatch.setattr("time.time", lambda: real + jump_s)
    bar(20)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[-1] for line in lines] == ["3:00 left", "2:40 left"]


@pytest.mark.parametrize(("done", "total", "elapsed_s"), [(5, 10, 0.0), (5, 10, -3.0), (12, 10, 2.0), (0, 10, 5.0)])
def test_no_time_left_is_told_that_nobody_can_know(done, total, elapsed_s):
    line = progress_line("animating", done, total, elapsed_s)
    assert "-" not in line.partition("]")[2]
    assert ("left" in line) == (done > 10)


@pytest.mark.parametrize("date_s", [FUTURE_S, PAST_S])
def test_weights_from_another_age_open_and_their_twin_is_used_again(tiny_model, tmp_path, date_s):
    file = tmp_path / "tiny.pth.tar"
    networks = {"kp_detector": tiny_model.keypoint_detector, "generator": tiny_model.generator}
    torch.save({name: network.state_dict() for name, network in networks.items()}, file)
    os.utime(file, (date_s, date_s))

    twin = slim(file)
    written = twin.stat().st_ino, twin.stat().st_mtime_ns

    assert twin != file
    assert slim(file) == twin
    assert (twin.stat().st_ino, twin.stat().st_mtime_ns) == written
    assert load_module(twin, device="cpu").config.generator == tiny_model.config.generator


def test_a_video_from_the_future_plays(sound_clip, tmp_path):
    copy = tmp_path / "future.mp4"
    copy.write_bytes(sound_clip.read_bytes())
    os.utime(copy, (FUTURE_S, FUTURE_S))
    assert len(list(VideoReader(copy))) == VideoReader(sound_clip).frame_count
