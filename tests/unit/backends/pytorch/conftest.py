"""A tiny model in PyTorch's fast form, its networks, and pictures for them."""

import copy

import pytest
import torch

from fom_core.backends.pytorch import PyTorchModel


@pytest.fixture(autouse=True)
def engines(tmp_path, monkeypatch):
    """Nothing was chosen here before."""
    monkeypatch.setenv("FOM_MODELS", str(tmp_path / "models"))
    return tmp_path / "models" / "engines"


@pytest.fixture
def trained(tiny_model):
    """The networks, to be changed before a model is made of them."""
    return copy.deepcopy(tiny_model)


@pytest.fixture
def model(tiny_model):
    return PyTorchModel.of(tiny_model)


@pytest.fixture
def images():
    return torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(3))
