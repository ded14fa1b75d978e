"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch

from fom_core.export.parts import Graph
from fom_core.media import write_picture
from fom_core.networks import (
    DenseMotionConfig,
    GeneratorConfig,
    HourglassConfig,
    KeypointDetectorConfig,
    ModelConfig,
    MotionModel,
    create_model,
)

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that import ONNX Runtime themselves
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(max(torch.get_num_threads() // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]), 1))


SHARED = Path(os.environ.get("FOM_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with larger reference results and real media; without it, tests that need it are left out."""
    return SHARED


def pytest_report_header() -> str:
    if SHARED.is_dir():
        return f"real media and larger references: {SHARED}"
    return f"real media and larger references: not at {SHARED} (see FOM_SHARED), tests with them are left out"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that need the fixture ``shared``, and leave them out where its folder is absent."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
    if not SHARED.is_dir():
        left_out = [item for item in items if item.get_closest_marker("shared")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("shared")]


TINY = ModelConfig(
    KeypointDetectorConfig(HourglassConfig.regular(8, 16, 2), num_kp=4),
    GeneratorConfig.regular(8, 16, 1, 1, DenseMotionConfig(HourglassConfig.regular(8, 16, 2)), num_kp=4),
    image_size=(64, 64),
)


@pytest.fixture(scope="session")
def tiny_config() -> ModelConfig:
    """Four keypoints, 64 px, a few thousand weights."""
    return TINY


@pytest.fixture(scope="session")
def tiny_model() -> MotionModel:
    """A random model whose keypoints depend on the picture; treat it as read-only."""
    torch.manual_seed(0)
    model = create_model(TINY).eval()
    for parameter in model.keypoint_detector.kp.parameters():
        parameter.data *= 3
    assert model.keypoint_detector.jacobian is not None
    for parameter in model.keypoint_detector.jacobian.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    model.name = "tiny"
    return model.requires_grad_(False)


@pytest.fixture(scope="session")
def clip() -> np.ndarray:
    """Twelve frames of a bright blob that wanders over a textured ground: (12, 80, 80, 3) uint8."""
    noise = np.random.default_rng(0).integers(0, 90, (80, 80, 3))
    y, x = np.mgrid[:80, :80]
    frames = []
    for t in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        distance = (x - 40 - 14 * np.cos(t)) ** 2 + (y - 40 - 14 * np.sin(t)) ** 2
        frames.append(noise + 160 * np.exp(-distance / 120)[..., None])
    return np.stack(frames).astype(np.uint8)


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., str]:
    """Runs ffmpeg with these arguments, for clips that tests need; gives what it reports."""

    def run(*arguments: object) -> str:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-y", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, check=False).stderr.decode("utf-8", "replace")

    return run


@pytest.fixture(scope="session")
def sound_clip(ffmpeg: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a test picture, 96x64 pixels, 30000/1001 frames a second, with a tone."""
    path = tmp_path_factory.mktemp("clips") / "sound.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=30000/1001:duration=2.002"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2.002"]
    ffmpeg(*picture, *tone, "-pix_fmt", "yuv420p", "-movflags", "+faststart", path)
    return path


@pytest.fixture(scope="session")
def exported(tiny_model: MotionModel, clip_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as ``fom export`` writes it, in every variant."""
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    from fom_core.export import export_model

    folder = tmp_path_factory.mktemp("exported") / "tiny"
    export_model(tiny_model, folder, variants=["float16", "int8", "archive"], frames=clip_file)
    return folder


@pytest.fixture
def traced_once(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs of the tiny model come from the one export: tracing takes seconds."""

    def copy(graph: Graph, path: Path) -> None:
        shutil.copy(exported / path.name, path)

    monkeypatch.setattr("fom_core.export.variants.write_onnx", copy)
    monkeypatch.setattr("fom_core.export.variants.write_archive", copy)


@pytest.fixture(scope="session")
def clip_file(clip: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as a folder of pictures."""
    folder = tmp_path_factory.mktemp("clip")
    for number, frame in enumerate(clip):
        write_picture(folder / f"{number:02}.png", frame)
    return folder


@pytest.fixture(scope="session")
def browser() -> dict[str, str]:
    """The environment in which Node finds Chromium and playwright-core."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    playwright = os.environ.get("PLAYWRIGHT_DIR")
    if not (chromium and playwright and shutil.which("node")):
        pytest.skip(
            "set PLAYWRIGHT_DIR to a folder with node_modules/playwright-core, and CHROMIUM to a browser; needs node"
        )
    return {**os.environ, "CHROMIUM": chromium, "PLAYWRIGHT_DIR": playwright}
