"""Encoders of graphics chips: asked for before the work begins, refused in one clear line."""

from __future__ import annotations

import numpy as np
import pytest

from fom_core.errors import MediaError, UsageError
from fom_core.media import VideoReader, VideoWriter, encoders
from fom_core.media.encoders import ENCODERS, options_of, require_encoder
from fom_core.media.process import Ending


def test_an_unknown_encoder_is_refused_with_those_that_are_known():
    with pytest.raises(UsageError, match=r"no H\.264 encoder 'h264_magic' here; use one of libx264, h264_nvenc"):
        require_encoder("h264_magic")


def test_an_encoder_that_ffmpeg_was_built_without_is_named_with_those_it_has(monkeypatch):
    listed = " V....D libx264    libx264 H.264 (codec h264)\n V....D h264_nvenc  NVIDIA (codec h264)\n"
    monkeypatch.setattr(encoders, "run_ffmpeg", lambda *_: (listed, Ending(0, "", None)))
    with pytest.raises(MediaError, match=r"has no encoder h264_videotoolbox\. It has libx264, h264_nvenc; choose"):
        require_encoder("h264_videotoolbox")


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "libx264"])
def test_an_encoder_of_this_ffmpeg_works_or_says_in_one_sentence_why_not(name, tmp_path):
    path = tmp_path / "out.mp4"
    try:
        with VideoWriter(path, 25, encoder=name) as writer:
            writer.write(np.full((3, 256, 256, 3), 90, np.uint8))
    except MediaError as error:
        assert name in str(error) and "\n" not in str(error)
        assert list(tmp_path.iterdir()) == []
    else:
        assert VideoReader(path).frame_count == 3


@pytest.mark.parametrize("name", ["out.webm", "out.gif", "frames.png"])
def test_h264_encoders_are_for_containers_that_hold_it(name, tmp_path):
    with pytest.raises(UsageError, match=r"encoder libx264 makes.*\.mp4"):
        VideoWriter(tmp_path / name, 25, encoder="libx264")
    assert list(tmp_path.iterdir()) == []


def test_quality_reaches_every_encoder_in_its_own_words():
    assert {name: options_of(name, 20)[-1] for name in ENCODERS} == {
        "libx264": "veryfast",
        "h264_nvenc": "0",
        "h264_qsv": "20",
        "h264_vaapi": "20",
        "h264_videotoolbox": "60",
    }
