"""A whole compression in a few steps: files, report, going on, and what is refused."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from fom_core.cli import main
from fom_core.cli.compress import RECIPES, recipe_path
from fom_core.compress.channels import read_channels, take_channels
from fom_core.compress.compress import check_begun, compress_from_folder
from fom_core.compress.cost import frame_macs, trainable_parameters
from fom_core.errors import UsageError
from fom_core.networks import create_model
from fom_core.training.checkpoint import Checkpointing
from fom_core.training.config import load_config
from fom_core.training.given import TrainingInputs
from fom_core.training.train import train_from_folder
from fom_core.weights.load import load_module, save_model
from tests.drawn_meshes import face, posed

STAGES = ["teacher", "detector", "generator", "both", "pruned, before training", "pruned"]
PRUNING = """
dataset_params: {oversize: 1}
train_params: {steps: 1, lr: 0, batch_size: 1, scales: [1], loss_weights: {perceptual: [1], l1: 1}}
perceptual_widths: [4]
stages: [{name: less, prune: 0.25, prune_refit: false}]
"""
STORED = ["student, float32", "student, float16", "student, int8"]


def test_a_compression_writes_students_and_a_report(recipe, clips, teacher_file, tmp_path, capsys):
    output = tmp_path / "run"
    words = ["compress", clips, "--teacher", teacher_file, "--config", recipe, "--output", output]

    assert main(list(map(str, words))) == 0

    rows = json.loads((output / "report.json").read_text())
    assert [row["stage"] for row in rows] == STAGES + STORED
    table, _, path = capsys.readouterr().out.rstrip().rpartition("\n\n")
    assert path == str(output / "report.md")
    assert table.count("\n") == len(rows) + 1
    assert table in (output / "report.md").read_text()
    by_name = {row["stage"]: row for row in rows}
    assert by_name["pruned"]["parameters"] <= 0.8 * by_name["both"]["parameters"]
    assert by_name["student, int8"]["bytes"] < by_name["student, float16"]["bytes"] < by_name["pruned"]["bytes"]
    assert all(0 < row["l1"] < 1 and row["macs"] > 0 and row["frame_ms"] > 0 for row in rows)
    student = load_module(output / "small.safetensors", device="cpu")
    assert trainable_parameters(student) == by_name["student, float32"]["parameters"]
    stages = [load_module(output / by_name[name]["file"], device="cpu").config for name in STAGES[1:4]]
    mobile = [(config.keypoint_detector.mobile, config.generator.mobile) for config in stages]
    assert mobile == [(True, False), (False, True), (True, True)]


def test_a_second_call_goes_on_and_ends_the_same(recipe, clips, teacher_file, tmp_path):
    stages = "stages: [{name: generator, learns: generator}, {name: pruned, prune: 0.2}]\n"
    recipe.write_text(recipe.read_text().split("stages:")[0] + stages)

    def run(output, *overrides):
        torch.manual_seed(len(overrides))  # what was drawn before must not matter
        compress_from_folder(
            teacher_file, TrainingInputs(recipe, clips, overrides), output, checkpointing=Checkpointing(every=1)
        )
        return load_module(output / "small.safetensors", device="cpu").state_dict()

    whole = run(tmp_path / "whole")
    run(tmp_path / "stopped", "stages.generator.steps=1")
    for path in (tmp_path / "stopped").glob("2-*"):  # as if it had been stopped within the first stage
        path.rename(tmp_path / path.name)
    resumed = run(tmp_path / "stopped")

    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, msg=name)


def test_a_student_like_its_teacher_starts_with_its_weights(clips, teacher_file, tmp_path, tiny_model):
    recipe = tmp_path / "prune.yaml"
    recipe.write_text(PRUNING)
    compress_from_folder(teacher_file, TrainingInputs(recipe, clips), tmp_path / "run")

    pruned = load_module(tmp_path / "run" / "1-less" / "pruned.safetensors", device="cpu")
    assert 0.7 < trainable_parameters(pruned) / trainable_parameters(tiny_model) <= 0.75
    weights, kept = (model.state_dict()["generator.final.weight"].unbind(1) for model in (tiny_model, pruned))
    columns = {tuple(column.flatten().tolist()) for column in weights}
    assert all(tuple(column.flatten().tolist()) in columns for column in kept)


def test_a_painter_pruned_for_time_leaves_motion_as_it_is(clips, teacher_file, tmp_path, tiny_model):
    recipe = tmp_path / "prune.yaml"
    recipe.write_text(PRUNING)
    options = ["by=multiplications", "parts=[painter]", "multiple=4"]
    overrides = [f"stages.less.prune_{option}" for option in options]
    compress_from_folder(teacher_file, TrainingInputs(recipe, clips, overrides), tmp_path / "run")

    stage = tmp_path / "run" / "1-less"
    pruned = load_module(stage / "pruned.safetensors", device="cpu")
    assert frame_macs(pruned) <= 0.75 * frame_macs(tiny_model)
    assert pruned.config.keypoint_detector == tiny_model.config.keypoint_detector
    assert pruned.config.generator.dense_motion == tiny_model.config.generator.dense_motion
    again = take_channels(tiny_model, read_channels(stage / "channels.json", tiny_model))
    assert all(torch.equal(value, pruned.state_dict()[name]) for name, value in again.state_dict().items())


def test_meshes_beside_the_clips_are_what_a_compression_asks_for(clip, clips, teacher_file, tmp_path, caplog):
    recipe, data = tmp_path / "prune.yaml", shutil.copytree(clips, tmp_path / "clips")
    recipe.write_text(PRUNING)
    np.save(data / "train" / "blob.mesh.npy", np.tile(posed(face()).astype(np.float32), (len(clip), 1, 1)))

    with caplog.at_level(logging.WARNING):
        compress_from_folder(
            teacher_file, TrainingInputs(recipe, data, ["train_params.loss_weights.mesh=1"]), tmp_path / "run"
        )

    assert "what finds them is not given" not in caplog.text


def test_what_a_stage_leaves_as_it_is_keeps_its_channels(clips, teacher_file, tmp_path, tiny_model):
    recipe = tmp_path / "prune.yaml"
    recipe.write_text(PRUNING)
    overrides = ["stages.less.fixed=[keypoint_detector]"]
    compress_from_folder(teacher_file, TrainingInputs(recipe, clips, overrides), tmp_path / "run")
    pruned = load_module(tmp_path / "run" / "1-less" / "pruned.safetensors", device="cpu")
    assert pruned.config.keypoint_detector == tiny_model.config.keypoint_detector
    assert trainable_parameters(pruned) <= 0.75 * trainable_parameters(tiny_model)


def test_a_teacher_that_paints_at_another_size_teaches_as_it_learnt(clips, tiny_model, tmp_path):
    recipe = tmp_path / "prune.yaml"
    recipe.write_text(PRUNING)
    large = save_model(tiny_model.at_size(128), tmp_path / "large.safetensors")
    compress_from_folder(large, TrainingInputs(recipe, clips), tmp_path / "run", student=large)
    config = load_module(tmp_path / "run" / "prune.safetensors", device="cpu").config
    assert (config.image_size, config.motion_size) == ((64, 64), None)


def test_a_student_of_before_can_be_pruned_further(clips, teacher_file, tiny_config, tmp_path):
    torch.manual_seed(0)
    small = replace(tiny_config, generator=replace(tiny_config.generator, down=(24,), bottleneck=(40,)))
    before = create_model(small)
    recipe = tmp_path / "prune.yaml"
    recipe.write_text(PRUNING)
    compress_from_folder(
        teacher_file,
        TrainingInputs(recipe, clips),
        tmp_path / "run",
        student=save_model(before, tmp_path / "small.safetensors"),
    )

    pruned = load_module(tmp_path / "run" / "prune.safetensors", device="cpu")
    assert 0.7 < trainable_parameters(pruned) / trainable_parameters(before) <= 0.75
    rows = json.loads((tmp_path / "run" / "report.json").read_text())
    assert [row["stage"] for row in rows[:3]] == ["teacher", "less, before training", "less"]


def test_another_teacher_in_the_same_folder_is_refused(recipe, clips, teacher_file, tmp_path):
    output = tmp_path / "run"
    output.mkdir()
    (output / "compression.json").write_text('{"teacher": "0", "student": {}}')
    with pytest.raises(UsageError, match=r"another teacher and student\. Choose another --output"):
        compress_from_folder(teacher_file, TrainingInputs(recipe, clips), output)


def test_another_pruning_in_the_same_folder_is_refused_if_the_folder_tells_its_own(recipe, tiny_model, tmp_path):
    ours = TrainingInputs(recipe).config(tiny_model.config)
    other = TrainingInputs(recipe, overrides=["stages.pruned.prune_multiple=8"]).config(tiny_model.config)
    check_begun(ours, tiny_model, tmp_path)

    check_begun(ours, tiny_model, tmp_path)
    with pytest.raises(UsageError, match=r"another pruning\. Choose another --output"):
        check_begun(other, tiny_model, tmp_path)
    path = tmp_path / "compression.json"
    path.write_text(
        json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != "pruning"})
    )
    check_begun(other, tiny_model, tmp_path)


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("model_params.common_params.num_kp=7", "num_kp is 7, and the teacher's is 4"),
        ("train_params.image_size=128", "image_size says 128x128, and the teacher's pictures are 64x64"),
        ("stages.pruned.prune=1.5", "prune has to be from 0 to 1, found 1.5"),
        ("stages.pruned.prune_by=time", "prune_by is one of parameters, multiplications, not 'time'"),
        ("stages.pruned.prune_parts=[encoder]", "prune_parts lists encoder, and the parts are keypoint_detector"),
        ("stages.pruned.prune_parts=[]", "prune has no effect: prune_parts lists nothing that is not fixed"),
        ("stages.pruned.prune_multiple=0", "prune_multiple has to be at least 1, found 0"),
        ("stages.both.learns=all", "learns is one of both, keypoint_detector, generator, not 'all'"),
        ("stages.both.model_params.generator_params.first=12", "share one student"),
    ],
)
def test_contradictions_are_told(recipe, clips, teacher_file, tmp_path, override, reason):
    with pytest.raises(UsageError, match=reason):
        compress_from_folder(teacher_file, TrainingInputs(recipe, clips, [override]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_without_a_teacher_is_refused(recipe, clips, tmp_path):
    overrides = ["train_params.image_size=64", "model_params.common_params.num_kp=4"]
    overrides.append("model_params.kp_detector_params.temperature=0.1")
    with pytest.raises(UsageError, match=r"learns from a teacher\. Run it with `fom compress`"):
        train_from_folder(TrainingInputs(recipe, clips, overrides), tmp_path / "run")


@pytest.mark.parametrize("name", ["mobile", "prune"])
def test_recipes_that_come_along_fit_the_embedded_model(name):
    teacher = load_module("mini", device="cpu")
    config = load_config(recipe_path(name), teacher=teacher.config)
    assert config.needs_teacher
    assert (config.stages[0].model == teacher.config) == (name == "prune")
    assert recipe_path(name).parent == RECIPES
