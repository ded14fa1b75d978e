"""Training against the original code: the equivariance warp, and two whole iterations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.golden import cases
from tests.parity.trainings import NAMES, Original, embedded, larger, stored_warp

LARGER = ["vox_64", "voxadv_64", "bair_nojac_noocc", "mgif_singlejac"]


@pytest.fixture(scope="module")
def units(shared: Path) -> dict[str, Tensor]:
    with np.load(shared / "golden" / "torch_train" / "units.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


@pytest.mark.parametrize("name", ["affine_tps5", "strong_tps3", "affine_only"])
def test_the_warp_moves_pictures_points_and_frames_of_reference_like_the_original(units, name):
    warp = stored_warp(units[f"tf/{name}/theta"], units.get(f"tf/{name}/control_params"))

    torch.testing.assert_close(warp.points(units["kp"]), units[f"tf/{name}/warp_kp"], rtol=0, atol=2e-5)
    torch.testing.assert_close(warp.jacobian(units["kp"]), units[f"tf/{name}/jacobian_kp"], rtol=0, atol=5e-5)
    torch.testing.assert_close(warp.frame(units["x"]), units[f"tf/{name}/frame"], rtol=0, atol=2e-4)


@pytest.fixture(params=cases.TRAININGS)
def original(request, golden) -> Original:
    """Computed in float64 by both sides, so that all figures agree to the digits that are stored."""
    return embedded(golden, request.param)


@pytest.fixture(params=LARGER)
def larger_original(request, shared: Path) -> Original:
    return larger(shared / "golden", request.param)


def losses(figures: dict[str, float]) -> dict[str, float]:
    return {NAMES[name]: value for name, value in figures.items() if not name.startswith("norm_")}


def test_two_iterations_end_with_the_losses_and_weights_of_the_original(original):
    steps = [original.trainer.step(original.pairs, original.warp) for _ in range(2)]

    for figures, stored in zip(steps, original.about["losses"], strict=True):
        assert losses(figures) == pytest.approx(stored, rel=1e-6)
    before = {
        kind: dict(zip(names, original.arrays[f"moved/{kind}"], strict=True))
        for kind, names in original.about["moved"].items()
    }
    for kind, moved in before.items():
        state = original.network(kind).state_dict()
        start = original.start[kind]
        assert state.keys() == moved.keys()
        for key, value in state.items():
            if not key.endswith("num_batches_tracked"):  # the authors' normalisation never counts
                length = float((value - start[key]).norm())
                # A bias in front of a normalisation has no gradient but rounding, and moves by that.
                assert length == pytest.approx(float(moved[key]), rel=1e-5, abs=1e-6), f"{kind} {key}"
            if f"after/{kind}/{key}" in original.arrays:
                stored = original.arrays[f"after/{kind}/{key}"]
                torch.testing.assert_close(value.float(), stored, rtol=1e-6, atol=1e-6, msg=f"{kind} {key}")


def test_the_gradients_of_the_first_iteration_are_as_long_as_the_originals(original):
    original.trainer.step(original.pairs, original.warp)  # which leaves the critic's
    for kind, state in original.start.items():
        original.network(kind).load_state_dict(state)
    found = original.trainer.objective.generator_losses(original.pairs, original.warp).losses
    networks = [original.network(kind) for kind in ("generator", "kp_detector")]
    parameters = [parameter for network in networks for parameter in network.parameters()]
    for parameter in parameters:
        parameter.grad = None
    torch.stack(list(found.values())).sum().backward(inputs=parameters)

    for kind, names in original.about["norms"].items():
        parameters = dict(original.network(kind).named_parameters())
        assert parameters.keys() == set(names)
        for name, norm in zip(names, original.arrays[f"norms/{kind}"].tolist(), strict=True):
            gradient = parameters[name].grad
            if norm < 0:
                assert gradient is None, name
            else:
                assert gradient is not None, name
                assert float(gradient.norm()) == pytest.approx(norm, rel=1e-5, abs=1e-9), f"{kind} {name}"


def test_larger_iterations_have_the_losses_of_the_original(larger_original):
    first = larger_original.trainer.step(larger_original.pairs, larger_original.warp)
    second = larger_original.trainer.step(larger_original.pairs, larger_original.warp)

    # Adam's first step has the sign of the gradient, so the original's rounding decides where it is near zero.
    for figures, stored, limit in zip((first, second), larger_original.about["steps"], (1e-3, 2e-2), strict=True):
        assert losses(figures) == pytest.approx(stored, rel=limit)


def test_larger_gradients_of_the_first_iteration_have_the_norms_of_the_original(larger_original):
    trainer = larger_original.trainer
    found = trainer.objective.generator_losses(larger_original.pairs, larger_original.warp).losses
    torch.stack(list(found.values())).sum().backward()

    for kind in ("kp_detector", "generator"):
        parameters = dict(larger_original.network(kind).named_parameters())
        names, norms = larger_original.about[f"gradnorm_names/{kind}"], larger_original.arrays[f"gradnorm/{kind}"]
        for name, norm in zip(names, norms.tolist(), strict=True):
            gradient = parameters[name].grad
            if norm < 0:
                assert gradient is None, name
            elif norm > 1e-3:  # biases in front of a normalisation have no gradient but rounding
                assert gradient is not None
                assert float(gradient.norm()) == pytest.approx(norm, rel=2e-2), name


def test_larger_running_statistics_after_one_iteration_are_those_of_the_original(larger_original):
    larger_original.trainer.step(larger_original.pairs, larger_original.warp)

    for kind in ("kp_detector", "generator"):
        state = larger_original.network(kind).state_dict()
        for key, value in larger_original.arrays.items():
            prefix = f"after1/{kind}/"
            if key.startswith(prefix) and "running" in key:
                torch.testing.assert_close(state[key[len(prefix) :]].float(), value, rtol=1e-3, atol=1e-4)
