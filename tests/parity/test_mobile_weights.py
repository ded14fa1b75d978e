"""PaddleGAN's mobile networks through the command line; the larger case has their published widths."""

import numpy as np
import pytest

from fom_core.cli import main
from fom_core.media import read_picture, write_picture
from fom_core.weights.load import load_module
from tests.parity.conftest import larger_cases


@pytest.fixture(params=["paddlegan/mobile", *larger_cases("paddle/vox_mobile_256_full")])
def case(request, golden):
    return golden(request.param)


@pytest.fixture
def words(case, tmp_path) -> list[str]:
    """A command that animates the case's source by its first two frames; add the weights."""
    write_picture(tmp_path / "source.png", case.input["source"])
    for number, frame in enumerate(case.input["driving"][:2]):
        write_picture(tmp_path / "driving" / f"{number}.png", frame)
    whole = ["--source_crop", "none", "--driving_crop", "none", "--cpu", "--dtype", "float32"]
    sources = ["--source_image", str(tmp_path / "source.png"), "--driving_video", str(tmp_path / "driving")]
    return ["animate", *sources, *whole, "--filename", "x.png"]


def frames(folder) -> np.ndarray:
    return np.stack([read_picture(path) for path in sorted(folder.glob("x_*.png"))]).astype(int)


def test_paddlegans_own_flags_animate_with_its_file(case, words, tmp_path):
    size = case.input["source"].shape
    flags = ["--weight_path", str(case.weights), "--config", str(case.yaml), "--mobile_net", "--relative"]
    assert main([*words, *flags, "--output", str(tmp_path / "out")]) == 0
    found = frames(tmp_path / "out")
    assert found.shape == (2, *size)
    assert abs(found[0] - found[1]).mean() > 0.1


@pytest.mark.parametrize("name", ["mobile.safetensors", "mobile.pdparams"])
def test_a_converted_file_animates_the_same(case, words, tmp_path, name):
    target = tmp_path / name
    assert main(["weights", "convert", str(case.weights), str(target), "--config", str(case.yaml)]) == 0
    assert load_module(target, device="cpu").config.generator.mobile
    for folder, weights in (("first", case.weights), ("second", target)):
        told = [] if weights.suffix == ".safetensors" else ["--config", str(case.yaml)]  # whose header tells all
        assert main([*words, "--model", str(weights), *told, "--output", str(tmp_path / folder)]) == 0
    assert np.array_equal(frames(tmp_path / "first"), frames(tmp_path / "second"))
