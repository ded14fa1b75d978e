"""A motion is for the model that read it, in whatever form; another one of its name is told apart."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.backends.fingerprint import APART, check_motion, fingerprint, fingerprint_distance, fingerprint_pictures
from fom_core.backends.load import load_model
from fom_core.backends.open import open_exported
from fom_core.backends.pytorch import PyTorchModel
from fom_core.driver import read_motion
from fom_core.errors import UsageError
from fom_core.faces.detect import detect_faces, load_detector
from fom_core.faces.regions import crop_face
from fom_core.media import read_picture
from fom_core.motion import load_motion, save_motion
from fom_core.networks import create_model
from fom_core.pictures import resize_picture, to_batch
from fom_core.pipeline import animate
from fom_core.types import Keypoints
from fom_core.weights.load import load_module, save_model

PORTRAIT = Path(__file__).resolve().parents[3] / "workflows" / "inputs" / "fom_portrait.jpg"


@pytest.fixture(scope="module")
def motion(tiny_model, clip):
    return read_motion(tiny_model, clip, 25)


@pytest.fixture(scope="module")
def namesake(tiny_model):
    """Other networks of the same shape and name."""
    torch.manual_seed(5)
    model = create_model(tiny_model.config).eval()
    for parameter in model.keypoint_detector.kp.parameters():
        parameter.data *= 3
    model.name = tiny_model.name
    return model


def lines(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(("form", "most"), [({}, 0.0), ({"half": True}, 0.05), ({"int8": True}, 0.6)])
@pytest.mark.parametrize("name", ["tiny", "mini"])
def test_a_file_of_any_precision_is_the_same_model(tiny_model, tmp_path, name, form, most):
    model = tiny_model if name == "tiny" else load_module("mini")
    path = save_model(model, tmp_path / "other_name.safetensors", **form)
    assert fingerprint_distance(fingerprint(load_module(path)), fingerprint(model)) <= most * APART


def test_in_a_face_a_file_in_8_bits_finds_keypoints_where_they_were(tmp_path):
    model, picture = load_module("mini"), read_picture(PORTRAIT)
    faces = detect_faces(picture, load_detector("embedded"))
    crop = to_batch(crop_face(picture, faces[0], model.config.image_size)[None], channels=3, device="cpu")
    rounded = load_module(save_model(model, tmp_path / "rounded.safetensors", int8=True))

    with torch.no_grad():
        ours, theirs = (each.detect_keypoints(crop).value for each in (model, rounded))

    assert 0 < (ours - theirs).norm(dim=-1).max() < 0.005  # of 2; on what is no face they go up to 0.16


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_fast_form_is_the_same_model(tiny_model, dtype):
    fast = PyTorchModel.of(tiny_model, getattr(torch, dtype))
    assert fingerprint_distance(fingerprint(fast), fingerprint(tiny_model)) <= 0.1 * APART


@pytest.mark.parametrize("side", [64, 256, 512])
def test_a_model_that_paints_at_another_size_is_the_same(side):
    model = load_model("mini")
    assert fingerprint_distance(fingerprint(model.at_size(side)), fingerprint(model)) <= 0.4 * APART


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_an_export_is_the_same_model(exported, tiny_model, precision):
    found = fingerprint(open_exported(exported, precision=precision))
    assert fingerprint_distance(found, fingerprint(tiny_model)) <= 0.8 * APART


def test_other_networks_of_the_same_shape_are_another_model(tiny_model, namesake):
    assert fingerprint_distance(fingerprint(namesake), fingerprint(tiny_model)) > 5 * APART


def test_a_few_steps_of_training_make_another_model(clip):
    model = load_module("mini").requires_grad_(True)
    before = fingerprint(model)
    frames = to_batch(np.stack([resize_picture(frame, (128, 128)) for frame in clip[:2]]), channels=3, device="cpu")
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-4)
    for _ in range(5):
        painted = model.generate(model.encode_source(frames[:1]), model.detect_keypoints(frames[1:])).prediction
        (painted - frames[1:]).abs().mean().backward()
        optimiser.step()
    assert fingerprint_distance(fingerprint(model), before) > APART


def test_a_motion_of_the_same_model_is_taken_without_a_word(tiny_model, motion, tmp_path, caplog):
    save_motion(motion, tmp_path / "wave.safetensors")
    check_motion(tiny_model, load_motion(tmp_path / "wave.safetensors"))
    assert not caplog.records


def test_a_motion_of_a_namesake_is_warned_of_and_used(namesake, motion, clip, caplog):
    frames = [frame for chunk in animate(namesake, [clip[0]], motion) for frame in chunk[0]]
    (line,) = lines(caplog)
    assert len(frames) == len(motion)
    assert line.startswith("This motion was read with another model that is called 'tiny' as well")
    assert "faces will bend in wrong places" in line and "fom motion" in line and "\n" not in line


def test_a_model_whose_name_changed_is_known_again(tiny_model, motion, caplog):
    check_motion(tiny_model, replace(motion, model="before"))
    assert not caplog.records


def test_a_namesake_of_another_name_is_refused(namesake, motion):
    with pytest.raises(UsageError, match="read with the model 'before'"):
        check_motion(namesake, replace(motion, model="before"))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (lambda points: replace(points, value=points.value[:, :3], jacobian=points.jacobian[:, :3]), "(3 keypoints"),
        (lambda points: replace(points, jacobian=None), "(4 keypoints without jacobians)"),
    ],
    ids=["fewer", "without jacobians"],
)
@pytest.mark.parametrize("name", ["tiny", "before"])
def test_what_keypoints_tell_by_themselves_is_refused_before_networks_run(
    tiny_model, motion, monkeypatch, name, part, words
):
    model = PyTorchModel.of(tiny_model)
    monkeypatch.setattr(PyTorchModel, "detect_keypoints", lambda *_: pytest.fail("looked at pictures"))
    other = replace(motion, model=name, keypoints=part(motion.keypoints))

    with pytest.raises(UsageError) as refused:
        check_motion(model, other)

    assert words in str(refused.value) and "'tiny' (4 keypoints with jacobians)" in str(refused.value)
    assert ("another model that is called 'tiny' as well" in str(refused.value)) == (name == "tiny")


def test_where_the_numbers_agree_it_is_said_that_places_differ(namesake, motion):
    with pytest.raises(UsageError, match="whose 4 keypoints with jacobians lie elsewhere than those of 'tiny'"):
        check_motion(namesake, replace(motion, model="before"))


def test_a_motion_that_was_looked_at_before_is_not_warned_of_again(namesake, motion, caplog):
    check_motion(namesake, motion, warn=False)
    assert not caplog.records


def test_keypoints_of_another_number_are_refused(tiny_model, motion, clip):
    points = Keypoints(motion.keypoints.value[:, :3])
    with pytest.raises(UsageError, match="The driver has 3 keypoints, and 'tiny' has 4"):
        next(animate(tiny_model, [clip[0]], points))


def test_no_fingerprints_are_never_the_same():
    assert fingerprint_distance((), ()) == float("inf")


def test_a_motion_from_before_is_taken_at_its_word(namesake, motion, caplog):
    check_motion(namesake, replace(motion, fingerprint=None))
    assert not caplog.records


def test_a_fingerprint_is_taken_once(tiny_model, monkeypatch):
    model = PyTorchModel.of(tiny_model)
    first = fingerprint(model)
    monkeypatch.setattr(PyTorchModel, "detect_keypoints", lambda *_: pytest.fail("asked again"))
    assert fingerprint(model) == first


def test_networks_that_learn_are_asked_anew(tiny_config):
    model = create_model(tiny_config).eval()
    before = fingerprint(model)
    for parameter in model.keypoint_detector.parameters():
        parameter.data += torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    assert fingerprint(model) != before


def test_check_pictures_are_the_same_at_any_size(tiny_config):
    small, large = (fingerprint_pictures(replace(tiny_config, image_size=(side, side))) for side in (64, 128))
    assert small.shape == (2, 3, 64, 64) and 0 <= small.min() < small.max() <= 1
    assert (torch.nn.functional.avg_pool2d(large, 2) - small).abs().max() < 5e-3


@pytest.mark.parametrize("wrong", [(), (0.1,), (0.1,) * 15, (0.1,) * 32])
def test_fingerprints_of_other_lengths_are_far(tiny_model, wrong):
    assert fingerprint_distance(wrong, fingerprint(tiny_model)) == float("inf")
