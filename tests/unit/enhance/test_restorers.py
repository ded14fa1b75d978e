"""Opening restorers: real architectures of spandrel with random weights, and files that are none."""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fom_core.enhance import load_restorer
from fom_core.errors import MissingPackage, UnsupportedModel

REASON = "the package spandrel (extra 'enhance') opens face restorers"


def noise(side: int, count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def gfpgan(monkeypatch: pytest.MonkeyPatch):
    """GFPGAN 1.4 at 64 pixels and an eighth of the width; spandrel is brought to build that one, too."""
    pytest.importorskip("spandrel", reason=REASON)
    module = importlib.import_module("spandrel.architectures.GFPGAN")
    full, sizes = module.GFPGAN, {"out_size": 64, "narrow": 1 / 8}
    monkeypatch.setattr(module, "GFPGAN", lambda **options: full(**{**options, **sizes}))
    torch.manual_seed(0)
    network = module.GFPGAN().eval()
    for layer in [network.stylegan_decoder.style_conv1, *network.stylegan_decoder.style_convs]:
        layer.weight.data.fill_(0.3)  # of the noise: trained networks add some
    return network


@pytest.fixture
def restoreformer():
    """A RestoreFormer, 32 channels wide; spandrel reads its widths from the tensors."""
    pytest.importorskip("spandrel", reason=REASON)
    build = importlib.import_module("spandrel.architectures.RestoreFormer").RestoreFormer
    torch.manual_seed(0)
    small = functools.partial(build, n_embed=16, embed_dim=32, ch=32, ch_mult=(1, 1), num_res_blocks=1)
    return small(z_channels=32, attn_resolutions=(16,)).eval()


def test_gfpgan_sees_faces_around_zero_and_gives_them_back_in_zero_to_one(gfpgan, tmp_path: Path):
    torch.save({"params_ema": gfpgan.state_dict()}, tmp_path / "gfpgan.pth")
    restorer = load_restorer(tmp_path / "gfpgan.pth")
    faces = noise(64)
    with torch.inference_mode():
        expected = (gfpgan(faces * 2 - 1, randomize_noise=False)[0] + 1) / 2
        assert torch.equal(restorer(faces), expected)
        assert (expected < 0.5).any()  # what spandrel's own call would cut off


def test_gfpgan_gives_the_same_face_each_time_and_in_any_company(gfpgan, tmp_path: Path):
    torch.save(gfpgan.state_dict(), tmp_path / "gfpgan.pth")
    restorer = load_restorer(tmp_path / "gfpgan.pth")
    faces = noise(64, count=3)
    with torch.inference_mode():
        together = restorer(faces)
        assert torch.equal(restorer(faces), together)
        torch.testing.assert_close(restorer(faces[1:2]), together[1:2], rtol=0, atol=1e-4)


def test_restoreformer_gives_what_spandrels_own_call_gives(restoreformer, tmp_path: Path):
    spandrel = importlib.import_module("spandrel")

    save_file(restoreformer.state_dict(), tmp_path / "restoreformer.safetensors")
    faces = noise(64)
    expected = spandrel.ModelLoader().load_from_state_dict(restoreformer.state_dict())
    with torch.inference_mode():
        actual = load_restorer(tmp_path / "restoreformer.safetensors")(faces).clamp(0, 1)
        torch.testing.assert_close(actual, expected(faces), rtol=0, atol=1e-5)


def test_weights_in_half_precision_run_in_full(restoreformer, tmp_path: Path):
    save_file({name: value.half() for name, value in restoreformer.state_dict().items()}, tmp_path / "half.safetensors")
    restorer = load_restorer(tmp_path / "half.safetensors")
    assert {parameter.dtype for parameter in restorer.parameters()} == {torch.float32}
    assert restorer(noise(64)).isfinite().all()


@pytest.mark.slow
def test_gfpgan_1_4_is_recognised_at_its_full_size(tmp_path: Path):
    pytest.importorskip("spandrel", reason=REASON)
    torch.manual_seed(0)
    network = importlib.import_module("spandrel.architectures.GFPGAN").GFPGAN().eval()
    torch.save({"params_ema": network.state_dict()}, tmp_path / "gfpgan.pth")
    restorer = load_restorer(tmp_path / "gfpgan.pth")
    faces = noise(512)
    with torch.inference_mode():
        assert torch.equal(restorer(faces), (network(faces * 2 - 1, randomize_noise=False)[0] + 1) / 2)


def test_an_upscaler_is_refused_by_its_name(tmp_path: Path):
    pytest.importorskip("spandrel", reason=REASON)
    build = importlib.import_module("spandrel.architectures.ESRGAN").ESRGAN
    torch.save(build(num_filters=8, num_blocks=1).state_dict(), tmp_path / "upscaler.pth")
    with pytest.raises(UnsupportedModel, match=r"upscaler\.pth is no face restorer.*ESRGAN"):
        load_restorer(tmp_path / "upscaler.pth")


@pytest.mark.parametrize("content", [{"a": torch.zeros(2)}, {}, {1: torch.zeros(2)}, [torch.zeros(2)], {"x": {2: 3}}])
def test_tensors_of_no_known_kind_are_refused(content, tmp_path: Path):
    pytest.importorskip("spandrel", reason=REASON)
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UnsupportedModel, match=r"other\.pth is no face restorer"):
        load_restorer(tmp_path / "other.pth")


def test_a_restorer_with_a_missing_tensor_is_refused_in_a_sentence(restoreformer, tmp_path: Path):
    tensors = restoreformer.state_dict()
    del tensors["encoder.conv_in.bias"]
    save_file(tensors, tmp_path / "torn.safetensors")
    with pytest.raises(UnsupportedModel, match=r"looks like RestoreFormer, but") as caught:
        load_restorer(tmp_path / "torn.safetensors")
    assert "\n" not in str(caught.value)


def test_numbers_that_the_file_does_not_hold_are_refused(tmp_path: Path):
    pytest.importorskip("spandrel", reason=REASON)
    torch.save({"toRGB.0.weight": torch.zeros(1).expand(1 << 30)}, tmp_path / "vast.pth")
    with pytest.raises(UnsupportedModel, match="more numbers than its size"):
        load_restorer(tmp_path / "vast.pth")


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path):
    pytest.importorskip("spandrel", reason=REASON)
    torch.save({"params_ema": Bomb(tmp_path / "ran")}, tmp_path / "bomb.pth")
    with pytest.raises(UnsupportedModel, match="refused"):
        load_restorer(tmp_path / "bomb.pth")
    assert not (tmp_path / "ran").exists()


def test_without_spandrel_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(MissingPackage, match="pip install spandrel"):
        load_restorer(tmp_path / "any.pth")
