import pytest
import torch
from safetensors.torch import load_file, save_file

from fom_core.errors import UnsupportedModel, UsageError
from fom_core.weights.load import load_module, save_model
from fom_core.weights.quantise import SCALE, dequantise, quantise

KERNEL = "generator.first.conv.weight"


@pytest.fixture
def stored(tiny_model, tmp_path):
    return save_model(tiny_model, tmp_path / "tiny.safetensors", int8=True)


def test_no_number_is_off_by_more_than_half_a_step():
    kernel = (
        torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
        * torch.logspace(-4, 3, 6)[:, None, None, None]
    )
    integers, scale = quantise(kernel)
    assert integers.dtype == torch.int8
    back = dequantise({"k": integers, f"k{SCALE}": scale}, "here")["k"]
    assert ((back - kernel).abs() <= 0.501 * scale[:, None, None, None]).all()


def test_a_channel_of_zeros_stays_one():
    integers, scale = quantise(torch.zeros(2, 1, 3, 3))
    assert not dequantise({"k": integers, f"k{SCALE}": scale}, "here")["k"].any()


def test_an_int8_file_is_small_and_opens_as_a_float32_model(tiny_model, stored, tmp_path):
    full = save_model(tiny_model, tmp_path / "full.safetensors")
    model = load_module(stored, device="cpu")
    assert stored.stat().st_size < 0.5 * full.stat().st_size  # a header of 16 kB stands before such few weights
    assert model.config == tiny_model.config
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    kinds = {name: value.dtype for name, value in load_file(stored).items()}
    assert kinds[KERNEL] == torch.int8
    assert kinds["generator.first.norm.weight"] == torch.float32
    assert kinds["keypoint_detector.down.weight"] == torch.float32  # the blur tells the scale of the network


def test_an_int8_model_paints_nearly_the_same_picture(tiny_model, stored):
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    painted = []
    for model in (tiny_model, load_module(stored, device="cpu")):
        with torch.inference_mode():
            painted.append(model.generate(model.encode_source(picture), model.detect_keypoints(picture.flip(-1))))
    assert not torch.equal(painted[0].prediction, painted[1].prediction)
    torch.testing.assert_close(painted[1].prediction, painted[0].prediction, atol=0.03, rtol=0)


@pytest.mark.parametrize("damage", ["scale missing", "scale too short", "kernel missing"])
def test_a_file_whose_scales_do_not_fit_is_refused(stored, damage):
    tensors = load_file(stored)
    if damage == "scale missing":
        del tensors[KERNEL + SCALE]
    elif damage == "kernel missing":
        del tensors[KERNEL]
    else:
        tensors[KERNEL + SCALE] = tensors[KERNEL + SCALE][:-1]
    save_file(tensors, stored)
    with pytest.raises(UnsupportedModel, match="one float scale per output channel"):
        load_module(stored)


def test_half_and_int8_exclude_each_other(tiny_model, tmp_path):
    with pytest.raises(UsageError, match="not in both"):
        save_model(tiny_model, tmp_path / "a.safetensors", half=True, int8=True)
    assert not list(tmp_path.iterdir())
