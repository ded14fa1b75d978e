"""The nodes inside this process, with ComfyUI's modules around them, or with stand-ins for these.

Where ``COMFYUI_PATH`` names a checkout of ComfyUI, and pytest runs in ComfyUI's Python, the tests here are marked
``comfyui`` and run in the real one: in a temporary folder, on the CPU unless ``COMFYUI_GPU`` is set. Elsewhere all of
them run with ``fake_host``, but those that only the real one can answer, which have the mark in any case. The pack is
imported as ``fom_pack``, because its name is whatever its folder is called: its library is ``fom_pack.fom_core`` there,
another one than the ``fom_core`` of the other tests.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests.nodes import fake_host

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CHECKOUT = os.environ.get("COMFYUI_PATH")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if CHECKOUT and HERE in item.path.parents:
            item.add_marker(pytest.mark.comfyui)


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes ComfyUI's modules importable; the temporary folder that holds its models, input and output."""
    base = tmp_path_factory.mktemp("comfyui")
    for name in ("input", "output", "temp", "models"):
        (base / name).mkdir()
    if CHECKOUT:
        import_comfyui(CHECKOUT, base)
    else:
        fake_host.install(base)
    return base


def import_comfyui(checkout: str, base: Path) -> None:
    """Put the real one on the path, and its folders into ``base``."""
    # The root of this project must not stay on the path: `import nodes` has to find ComfyUI's file.
    sys.path[:] = [checkout, *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT)]
    try:
        from comfy.cli_args import args
    except ImportError as error:
        pytest.skip(f"ComfyUI cannot be imported from {checkout}: {error}")
    args.cpu = not os.environ.get("COMFYUI_GPU")  # before anything asks comfy.model_management for a device
    args.base_directory = str(base)


@pytest.fixture(scope="session")
def pack(comfyui: Path) -> ModuleType:
    """The pack, imported and registered as ComfyUI does it. Import ``fom_pack.nodes.host`` after it."""
    spec = importlib.util.spec_from_file_location(
        "fom_pack", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules["fom_pack"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    extension = asyncio.run(module.comfy_entrypoint())
    asyncio.run(extension.on_load())
    return module


@pytest.fixture(scope="session")
def node(pack: ModuleType) -> Callable[[str], Any]:
    """Gives a node's class by its id."""
    from fom_pack.nodes import NODES

    classes = {cls.GET_SCHEMA().node_id: cls for cls in NODES}
    return classes.__getitem__


@pytest.fixture
def execute(node: Callable[[str], Any]) -> Callable[..., Any]:
    """Runs a node as ComfyUI's executor does: ``execute("FOMDetectFaces", image=…)`` gives its io.NodeOutput.

    Inputs that are left out take the defaults of the schema; those of a combo its first option.
    """
    from comfy_api.latest import io

    def run(node_id: str, **inputs: Any) -> Any:
        cls = node(node_id)
        clone = cls.PREPARE_CLASS_CLONE(None)
        clone.hidden.unique_id = "1"
        with torch.inference_mode():
            return clone.EXECUTE_NORMALIZED(**defaults(cls, io) | inputs)

    return run


def defaults(cls: Any, io: Any) -> dict[str, Any]:
    """The values of the widgets that a new node shows; lists of one where the node takes lists."""
    schema = cls.GET_SCHEMA()
    values = {}
    for given in schema.inputs:
        if isinstance(given, io.DynamicCombo.Input):
            values[given.id] = {given.id: given.options[0].key}
        elif isinstance(given, io.Combo.Input):
            values[given.id] = given.default if given.default is not None else given.options[0]
        elif getattr(given, "default", None) is not None and not getattr(given, "force_input", False):
            values[given.id] = given.default
    return {name: [value] for name, value in values.items()} if schema.is_input_list else values


@pytest.fixture(scope="session")
def model(pack: ModuleType, tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What travels on a FOM_MODEL socket: the tiny model in the host's hands."""
    from fom_core.weights.load import save_model
    from fom_pack.fom_core.backends.load import load_model
    from fom_pack.nodes import host

    file = save_model(tiny_model, tmp_path_factory.mktemp("model") / "tiny.safetensors")
    return host.manage_model(load_model(str(file), device="cpu"))


@pytest.fixture(scope="session")
def picture(pack: ModuleType) -> torch.Tensor:
    """An IMAGE (1, 96, 128, 3) of smooth colours."""
    y, x = np.mgrid[:96, :128].astype(np.float32) / 96
    colours = np.stack([x, y, 1 - x / 2], axis=-1) * 0.6 + 0.2
    return torch.from_numpy(colours.clip(0, 1))[None]


@pytest.fixture(scope="session")
def faces(pack: ModuleType, picture: torch.Tensor) -> Any:
    """What travels on a FOM_FACES socket: two faces of the picture."""
    from fom_pack.fom_core.types import FaceSet
    from fom_pack.nodes.sockets import PictureFaces

    return PictureFaces(picture, (FaceSet.from_crops([(4, 20, 52, 68), (70, 24, 122, 76)], (96, 128)),))


@pytest.fixture(scope="session")
def driving(clip: np.ndarray) -> torch.Tensor:
    """An IMAGE batch (12, 80, 80, 3) that moves."""
    return torch.from_numpy(clip).float() / 255
