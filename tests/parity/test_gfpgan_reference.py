"""Against the package gfpgan and the helper of facexlib that it aligns faces with, on the same random weights."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from fom_core.enhance import align_face, load_restorer
from fom_core.enhance.alignment import FACE_SIZE
from fom_core.enhance.restore import invert, warp_affine
from fom_core.types import FaceRegion

REASON = "the package gfpgan (extra 'gfpgan') is the reference for face restoration"
LANDMARKS = ((130.0, 149.0), (184.0, 157.0), (151.0, 184.0), (127.0, 202.0), (175.0, 211.0))


@pytest.fixture
def gfpgan_utils(monkeypatch: pytest.MonkeyPatch) -> Any:
    """gfpgan.utils, whose package basicsr looks for a module that torchvision has dropped."""
    pytest.importorskip("spandrel", reason="the package spandrel (extra 'enhance') opens face restorers")
    functional = pytest.importorskip("torchvision.transforms.functional", reason=REASON)
    dropped = ModuleType("torchvision.transforms.functional_tensor")
    dropped.rgb_to_grayscale = functional.rgb_to_grayscale  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, dropped.__name__, dropped)
    return pytest.importorskip("gfpgan.utils", reason=REASON)


@pytest.fixture
def reference(gfpgan_utils: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A GFPGANer on random weights, whose helper is told the landmarks instead of finding them."""

    class Told(gfpgan_utils.FaceRestoreHelper):
        def get_face_landmarks_5(self, **_: Any) -> int:
            self.all_landmarks_5 = [np.array(LANDMARKS)]
            return 1

    utils = importlib.import_module("facexlib.utils.face_restoration_helper")
    monkeypatch.setattr(utils, "init_detection_model", lambda *_, **__: None)
    monkeypatch.setattr(utils, "init_parsing_model", lambda *_, **__: None)
    monkeypatch.setattr(gfpgan_utils, "FaceRestoreHelper", Told)
    torch.manual_seed(0)
    network = importlib.import_module("spandrel.architectures.GFPGAN").GFPGAN()
    torch.save({"params_ema": network.state_dict()}, tmp_path / "gfpgan.pth")
    return gfpgan_utils.GFPGANer(str(tmp_path / "gfpgan.pth"), upscale=1, device=torch.device("cpu"))


@pytest.mark.slow
def test_the_aligned_and_the_restored_face_are_those_of_the_gfpgan_package(reference: Any, tmp_path: Path):
    picture = np.kron(np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    face = FaceRegion((80.0, 70.0, 220.0, 250.0), (0.0, 0.0, 320.0, 320.0), 1.0, 0, (320, 320), LANDMARKS)
    crops, restored, _ = reference.enhance(picture[..., ::-1].copy(), paste_back=False)

    batch = torch.from_numpy(picture).movedim(-1, 0)[None].float() / 255
    aligned = warp_affine(batch, invert(align_face(face).matrix), (FACE_SIZE, FACE_SIZE))
    with torch.inference_mode():
        actual = load_restorer(tmp_path / "gfpgan.pth")(aligned).clamp(0, 1)

    assert pixels(actual).std() > 10
    assert abs(pixels(aligned) - crops[0][..., ::-1]).max() <= 1
    assert abs(pixels(actual) - restored[0][..., ::-1]).max() <= 2


def pixels(batch: torch.Tensor) -> np.ndarray:
    return (batch[0].movedim(0, -1) * 255).round().numpy()
