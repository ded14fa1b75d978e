"""Opens face restorers through spandrel, which knows their architectures and ships with ComfyUI.

spandrel is imported on first use, and gets tensors that we read ourselves: it never opens a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import MissingPackage, UnsupportedModel
from ..resources.faults import pass_on
from ..weights.read import read_tree
from ..weights.store import locate

Call = Callable[[nn.Module, Tensor], Tensor]

# The networks themselves, not spandrel's call around them: that leaves the pictures of GFPGAN and CodeFormer in [-1, 1]
# and then cuts what is below 0. GFPGAN draws new noise for every picture unless told not to, which would flicker.
RESTORERS: Mapping[str, Call] = MappingProxyType(
    {
        "GFPGAN": lambda network, faces: network(faces, return_rgb=False, randomize_noise=False)[0],
        "RestoreFormer": lambda network, faces: network(faces)[0],
        "CodeFormer": lambda network, faces: network(faces)[0],
    }
)
KNOWN = "a face restorer (GFPGAN 1.2 to 1.4, RestoreFormer; CodeFormer with the package spandrel_extra_arches)"


class Restorer(nn.Module):
    """Makes faces sharp: (B, 3, 512, 512) RGB in [0, 1] → the same size and range.

    network: takes and gives pictures in [-1, 1], in a way that ``call`` knows.
    """

    def __init__(self, network: nn.Module, call: Call, name: str) -> None:
        super().__init__()
        self.network = network
        self.call = call
        self.name = name

    def forward(self, faces: Tensor) -> Tensor:
        return (self.call(self.network, faces * 2 - 1) + 1) / 2


def load_restorer(path: str | Path = "gfpgan", device: str | torch.device = "cpu") -> Restorer:
    """Open GFPGAN, RestoreFormer or CodeFormer weights in float32, for none of them is made for half precision.

    path: a file, or a name from the catalogue.
    Raises MissingPackage without spandrel, UnsupportedModel for a file that is no face restorer, and with the command
    that downloads missing weights.
    """
    registry, canonicalize = _spandrel()
    path, _ = locate(path, kind="enhancer")
    tree = read_tree(path)[0]
    tensors = canonicalize(tree) if _has_text_keys(tree) else {}
    tensors = {name: value for name, value in tensors.items() if isinstance(value, Tensor)}
    if sum(tensor.numel() for tensor in tensors.values()) > path.stat().st_size:
        raise UnsupportedModel(f"{path.name} claims more numbers than its size allows; it was refused.")
    kind = None
    try:
        kind = next((each.architecture for each in registry.architectures("detection") if each.detect(tensors)), None)
        network = kind.load(tensors).model if kind and kind.id in RESTORERS else None
    except (RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError) as error:
        pass_on(error)
        raise UnsupportedModel(
            f"{path.name} looks like {kind.name if kind else 'a model'}, but its tensors do not fit: "
            f"{str(error).splitlines()[0]} Get a published file of it."
        ) from error
    if kind is None or network is None:
        found = f"a model of the kind {kind.name}" if kind else f"{len(tensors)} tensors of no known kind"
        raise UnsupportedModel(f"{path.name} is no face restorer: wanted {KNOWN}, found {found}. Choose another file.")
    restorer = Restorer(network, RESTORERS[kind.id], f"{kind.name} ({path.name})")
    return restorer.requires_grad_(False).eval().float().to(device)


def _has_text_keys(tree: Any) -> bool:
    """Whether a weights file holds names and values, at the top and in what lies directly below."""
    if not isinstance(tree, Mapping):
        return False
    levels = [tree, *(value for value in tree.values() if isinstance(value, Mapping))]
    return all(isinstance(name, str) for level in levels for name in level)


def _spandrel() -> tuple[Any, Callable[[Any], Any]]:
    """spandrel's list of architectures, CodeFormer among them where it is installed, and its unwrapping of files."""
    try:
        import spandrel  # noqa: PLC0415 - optional  # type: ignore[import-not-found]

        registry = spandrel.MAIN_REGISTRY.copy()
        if find_spec("spandrel_extra_arches"):
            import spandrel_extra_arches  # noqa: PLC0415 # type: ignore[import-not-found]

            registry.add(*spandrel_extra_arches.EXTRA_REGISTRY, ignore_duplicates=True)
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that does not match torch
        raise MissingPackage(
            f"Face restoration needs the package spandrel, which cannot be imported ({error}). "
            "Run: python -m pip install spandrel"
        ) from error
    return registry, spandrel.canonicalize_state_dict
