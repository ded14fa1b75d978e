"""Every stage of an animation while memory runs out, or the device fails: fewer at a time, then one error; no retries.

Faults are raised in the place of the stage's own work, as the libraries raise them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from fom_core.backends.pytorch import PyTorchModel
from fom_core.backends.pytorch.form import Form
from fom_core.compose import composer
from fom_core.compose.device import DevicePainter
from fom_core.compose.host import HostPainter
from fom_core.compose.paste import Paster
from fom_core.enhance import FaceEnhancer
from fom_core.errors import DeviceLost, OutOfMemory
from fom_core.faces.detect import detect_faces
from fom_core.faces.detectors.embedded import EmbeddedDetector, FaceNetwork
from fom_core.media import VideoWriter
from fom_core.parallel.overlap import run_in_background
from fom_core.pipeline import animate_picture
from fom_core.resources.faults import told
from fom_core.types import FaceSet

FACES = FaceSet.from_crops([(2, 3, 42, 43), (36, 20, 76, 60)], (70, 90))
SHORT = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 5368709120 bytes."),
    MemoryError("Unable to allocate 7.45 GiB for an array"),
    cv2.error("OpenCV(5.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 300000000 bytes in f"),
]
LOST = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported")
EVERY_SHORTAGE = pytest.mark.parametrize("error", SHORT, ids=["card", "torch on the host", "numpy", "OpenCV"])


@dataclass(frozen=True)
class Stage:
    """A function that does a stage's work, and how many things a call of it works on.

    mask: of the animation in which it is used.
    """

    owner: Any
    name: str
    count: Callable[..., int]
    mask: str = "flow"
    on_card: bool = False
    enhanced: bool = False


CHUNKED = {
    "reading the driver": Stage(PyTorchModel, "detect_keypoints", lambda self, images: len(images)),
    "generating": Stage(PyTorchModel, "generate", lambda self, source, driving, **_: len(driving)),
    "composing": Stage(HostPainter, "begin", lambda self, courses, painted: len(painted[0])),
    "composing on a card": Stage(DevicePainter, "begin", lambda self, courses, painted: len(painted[0]), on_card=True),
    "pasting": Stage(Paster, "__call__", lambda self, faces, **_: len(faces[0]), mask="soft"),
    "pasting what is enhanced": Stage(Paster, "__call__", lambda self, faces, **_: len(faces[0]), enhanced=True),
    "enhancing": Stage(FaceEnhancer, "__call__", lambda self, frames, face: len(frames), enhanced=True),
    "enhancing what is pasted": Stage(
        FaceEnhancer, "__call__", lambda self, frames, face: len(frames), mask="soft", enhanced=True
    ),
}
WHOLE = {
    "encoding the source": Stage(PyTorchModel, "encode_source", lambda self, image: 1),
    "making the network's form": Stage(Form, "__init__", lambda *_: 1),
}
EVERY_STAGE = pytest.mark.parametrize("name", [*CHUNKED, *WHOLE])


class Fault:
    """Stands before a stage's work and raises where there is more to do than fits; counts that."""

    def __init__(self, patch: pytest.MonkeyPatch, stage: Stage, error: Exception, room: int) -> None:
        self.raised = 0
        real = getattr(stage.owner, stage.name)

        def work(*inputs: Any, **options: Any) -> Any:
            if stage.count(*inputs, **options) > room:
                self.raised += 1
                raise error
            return real(*inputs, **options)

        patch.setattr(stage.owner, stage.name, work)


class Negative(torch.nn.Module):
    """Stands in for a restorer."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(()))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return 1 - faces


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 255, (70, 90, 3), np.uint8)


@pytest.fixture
def run(tiny_model, picture, clip, monkeypatch) -> Callable[..., np.ndarray]:
    """Animates both faces of the picture as a stage needs it, chunks of eight frames: all frames."""

    engine = PyTorchModel.of(tiny_model)

    def animated(stage: Stage, model: PyTorchModel | None = None) -> np.ndarray:
        if stage.on_card:
            monkeypatch.setattr(composer, "HostPainter", partial(DevicePainter, device=torch.device("cpu")))
        enhance = FaceEnhancer(Negative()) if stage.enhanced else None
        chunks = animate_picture(model or engine, picture, FACES, iter(clip), mask=stage.mask, enhance=enhance)  # type: ignore
        return np.concatenate(list(chunks))

    return animated


@pytest.mark.parametrize(("room", "error"), list(zip([1, 3, 1, 3], SHORT, strict=True)))
@pytest.mark.parametrize("name", CHUNKED)
def test_a_stage_that_runs_short_goes_on_with_fewer_and_gives_the_same(run, monkeypatch, name, room, error):
    expected = run(CHUNKED[name])

    with monkeypatch.context() as patch:
        fault = Fault(patch, CHUNKED[name], error, room)
        frames = run(CHUNKED[name])

    np.testing.assert_array_equal(frames, expected)
    assert 1 <= fault.raised <= 8  # eight, four, two; twice where the next chunk had begun; by pairs of faces


@EVERY_SHORTAGE
@EVERY_STAGE
def test_what_does_not_fit_at_all_is_one_sentence_and_the_next_run_works(run, monkeypatch, tiny_model, name, error):
    stage, model = (CHUNKED | WHOLE)[name], PyTorchModel.of(tiny_model)
    expected = run(stage, model)
    model.release()  # so that the form is made anew

    with monkeypatch.context() as patch:
        fault = Fault(patch, stage, error, room=0)
        with pytest.raises(Exception) as caught:
            run(stage, model)

    sentence = told(caught.value)
    assert isinstance(sentence, OutOfMemory)
    assert "more were wanted" in str(sentence)
    assert fault.raised <= 10
    np.testing.assert_array_equal(run(stage, model), expected)


@EVERY_STAGE
def test_a_lost_device_is_told_at_once_and_nothing_is_tried_again(run, monkeypatch, tiny_model, name):
    stage, model = (CHUNKED | WHOLE)[name], PyTorchModel.of(tiny_model)
    with monkeypatch.context() as patch:
        fault = Fault(patch, stage, LOST, room=0)
        with pytest.raises(RuntimeError) as caught:
            run(stage, model)

    assert isinstance(told(caught.value), DeviceLost)
    assert fault.raised <= 2  # the next chunk may have begun


@EVERY_SHORTAGE
def test_face_detection_that_runs_short_is_told(monkeypatch, picture, error):
    detector = EmbeddedDetector()
    expected = detect_faces(picture, detector)
    with monkeypatch.context() as patch:
        Fault(patch, Stage(FaceNetwork, "forward", lambda *_: 1), error, room=0)
        with pytest.raises(type(error)) as caught:
            detect_faces(picture, detector)
    assert isinstance(told(caught.value), OutOfMemory)
    assert detect_faces(picture, detector) == expected


@EVERY_SHORTAGE
def test_encoding_that_runs_short_is_told_and_leaves_no_file(monkeypatch, tmp_path, picture, error):
    Fault(monkeypatch, Stage(np, "ascontiguousarray", len), error, room=0)
    with (
        pytest.raises(type(error)) as caught,
        VideoWriter(tmp_path / "out.mp4", 25) as writer,
        run_in_background(writer.write) as write,
    ):
        write(picture[None])
    assert isinstance(told(caught.value), OutOfMemory)
    assert not list(tmp_path.iterdir())
