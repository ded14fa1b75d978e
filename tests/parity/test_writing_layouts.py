"""Files for the authors' code and PaddleGAN: the layout of theirs, and (slow) what they compute from ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fom_core.backends.load import load_model
from fom_core.networks import MotionModel
from fom_core.types import Keypoints
from fom_core.weights.config_file import read_config
from fom_core.weights.foreign import save_foreign, yaml_beside
from fom_core.weights.read import read_tree
from tests.golden import cases
from tests.parity.conftest import larger_cases

LARGER = ["vox_64", "taichi_kp5", "mgif_singlejac", "bair_nojac_noocc", "nemo_scale1_pad3", "mixed_scale"]
LARGER_PADDLE = ["std_64", "kpmobile_64", "genmobile_64", "vox_mobile_256_full"]
SMALL = ("vox", "fashion", "mgif", "no_jacobian", "no_occlusion_map", "full_scale", "mixed_scales", "grey")
TORCH = [*(f"authors/{name}" for name in SMALL), *larger_cases(*(f"torch/{name}" for name in LARGER))]
PADDLE = [f"paddlegan/{name}" for name in cases.PADDLEGAN]
PADDLE += larger_cases(*(f"paddle/{name}" for name in LARGER_PADDLE))
CASES = [*TORCH, *PADDLE]
SCRIPTS = Path(__file__).parent / "foreign_code"


def written(case, folder: Path) -> tuple[Path, MotionModel]:
    """The case's model in the layout that its own file has."""
    path = folder / f"ours{case.suffix}"
    model = case.networks()
    save_foreign(model, path)
    return path, model


@pytest.mark.parametrize("name", CASES)
def test_our_file_has_the_names_shapes_and_numbers_of_theirs(golden, tmp_path, name):
    case = golden(name)
    path, model = written(case, tmp_path)
    ours, theirs = read_tree(path)[0], read_tree(case.weights)[0]
    for network in ("generator", "kp_detector"):
        assert set(ours[network]) == set(theirs[network])
        for key, stored in theirs[network].items():
            value = stored[1] if isinstance(stored, tuple) else stored  # some of Paddle's come with a second name
            np.testing.assert_array_equal(np.asarray(ours[network][key]), np.asarray(value), err_msg=key)
    assert read_config(yaml_beside(path)).generator == model.config.generator
    assert read_config(yaml_beside(path)).keypoint_detector == model.config.keypoint_detector


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCH)
def test_the_authors_code_computes_the_same_from_our_file(golden, tmp_path, name):
    checkout = os.environ.get("FOM_UPSTREAM")
    if not checkout:
        pytest.skip("FOM_UPSTREAM does not name a checkout of AliaksandrSiarohin/first-order-model")
    case = golden(name)
    path, _ = written(case, tmp_path)
    # The authors' code leaves align_corners to PyTorch, whose default is False by now.
    compare(case, path, sys.executable, SCRIPTS / "authors.py", checkout, align_corners=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", PADDLE)
def test_paddlegan_computes_the_same_from_our_file(golden, tmp_path, name):
    checkout, python = os.environ.get("FOM_PADDLEGAN"), os.environ.get("FOM_PADDLE_PYTHON")
    if not checkout or not python:
        pytest.skip("FOM_PADDLEGAN and FOM_PADDLE_PYTHON do not name PaddleGAN and a Python with paddlepaddle")
    case = golden(name)
    path, _ = written(case, tmp_path)
    compare(case, path, python, SCRIPTS / "paddlegan.py", checkout, border_blend=True)


def compare(case, path: Path, python: str, script: Path, checkout: str, **conventions: bool) -> None:
    """Run a script of theirs on our file, and our model on the same frames."""
    source, driving = case.images("source"), case.images("driving")[:2]
    np.savez(path.parent / "in.npz", source=source, driving=driving)
    command = [python, script, checkout, path, yaml_beside(path), path.parent / "in.npz", path.parent / "out.npz"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = np.load(path.parent / "out.npz")
    model = load_model(path, config=yaml_beside(path), device="cpu", dtype="float32", **conventions)
    still, theirs_driving = keypoints(theirs, "still_"), keypoints(theirs, "")
    with torch.inference_mode():
        points = model.detect_keypoints(driving)
        # From their keypoints: random networks make a hundredfold of a difference in these.
        ours = model.generate(model.encode_source(source, still), theirs_driving).prediction
    error = (ours - torch.from_numpy(theirs["prediction"])).abs()
    largest = {
        "value": float((points.value - theirs_driving.value).abs().max()),
        "prediction": float(error.max()),
        "mean": float(error.mean()),
    }
    print(case.name, json.dumps(largest))
    assert largest["value"] <= 2e-5
    assert largest["prediction"] <= 2e-3
    assert largest["mean"] <= 1e-4


def keypoints(found, prefix: str) -> Keypoints:
    jacobian = f"{prefix}jacobian"
    return Keypoints(
        torch.from_numpy(found[f"{prefix}value"]), torch.from_numpy(found[jacobian]) if jacobian in found else None
    )
