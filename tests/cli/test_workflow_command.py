"""``fom workflow convert`` reads a workflow, writes another beside it, and replaces nothing unasked."""

from __future__ import annotations

import json

import pytest

from fom_core.cli import main
from tests.first_order_mm import exported, saved


@pytest.fixture
def workflow(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps(saved()), encoding="utf-8")
    return path


def test_a_workflow_is_written_beside_the_old_one(workflow, capsys):
    assert main(["workflow", "convert", str(workflow)]) == 0

    told = capsys.readouterr()
    written = workflow.with_name("old_fom.json")
    assert told.out == f"{written}\n"
    assert "1 node was replaced." in told.err
    assert "FOMM_Runner 21: vox-adv-256 is the file vox-adv-cpk.pth.tar" in told.err
    assert "FOMPasteFaces" in [node["type"] for node in json.loads(written.read_text(encoding="utf-8"))["nodes"]]


def test_a_file_that_is_there_is_replaced_only_when_told(workflow, capsys):
    there = workflow.with_name("new.json")
    there.write_text("mine")

    refused = main(["workflow", "convert", str(workflow), "--output", str(there)])
    kept = there.read_text()
    done = main(["workflow", "convert", str(workflow), "--output", str(there), "--overwrite"])

    assert (refused, kept, done) == (2, "mine", 0)
    assert "is there already" in capsys.readouterr().err
    assert json.loads(there.read_text(encoding="utf-8"))["version"] == 0.4


def test_the_workflow_itself_is_never_replaced(workflow, capsys):
    before = workflow.read_bytes()

    assert main(["workflow", "convert", str(workflow), "--output", str(workflow), "--overwrite"]) == 2
    assert workflow.read_bytes() == before


def test_seeds_of_64_bits_and_numbers_that_are_none_are_kept(tmp_path):
    path, output = tmp_path / "a.json", tmp_path / "b.json"
    graph = exported() | {"50": {"class_type": "KSampler", "inputs": {"seed": 2**64 - 1}, "is_changed": [float("nan")]}}
    path.write_text(json.dumps(graph), encoding="utf-8")

    assert main(["workflow", "convert", str(path), "--output", str(output), "--model", "mini"]) == 0
    sampler = json.loads(output.read_text(encoding="utf-8"))["50"]
    assert sampler["inputs"]["seed"] == 2**64 - 1
    assert sampler["is_changed"][0] != sampler["is_changed"][0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "is no JSON"), ('{"a": 1}', "no workflow of ComfyUI"), ('{"nodes": []}', "No node of ComfyUI-FirstOrderMM")],
)
def test_other_files_are_refused_in_a_line_and_nothing_is_written(tmp_path, capsys, content, sentence):
    path = tmp_path / "a.json"
    path.write_text(content)

    assert main(["workflow", "convert", str(path)]) == 1
    told = capsys.readouterr().err
    assert sentence in told and str(path) in told and len(told.splitlines()) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
