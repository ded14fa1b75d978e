"""Every published on-disk format, read as the original software reads it."""

import numpy as np
import pytest
import torch

from fom_core.backends.load import load_model
from fom_core.weights.layout import to_state_dict
from fom_core.weights.load import save_model
from fom_core.weights.pickles import read_arrays
from tests.golden import cases, formula
from tests.parity.conftest import GOLDEN, larger_cases

FORMATS = [
    "flat_paddlesave",
    "nested_legacy20_proto2",
    "nested_legacy20_proto3",
    "nested_paddlesave",
    "nested_paddlesave_proto2",
    "nested_paddlesave_proto3",
    "nested_ppgan_checkpoint",
    "nested_ppgan_weight",
]
SHAPES = {"0.weight": (4, 3, 3, 3), "0.bias": (4,)}
SHAPES |= {f"1.{name}": (4,) for name in ("weight", "bias", "_mean", "_variance")}
LARGER = ["vox_128", "vox_64", "voxadv_64", "fashion_rect", "taichi_kp5", "mgif_singlejac", "bair_nojac_noocc"]
LARGER += ["nemo_scale1_pad3", "mixed_scale", "gray_1ch", "no_dense_motion"]
LARGER_PADDLE = ["std_64", "std_128_nb5", "kpmobile_64", "genmobile_64", "bothmobile_128", "vox_mobile_256_full"]
CASES = [
    *(f"authors/{name}" for name in cases.AUTHORS if name not in cases.SAME_NETWORKS),
    *(f"paddlegan/{name}" for name in cases.PADDLEGAN),
    *larger_cases(*(f"torch/{name}" for name in LARGER), *(f"paddle/{name}" for name in LARGER_PADDLE)),
]


@pytest.mark.parametrize("name", FORMATS)
def test_every_variant_of_pdparams_holds_the_expected_arrays(name):
    content = read_arrays(GOLDEN / "formats" / f"{name}.pdparams")
    state = content.get("generator", content)
    for key, shape in SHAPES.items():
        value = state[key][1] if isinstance(state[key], tuple) else state[key]
        expected = formula.tensor(f"formats/{key}", key, shape)
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)


def test_paddles_statistics_get_pytorchs_names():
    state = to_state_dict(read_arrays(GOLDEN / "formats" / "nested_ppgan_weight.pdparams")["generator"])
    assert state.keys() == {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"}


@pytest.mark.parametrize("case", CASES)
def test_conversion_to_safetensors_keeps_the_pictures_bit_for_bit(golden, tmp_path, case):
    reference = golden(case)
    model = reference.model()
    path = save_model(model, tmp_path / "converted.safetensors")
    converted = load_model(path, device="cpu", dtype="float32")
    source, driving = reference.images("source"), reference.images("driving")[:2]

    def picture(network):
        with torch.inference_mode():
            features = network.encode_source(source)
            return network.generate(features, network.detect_keypoints(driving)).prediction

    assert converted.config == model.config
    assert path.stat().st_size < 1.05 * reference.weights.stat().st_size
    assert torch.equal(picture(converted), picture(model))
