"""Commands whose memory or graphics card gives out: one line, no traceback, no file, and the next run works."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from fom_core.backends.pytorch import PyTorchModel
from fom_core.compose.host import HostPainter
from fom_core.media import read_picture
from fom_core.media.encode import EncodedVideo
from fom_core.media.sequence import NumberedPictures

SHORT = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
LOST = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported")
FEW = 12
STAGES = [
    (PyTorchModel, "encode_source"),
    (PyTorchModel, "detect_keypoints"),
    (PyTorchModel, "generate"),
    (HostPainter, "begin"),
    (NumberedPictures, "write"),
]


@pytest.fixture
def few_frames(whole_picture, sound_clip, ffmpeg, tmp_path) -> list[object]:
    """A command that animates the faces of a picture by a dozen frames; add ``--output``."""
    ffmpeg("-i", sound_clip, "-frames:v", FEW, "-an", tmp_path / "few.mp4")
    swapped = {"none": "face", sound_clip: tmp_path / "few.mp4"}
    return [swapped.get(word, word) for word in whole_picture]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SHORT, "fom: The graphics card's memory ran out: 2.0 GB more were wanted. Use a smaller picture"),
        (MemoryError(), "fom: The memory of this machine (RAM) ran out. Use a smaller picture"),
        (LOST, "fom: The graphics card stopped working (CUDA error: unspecified launch failure), and this process"),
    ],
)
@pytest.mark.parametrize(("owner", "name"), STAGES)
def test_what_gives_out_is_told_in_one_line(
    fom, few_frames, two_faces, tmp_path, monkeypatch, owner, name, error, sentence
):
    command = [*few_frames, "--output", tmp_path / "out" / "frame.png"]

    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        outcome = fom(*command)

    assert outcome.status == 1
    assert outcome.results == []
    assert outcome.messages[-1].startswith(sentence)
    assert not any("Traceback" in line or "File " in line for line in outcome.messages)
    assert not (tmp_path / "out").exists()
    assert fom(*command).status == 0


def test_frames_are_the_same_where_memory_is_short(fom, few_frames, two_faces, tmp_path, monkeypatch):
    fom(*few_frames, "--output", tmp_path / "plenty" / "frame.png")
    real = HostPainter.begin

    def cramped(self, courses, painted):
        if len(painted[0]) > 1:
            raise MemoryError
        return real(self, courses, painted)

    monkeypatch.setattr(HostPainter, "begin", cramped)
    outcome = fom(*few_frames, "--output", tmp_path / "short" / "frame.png")

    names = sorted(path.name for path in (tmp_path / "plenty").iterdir())
    assert len(names) == FEW
    assert "Memory is short: going on with 1 at a time." in outcome.messages
    for name in names:
        assert (read_picture(tmp_path / "plenty" / name) == read_picture(tmp_path / "short" / name)).all()


def test_an_encoder_that_the_system_ended_is_told(fom, whole_picture, tmp_path, monkeypatch):
    real = EncodedVideo.write

    def write(self, frames):
        real(self, frames)
        os.killpg(self._process._process.pid, signal.SIGKILL)  # as Linux does when memory runs out
        self._process._process.wait()
        real(self, frames)

    monkeypatch.setattr(EncodedVideo, "write", write)

    outcome = fom(*whole_picture, "--output", tmp_path / "out.mp4")

    assert outcome.status == 1
    assert "it was killed by SIGKILL). Try again with more memory free" in outcome.messages[-1]
    assert not (tmp_path / "out.mp4").exists()
