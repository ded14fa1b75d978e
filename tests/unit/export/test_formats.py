"""``fom export --format``: files of other runtimes beside ONNX, or in its place."""

import json
import os
import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fom_core.backends import ExportedModel, open_exported, read_package
from fom_core.backends.exported import Run, one_by_one
from fom_core.backends.onnx import open_graph
from fom_core.errors import FomError, MissingPackage, UnsupportedModel, UsageError
from fom_core.export import export_model
from fom_core.export.compare import ExportCheck
from fom_core.export.export import files_in
from fom_core.export.formats import FORMATS, NEVER_RUN, Format, Material
from fom_core.export.variants import SUFFIXES


def as_onnx(material: Material, path: Path, precision: str) -> None:
    shutil.copy(material.onnx, path)


def pretending(name: str, **changed: object) -> Format:
    """The format, its files being copies of the ONNX files that ONNX Runtime computes."""
    told = {"needs": {}, "beside": {}, "write": as_onnx, "open_file": lambda path, _: open_graph(path), **changed}
    return replace(FORMATS[name], **told)  # type: ignore[arg-type]


@pytest.mark.usefixtures("traced_once")
def test_a_format_takes_the_place_of_onnx_and_tells_what_it_wants(monkeypatch, tiny_model, clip_file, tmp_path):
    monkeypatch.setitem(FORMATS, "litert", pretending("litert"))
    variants = ["float16", "archive"]
    package = export_model(
        tiny_model, tmp_path / "out", variants=variants, formats=["litert"], frames=clip_file
    ).package
    names = {path.name.partition(".")[2] for path in (tmp_path / "out").iterdir()}
    assert names == {"json", "tflite", "fp16.tflite", "pt2"}
    assert package.precisions == ["archive", "litert", "litert-float16"]
    assert read_package(tmp_path / "out") == package
    about = json.loads((tmp_path / "out" / "model.json").read_text())["formats"]["litert"]
    assert (about["batch"], about["compared_by"].partition(" ")[0]) == ("1", "ai-edge-litert")
    assert "runner" in about["trap"] and "channels" in about["layout"]
    assert package.parts["generator"].files["litert"].differences["prediction_max"] <= 1e-3
    with pytest.raises(UnsupportedModel, match="has no float32 files, only archive, litert, litert-float16"):
        open_exported(tmp_path / "out", "onnx")


@pytest.mark.usefixtures("traced_once")
def test_a_format_stands_beside_onnx(monkeypatch, tiny_model, clip_file, tmp_path):
    monkeypatch.setitem(FORMATS, "mnn", pretending("mnn"))
    result = export_model(tiny_model, tmp_path / "out", formats=["onnx", "mnn"], frames=clip_file)
    assert result.package.precisions == ["float32", "mnn"]
    assert {path.name for path in result.folder.iterdir()} <= {path.name for path in files_in(result.folder)}
    export_model(tiny_model, tmp_path / "out", frames=clip_file)
    assert not list((tmp_path / "out").glob("*.mnn"))


@pytest.mark.usefixtures("traced_once")
def test_what_nothing_here_computes_says_so(monkeypatch, tiny_model, clip_file, tmp_path):
    monkeypatch.setitem(FORMATS, "coreml", pretending("coreml", open_file=None))
    package = export_model(tiny_model, tmp_path / "out", formats=["coreml"], frames=clip_file).package
    assert package.formats["coreml"]["compared_by"] == NEVER_RUN
    assert package.parts["generator"].files["coreml"].differences == {}


@pytest.mark.usefixtures("traced_once")
def test_a_file_that_computes_something_else_is_left_out(monkeypatch, tiny_model, clip_file, tmp_path):
    def open_wrongly(path: Path, _: object) -> Run:
        run = open_graph(path)
        return lambda inputs: {name: value * np.float32(0.5) for name, value in run(inputs).items()}

    monkeypatch.setitem(FORMATS, "mnn", pretending("mnn", open_file=open_wrongly))
    package = export_model(tiny_model, tmp_path / "out", formats=["mnn", "onnx"], frames=clip_file).package
    assert package.precisions == ["float32"] and package.formats == {}
    assert len(package.left_out["mnn"]) == 4
    assert all(" is not kept: largest difference" in line for line in package.left_out["mnn"])
    assert not list((tmp_path / "out").glob("*.mnn"))


@pytest.mark.usefixtures("traced_once")
def test_a_converter_that_fails_leaves_the_other_files(monkeypatch, tiny_model, clip_file, tmp_path):
    def fail_at_one(material: Material, path: Path, precision: str) -> None:
        if material.graph.name == "relative_generator":
            raise FomError("no such operator")
        as_onnx(material, path, precision)

    monkeypatch.setitem(FORMATS, "ncnn", pretending("ncnn", write=fail_at_one))
    package = export_model(tiny_model, tmp_path / "out", formats=["ncnn"], frames=clip_file).package
    (line,) = package.left_out["ncnn"]
    assert line.startswith(
        "relative_generator.ncnn.param is not kept: its converter failed (FomError: no such operator"
    )
    assert package.precisions == ["ncnn"]
    assert "relative_generator" not in package.parts
    assert read_package(tmp_path / "out") == package


@pytest.mark.usefixtures("traced_once")
def test_an_export_without_a_part_that_an_animation_needs_leaves_the_earlier_one(
    monkeypatch, tiny_model, clip_file, tmp_path
):
    def fail_at_one(material: Material, path: Path, precision: str) -> None:
        if material.graph.name == "generator":
            raise FomError("no such operator")
        as_onnx(material, path, precision)

    monkeypatch.setitem(FORMATS, "ncnn", pretending("ncnn", write=fail_at_one))
    earlier = export_model(tiny_model, tmp_path / "out", frames=clip_file).package
    with pytest.raises(
        FomError, match=r"^No file of the generator was kept, .* \(FomError: no such operator.* onnx\.$"
    ):
        export_model(tiny_model, tmp_path / "out", formats=["ncnn"], frames=clip_file)
    assert read_package(tmp_path / "out") == earlier


@pytest.mark.usefixtures("traced_once")
def test_a_format_whose_files_fail_together_is_not_described(monkeypatch, tiny_model, clip_file, tmp_path):
    def found(check: ExportCheck, model: ExportedModel) -> dict[str, float]:
        apart = of_all(check, model)
        asked.append(apart)
        return apart if len(asked) == 1 else {**apart, "prediction_max": 0.5}

    asked, of_all = [], ExportCheck.of_all
    monkeypatch.setattr(ExportCheck, "of_all", found)
    monkeypatch.setitem(FORMATS, "mnn", pretending("mnn"))
    package = export_model(tiny_model, tmp_path / "out", formats=["onnx", "mnn"], frames=clip_file).package
    assert package.left_out["mnn"][0].startswith("mnn, all parts together is not kept")
    assert (package.precisions, package.formats) == (["float32"], {})


@pytest.mark.usefixtures("traced_once")
def test_an_export_says_what_begins(monkeypatch, tiny_model, clip_file, tmp_path):
    monkeypatch.setitem(FORMATS, "mnn", pretending("mnn"))
    steps: list[str] = []

    export_model(tiny_model, tmp_path / "out", formats=["mnn"], frames=clip_file, tell=steps.append)

    assert steps[:2] == ["reading the frames to compare on", "painting them with PyTorch"]
    assert steps.index("writing generator.mnn") < steps.index("comparing generator.mnn")
    assert steps[-1] == "comparing the mnn files together"
    assert len(set(steps)) == len(steps)


def test_a_missing_extra_is_one_line_before_any_work(monkeypatch, tiny_model, tmp_path):
    monkeypatch.setitem(sys.modules, "MNN", None)
    with pytest.raises(
        MissingPackage, match=r'^The format mnn needs the package MNN,.*pip install "fom-face-.*\[mnn\]"$'
    ):
        export_model(tiny_model, tmp_path / "out", formats=["mnn"])
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_told_with_those_there_are(tiny_model, tmp_path):
    with pytest.raises(UsageError, match=r"no format 'caffe'\. Choose from onnx, litert, executorch"):
        export_model(tiny_model, tmp_path / "out", formats=["caffe"])


def test_formats_have_suffixes_of_their_own():
    assert len(set(SUFFIXES.values())) == len(SUFFIXES)
    parts = [name for form in FORMATS.values() for name in form.files_of(Path(f"x{form.suffixes['float32']}"))]
    assert {path.name for path in parts} == {"x.bin", "x.ncnn.bin"}


def test_a_graph_of_one_frame_computes_any_batch():
    asked = []

    def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        asked.append({name: value.shape for name, value in inputs.items()})
        return {"sum": inputs["moving"] + inputs["still"]}

    moving, still = np.arange(6.0).reshape(3, 2), np.array([[10.0, 20.0]])
    found = one_by_one(run)({"moving": moving, "still": still})["sum"]
    assert np.array_equal(found, moving + still)
    assert asked == 3 * [{"moving": (1, 2), "still": (1, 2)}]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_computes_what_pytorch_does(tiny_model, clip_file, tmp_path, name):
    try:
        FORMATS[name].require()
    except MissingPackage as error:
        pytest.skip(str(error))
    result = export_model(tiny_model, tmp_path / "out", variants=["float16", "int8"], formats=[name], frames=clip_file)
    assert result.package.left_out.get(name, []) == []
    assert name in result.package.precisions
    for part in result.package.parts.values():
        apart = part.files[name].differences
        assert apart["prediction_max"] <= 5e-4 if FORMATS[name].open_file else apart == {}


@pytest.mark.slow
def test_converting_for_mnn_installs_nothing_and_asks_no_host(monkeypatch, tiny_model, clip_file, tmp_path):
    pytest.importorskip("MNN")
    called = tmp_path / "called"
    for name in ("pip", "pip3"):
        stand_in = tmp_path / "bin" / name
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(f'#!/bin/sh\necho "$*" >> "{called}"\n')
        stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.settimeout(0.1)
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{host.getsockname()[1]}")
        export_model(tiny_model, tmp_path / "out", formats=["mnn"], frames=clip_file)
        with pytest.raises(TimeoutError):
            host.accept()
    assert (tmp_path / "out" / "generator.mnn").is_file() and not called.exists()
