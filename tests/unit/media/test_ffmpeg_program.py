"""Which ffmpeg is used, and what is said of one that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fom_core.errors import MissingPackage
from fom_core.media import VideoReader, VideoWriter
from fom_core.media.program import OLDEST, environment, executable

pytestmark = pytest.mark.skipif(os.name == "nt", reason="stands in for ffmpeg by a shell script")


@pytest.fixture
def named(monkeypatch, tmp_path):
    """Makes a program that says ``words`` and names it in the environment."""

    def name(words: str, status: int = 0) -> Path:
        program = tmp_path / "ffmpeg"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{words}\nEND\nexit {status}\n")
        program.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
        return program

    return name


def words(version: str, avutil: str) -> str:
    return f"ffmpeg version {version} Copyright (c) the FFmpeg developers\nlibavutil      {avutil} / {avutil}"


@pytest.mark.parametrize(
    ("version", "avutil"),
    [
        ("4.2.2-static", "56. 31.100"),
        ("n4.4.6", "56. 70.100"),
        ("5.0.3", "57. 17.100"),
        ("N-99816-g3da35b7", "56. 60.100"),
    ],
)
def test_an_ffmpeg_that_is_too_old_is_refused_with_what_to_do(named, version, avutil):
    program = named(words(version, avutil))
    with pytest.raises(MissingPackage) as caught:
        executable()
    message = str(caught.value)
    assert f"ffmpeg {OLDEST} or newer is needed, {program} is {version}." in message
    assert "pip install -U imageio-ffmpeg" in message and "IMAGEIO_FFMPEG_EXE" in message and "\n" not in message


@pytest.mark.parametrize(
    ("version", "avutil"),
    [("5.1.9-0+deb12u1", "57. 28.100"), ("7.0.2-static", "59.  8.100"), ("2026-01-05-git-2892815-full", "60. 21.101")],
)
def test_releases_and_builds_from_git_that_are_new_enough_are_taken(named, version, avutil):
    program = named(words(version, avutil))
    assert executable() == str(program)


@pytest.mark.parametrize(("said", "status", "reason"), [("", 3, "status 3"), ("hello", 0, "does not tell its version")])
def test_a_program_that_fails_or_is_another_one_is_named(named, said, status, reason):
    program = named(said, status)
    with pytest.raises(MissingPackage, match=reason) as caught:
        executable()
    assert str(program) in str(caught.value)


def test_a_program_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    with pytest.raises(MissingPackage, match=r"nowhere cannot be started \(No such file or directory\)\. Run: pip"):
        executable()


def test_no_program_at_all_is_told(monkeypatch):
    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", none)
    with pytest.raises(MissingPackage, match="No ffmpeg program was found"):
        executable()


def test_videos_are_refused_before_work_is_done(named, sound_clip, tmp_path):
    named(words("4.2.2-static", "56. 31.100"))
    for open_video in (lambda: VideoReader(sound_clip), lambda: VideoWriter(tmp_path / "out" / "result.mp4", 25)):
        with pytest.raises(MissingPackage, match=r"4\.2\.2-static"):
            open_video()
    assert not (tmp_path / "out").exists()


def test_pictures_need_no_ffmpeg(monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    with VideoWriter(tmp_path / "frames", 25) as writer:
        writer.write(np.zeros((2, 4, 4, 3), np.uint8))
    assert len(list((tmp_path / "frames").iterdir())) == 2


def test_ffmpeg_keeps_the_environment_but_for_the_tables_that_crash_it(monkeypatch):
    monkeypatch.setenv("GCONV_PATH", "/somewhere")
    assert environment() == {**os.environ, "GCONV_PATH": os.devnull}
