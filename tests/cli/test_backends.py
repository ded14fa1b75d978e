"""``fom animate --backend``: the same pipeline, whatever computes the model."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fom_core.backends.open import graph_opener
from fom_core.cli import build_parser
from fom_core.cli.backend import open_backend
from fom_core.errors import MissingPackage
from fom_core.export import compare
from fom_core.media import read_picture

ONE = SimpleNamespace(name="one", in_float32=[])
WHERE = ["--filename", "x.png", "--output"]


def frames(folder: Path) -> np.ndarray:
    return np.stack([read_picture(path) for path in sorted(folder.glob("x_*.png"))]).astype(int)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty folder for weights, and for exports that are made on the way."""
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def _skip_without(backend: str) -> None:
    try:
        graph_opener(backend)
    except MissingPackage as error:
        pytest.skip(str(error))


def without_model(words: list[object]) -> list[object]:
    at = words.index("--model")
    return words[:at] + words[at + 2 :]


@pytest.fixture
def by_torch(fom, whole_picture, tmp_path) -> np.ndarray:
    assert fom(*whole_picture, "--dtype", "float32", *WHERE, tmp_path / "torch").status == 0
    return frames(tmp_path / "torch")


@pytest.mark.parametrize("backend", ["onnx", "openvino", "opencv"])
def test_an_exported_folder_gives_the_frames_of_pytorch(
    fom, whole_picture, exported, by_torch, backend, tmp_path, cache
):
    _skip_without(backend)
    words = without_model(whole_picture)
    outcome = fom(*words, "--model", exported, "--backend", backend, *WHERE, tmp_path / backend)
    assert outcome.status == 0
    found = frames(tmp_path / backend)
    assert found.shape == by_torch.shape
    assert abs(found - by_torch).max() <= 1
    assert not cache.exists()


@pytest.mark.slow
def test_litert_gives_the_frames_of_pytorch_too(fom, whole_picture, by_torch, tmp_path, cache):
    pytest.importorskip("litert_torch", reason="needs the extra litert")
    words = [*whole_picture, "--backend", "litert", *WHERE]
    assert fom(*words, tmp_path / "litert").status == 0
    assert abs(frames(tmp_path / "litert") - by_torch).max() <= 1
    (folder,) = (cache / "exports").iterdir()
    assert folder.name.endswith("-litert")
    again = fom(*without_model(whole_picture), "--model", folder, *WHERE, tmp_path / "again")
    assert again.status == 0 and any("with LiteRT, float32" in line for line in again.messages)
    assert np.array_equal(frames(tmp_path / "again"), frames(tmp_path / "litert"))


def test_an_older_opencv_is_one_line_before_any_export(fom, whole_picture, tmp_path, cache, monkeypatch):
    monkeypatch.setattr("cv2.__version__", "4.13.0")
    outcome = fom(*whole_picture, "--backend", "opencv", *WHERE, tmp_path / "out")
    assert outcome.status == 1
    assert "needs OpenCV 5, whose dnn knows the warp; this is 4.13.0. Run: pip install" in outcome.messages[-1]
    assert not cache.exists()


@pytest.mark.usefixtures("traced_once")
def test_a_model_is_exported_once_on_the_way(fom, whole_picture, by_torch, tmp_path, cache):
    first = fom(*whole_picture, "--backend", "onnx", *WHERE, tmp_path / "first")
    assert any(line.startswith("Exporting tiny to") for line in first.messages)
    assert abs(frames(tmp_path / "first") - by_torch).max() <= 1
    second = fom(*whole_picture, "--backend", "onnx", *WHERE, tmp_path / "second")
    assert not any(line.startswith("Exporting") for line in second.messages)
    assert np.array_equal(frames(tmp_path / "first"), frames(tmp_path / "second"))


@pytest.mark.usefixtures("traced_once")
def test_what_an_export_left_out_is_remembered_and_told_in_one_line(fom, whole_picture, tmp_path, cache, monkeypatch):
    monkeypatch.setitem(compare.LEAST_DB, "int8", 500.0)
    words = [*whole_picture, "--backend", "onnx", "--precision", "int8", *WHERE, tmp_path / "out"]
    first, second = fom(*words), fom(*words)
    assert (first.status, second.status) == (1, 1)
    assert any(line.startswith("Exporting tiny to") for line in first.messages)
    assert "has no int8 files (keypoint_detector.int8.onnx is not kept: PSNR" in first.messages[-1]
    of_sound = [line for line in second.messages if line.startswith("warning: Numbered pictures hold no sound")]
    assert second.messages == [*of_sound, first.messages[-1]]
    assert fom(*whole_picture, "--backend", "onnx", *WHERE, tmp_path / "out").status == 0


@pytest.mark.parametrize(("words", "size"), [([], 64), (["--image_size", "64"], 64), (["--image_size", "96"], 96)])
def test_models_animate_at_their_own_size_unless_told(tiny_weights, words, size, caplog):
    caplog.set_level("INFO")
    args = build_parser().parse_args(["animate", "--model", str(tiny_weights), "--cpu", *words])
    config = open_backend(args).config
    assert (config.image_size, config.learnt_size) == ((size, size), (64, 64))
    assert ("tiny sees motion at 64x64 pixels, as it learnt, and paints at 96x96." in caplog.text) == (size == 96)


def test_every_size_is_an_export_of_its_own(tiny_weights, cache, monkeypatch):
    sizes = []
    monkeypatch.setattr("fom_core.cli.backend.open_exported", lambda folder, *_: sizes.append(folder) or ONE)
    monkeypatch.setattr("fom_core.export.export_model", lambda model, *_, **__: sizes.append(model.config))
    for words in ([], ["--image_size", "96"]):
        open_backend(build_parser().parse_args(["animate", "--model", str(tiny_weights), "--backend", "onnx", *words]))
    (own, first, larger, second) = sizes
    assert (own.image_size, larger.image_size) == ((64, 64), (96, 96))
    assert first != second


def test_a_motion_read_by_one_backend_moves_the_other(fom, whole_picture, exported, sound_clip, tmp_path, tiny_weights):
    saved = tmp_path / "m.safetensors"
    assert fom("motion", sound_clip, "--model", exported, "--driving_crop", "none", "--output", saved).status == 0
    source = whole_picture[whole_picture.index("--source_image") + 1]
    words = ["animate", "--source_image", source, "--motion", saved, "--model", tiny_weights, "--source_crop", "none"]
    assert fom(*words, "--cpu", *WHERE, tmp_path / "out").status == 0
    assert len(frames(tmp_path / "out")) == 60


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--backend", "onnx", "--provider", "abacus"], "There is no provider 'abacus'"),
        (["--backend", "onnx", "--dtype", "float16"], "choose --precision"),
        (["--backend", "torch"], "which torch does not compute"),
        (["--image_size", "128"], "was exported for pictures of 64x64"),
    ],
)
def test_what_does_not_fit_an_exported_model_is_one_line(fom, whole_picture, exported, tmp_path, words, told):
    outcome = fom(*without_model(whole_picture), "--model", exported, *words, "--output", tmp_path / "out")
    assert outcome.status in (1, 2)
    assert told in outcome.messages[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--provider", "cuda"], ["--precision", "int8"]])
def test_options_of_exported_models_are_refused_by_torch(fom, whole_picture, tmp_path, words):
    outcome = fom(*whole_picture, *words, "--output", tmp_path / "out")
    assert outcome.status == 2
    assert "Add --backend onnx" in outcome.messages[-1]


@pytest.mark.parametrize(
    ("backend", "module", "package"),
    [
        ("onnx", "onnxruntime", "onnxruntime"),
        ("openvino", "openvino", "openvino"),
        ("litert", "ai_edge_litert.interpreter", "ai-edge-litert"),
    ],
)
def test_a_missing_runtime_is_one_line(fom, whole_picture, exported, tmp_path, monkeypatch, backend, module, package):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    words = [*without_model(whole_picture), "--model", exported, "--backend", backend, "--output", tmp_path / "out"]
    outcome = fom(*words)
    assert outcome.status == 1
    assert f"Run: pip install {package}" in outcome.messages[-1]
    assert not (tmp_path / "out").exists()


def test_openvino_tells_which_devices_there_are(fom, whole_picture, exported, tmp_path):
    pytest.importorskip("openvino", reason="needs the extra openvino")
    words = [*without_model(whole_picture), "--model", exported, "--backend", "openvino", "--provider", "TPU"]
    outcome = fom(*words, "--output", tmp_path / "out")
    assert outcome.status == 2
    assert "OpenVINO has no device 'TPU'" in outcome.messages[-1]


@pytest.mark.parametrize(
    ("backend", "module", "extra"),
    [
        ("onnx", "onnxruntime", "[onnx]"),
        ("openvino", "openvino", "[onnx,openvino]"),
        ("litert", "ai_edge_litert.interpreter", "[litert]"),
    ],
)
def test_what_an_export_on_the_way_needs_is_told_at_once(
    fom, whole_picture, tmp_path, cache, monkeypatch, backend, module, extra
):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    outcome = fom(*whole_picture, "--backend", backend, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert f'Run: pip install "fom-face-animation{extra}"' in outcome.messages[-1]
    assert not cache.exists()


def test_opencv_computes_on_the_processor_alone(fom, whole_picture, exported, tmp_path):
    _skip_without("opencv")
    words = ["--backend", "opencv", "--provider", "cuda", "--output", tmp_path / "out"]
    outcome = fom(*without_model(whole_picture), "--model", exported, *words)
    assert outcome.status in (1, 2)
    assert "computes on the processor, not on cuda" in outcome.messages[-1]
    assert not (tmp_path / "out").exists()
