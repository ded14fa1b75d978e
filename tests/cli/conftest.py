"""Fixtures for the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fom_core.cli import main
from fom_core.faces.detection import Detection
from fom_core.media import write_picture
from fom_core.weights.load import save_model


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status, and the lines on stdout and stderr."""

    status: int
    results: list[str]
    messages: list[str]


@pytest.fixture
def fom(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs a command in this process."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as stop:  # argparse
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out.splitlines(), captured.err.splitlines())

    return run


@pytest.fixture(scope="session")
def tiny_weights(tiny_model, tmp_path_factory) -> Path:
    """The tiny model as a file."""
    return save_model(tiny_model, tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture
def picture_file(tmp_path: Path) -> Path:
    """A picture of noise, 90x70 pixels: no face in it."""
    path = tmp_path / "in" / "picture.png"
    write_picture(path, np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8))
    return path


@pytest.fixture
def whole_picture(picture_file: Path, sound_clip: Path, tiny_weights: Path) -> list[object]:
    """A command that animates a picture as a whole, so that no detector is needed; add ``--output``."""
    sources = ["--source_image", picture_file, "--driving_video", sound_clip]
    crops = ["--source_crop", "none", "--driving_crop", "none"]
    return ["animate", *sources, "--model", tiny_weights, *crops, "--image_size", 64, "--cpu"]


class TwoFaces:
    """A detector that always sees a small face on the left and a large one on the right."""

    name = "fake"

    def detect(self, image: np.ndarray) -> list[Detection]:
        return [Detection((4, 20, 16, 32), 0.95), Detection((45, 20, 70, 45), 0.93)]


@pytest.fixture
def two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the faces of :class:`TwoFaces` in any picture."""
    monkeypatch.setattr("fom_core.cli.common.load_detector", lambda name, **_: TwoFaces())
