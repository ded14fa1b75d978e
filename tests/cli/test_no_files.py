"""Every option that names a file refuses a pipe in one line, before anything could wait for it."""

from __future__ import annotations

import os
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kinds of files of POSIX systems")

ANIMATE = "animate --model WEIGHTS --source_image PICTURE --driving_video VIDEO --output out.mp4"
LOOKS = "evaluate --looks --model WEIGHTS --source_image PICTURE --driving_video VIDEO --output out"
COMMANDS = (
    f"{ANIMATE} --config PIPE",
    "animate --model PIPE --source_image PICTURE --driving_video VIDEO --output out.mp4",
    "animate --manifest PIPE",
    "weights info WEIGHTS --config PIPE",
    "weights info PIPE",
    "weights convert WEIGHTS out.safetensors --config PIPE",
    "train clips --config PIPE",
    "train clips --yunet PIPE",
    "preprocess clips --metadata PIPE --output out",
    "evaluate indexed --model WEIGHTS --output out",
    f"{LOOKS} --yunet PIPE",
    "evaluate clips --model WEIGHTS --yunet PIPE",
    "evaluate clips --model WEIGHTS --landmarks PIPE",
    "evaluate clips --model WEIGHTS --lpips PIPE",
    "evaluate clips --model WEIGHTS --identity PIPE",
    "demo --source PIPE",
    "demo --source PICTURE --motion PIPE",
    "export WEIGHTS --output out --config PIPE",
    "export WEIGHTS --output out --frames PIPE",
    "bench --model WEIGHTS --driving_video PIPE",
)


@pytest.fixture
def pipe(tmp_path):
    """A pipe that nobody writes to: whoever opens it waits for ever."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_opens_a_pipe(fom, pipe, tiny_weights, picture_file, sound_clip, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    (tmp_path / "indexed").mkdir()
    (tmp_path / "indexed" / "index.csv").symlink_to(pipe)
    files = {"PIPE": pipe, "WEIGHTS": tiny_weights, "PICTURE": picture_file, "VIDEO": sound_clip}

    outcome = fom(*(files.get(word, word) for word in command.split()))

    assert outcome.status in (1, 2)
    assert " is a pipe, not a file." in outcome.messages[-1]
