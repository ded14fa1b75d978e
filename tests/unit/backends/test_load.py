"""A model to paint with, from a name or a file."""

import copy
import pickle
from pathlib import Path

import pytest
import torch

from fom_core.backends.load import load_model
from fom_core.errors import UnsupportedModel, UsageError
from fom_core.weights.load import load_module, save_model


@pytest.fixture
def saved(tiny_model, tmp_path) -> Path:
    return save_model(tiny_model, tmp_path / "tiny.safetensors")


@pytest.fixture
def picture():
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def animate(model, picture):
    with torch.inference_mode():
        return model.generate(model.encode_source(picture), model.detect_keypoints(picture.flip(-1))).prediction


def test_a_loaded_model_paints_what_its_networks_paint(tiny_model, saved, picture):
    model = load_model(saved, device="cpu")
    assert (model.name, model.config, model.device) == ("tiny", tiny_model.config, torch.device("cpu"))
    assert model.weight_bytes == sum(value.nbytes for value in tiny_model.state_dict().values())
    torch.testing.assert_close(animate(model, picture), animate(tiny_model, picture), rtol=0, atol=1e-5)


def test_its_networks_are_there_as_they_were_trained(tiny_model, saved, picture, tmp_path):
    model = load_model(saved, device="cpu")
    animate(model, picture)
    for networks in (model.as_trained(), load_module(saved), tiny_model.as_trained()):
        assert torch.equal(animate(networks, picture), animate(tiny_model, picture))
    again = save_model(model, tmp_path / "again.safetensors")
    assert again.read_bytes() == saved.read_bytes()


def test_a_relative_path_is_found_from_anywhere(saved, picture, monkeypatch, tmp_path):
    monkeypatch.chdir(saved.parent)
    model = load_model(saved.name, device="cpu")
    expected = animate(model, picture)
    monkeypatch.chdir(tmp_path.parent)
    model.release()
    assert torch.equal(animate(model, picture), expected)
    assert torch.equal(animate(pickle.loads(pickle.dumps(model)), picture), expected)


def test_another_file_in_its_place_is_not_taken_for_it(saved, picture, tiny_model):
    model = load_model(saved, device="cpu")
    expected = animate(model, picture)
    other = copy.deepcopy(tiny_model)
    with torch.no_grad():
        other.generator.final.bias.add_(1.0)
    save_model(other, saved, half=True)
    assert torch.equal(animate(model, picture), expected)
    model.release()
    with pytest.raises(UnsupportedModel, match=r"tiny\.safetensors is not the file any more"):
        animate(model, picture)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", torch.float16])
def test_a_dtype_is_that_of_the_generators_convolutions(saved, dtype, picture):
    model = load_model(saved, device="cpu", dtype=dtype)
    assert model.precision == getattr(torch, str(dtype).removeprefix("torch."))
    assert model.encode_source(picture).features.dtype == model.precision
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32, torch.int64}


@pytest.mark.parametrize("options", [{"device": "tpu9"}, {"dtype": "int4"}, {"dtype": torch.int8}])
def test_impossible_wishes_are_usage_errors(saved, options):
    with pytest.raises(UsageError):
        load_model(saved, **options)


def test_arguments_override_what_the_file_says(saved):
    model = load_model(saved, device="cpu", align_corners=False, border_blend=True)
    generator = model.as_trained().generator
    assert (model.config.align_corners, model.config.border_blend) == (False, True)
    assert (generator.align_corners, generator.border_blend) == (False, True)


def test_a_file_that_is_gone_after_loading_is_missed_only_for_another_device(saved, picture, tiny_model):
    model = load_model(saved, device="cpu")
    saved.unlink()
    for _ in range(2):
        torch.testing.assert_close(animate(model, picture), animate(tiny_model, picture), rtol=0, atol=1e-5)
    model.release()
    with pytest.raises(UnsupportedModel, match="There is no weights file"):
        animate(model, picture)
