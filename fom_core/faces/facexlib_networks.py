"""facexlib's networks, filled with weights that are opened here: nothing downloads or unpickles unasked."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import MissingPackage, UnsupportedModel
from ..weights.read import read_state_dict

_TRAINED_ALONE = "module."  # what names begin with in files of a network that learnt on several cards


def has_facexlib() -> bool:
    """Whether facexlib and torchvision, which it needs, are installed."""
    return all(find_spec(package) is not None for package in ("facexlib", "torchvision"))


def facexlib_class(module: str, name: str, what: str) -> Any:
    """A class of facexlib, imported now. Raises MissingPackage where that fails; ``what`` is what needs it."""
    try:
        return getattr(import_module(f"facexlib.{module}"), name)
    except Exception as error:  # a torchvision that does not fit torch fails with a RuntimeError
        raise MissingPackage(
            f"{what} needs the package facexlib and a torchvision that fits torch ({error}). "
            "Run `pip install facexlib torchvision`, or leave it out."
        ) from error


def fill_network(network: nn.Module, weights: Path, what: str, name: str) -> None:
    """Load a file into a network, every tensor of which has to be there, and none besides.

    what, name: the network for people, and in the catalogue. Raises UnsupportedModel for weights of another one.
    """
    state = read_state_dict(weights)
    try:
        network.load_state_dict({key.removeprefix(_TRAINED_ALONE): value for key, value in state.items()})
    except RuntimeError as error:  # other names or shapes
        raise UnsupportedModel(
            f"{weights} does not hold the {what} weights: {str(error).splitlines()[0]} "
            f"Delete it and run `fom weights download {name}`."
        ) from error
    network.eval()
