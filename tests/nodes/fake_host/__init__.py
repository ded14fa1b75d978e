"""A host for the nodes where there is no ComfyUI: what they use of it, and nothing else.

The same tests run in the real one wherever ``COMFYUI_PATH`` names it, so whatever they rely on is checked there.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from . import folder_paths, io, media, model_management

if TYPE_CHECKING:
    from nodes.contract import Folders, Memory, NewBar, NewPatcher

    folders: Folders = folder_paths
    memory: Memory = model_management
    new_patcher: NewPatcher = model_management.Patcher
    new_whole_patcher: NewPatcher = model_management.Patcher
    new_bar: NewBar = model_management.ProgressBar


class ComfyExtension:
    """What a pack is asked for its nodes through."""


def shallow_clone_class(cls: type) -> type:
    """As the host copies a node's class before it runs it."""
    return type(f"{cls.__name__}Clone", (cls, *cls.__bases__), dict(cls.__dict__))


def lock_class(cls: type) -> type:
    """A copy whose attributes cannot be set."""

    def refuse(*_: Any) -> None:
        raise AttributeError("a locked class")

    locked: Any = type("Locked", (type(cls),), {"__setattr__": refuse})
    return locked(cls.__name__, cls.__bases__, dict(cls.__dict__))


def install(base: Path) -> None:
    """Make it importable under ComfyUI's names, with this folder for models, inputs and results."""
    folder_paths.set_base(base)
    latest = {
        "io": io,
        "ui": SimpleNamespace(
            PreviewImage=media.PreviewImage, PreviewVideo=media.PreviewVideo, SavedResult=media.SavedResult
        ),
        "Input": SimpleNamespace(Video=media.VideoInput),
        "InputImpl": SimpleNamespace(VideoFromFile=media.VideoFromFile),
        "ComfyExtension": ComfyExtension,
    }
    if find_spec("psutil") is None:  # which comes with ComfyUI
        swap = SimpleNamespace(total=0)
        sys.modules["psutil"] = ModuleType("psutil")
        vars(sys.modules["psutil"])["swap_memory"] = lambda: swap
    sys.modules["folder_paths"] = folder_paths
    sys.modules["comfy.model_management"] = model_management
    for name, content in {
        "nodes": {"NODE_CLASS_MAPPINGS": {}},
        "comfy": {"model_management": model_management},
        "comfy.model_patcher": {"CoreModelPatcher": model_management.Patcher, "ModelPatcher": model_management.Patcher},
        "comfy.utils": {"ProgressBar": model_management.ProgressBar},
        "comfy_api": {},
        "comfy_api.latest": latest,
        "comfy_api.internal": {"shallow_clone_class": shallow_clone_class, "lock_class": lock_class},
    }.items():
        module = sys.modules[name] = ModuleType(name)
        vars(module).update(content)
    for name in ("model_patcher", "utils"):
        setattr(sys.modules["comfy"], name, sys.modules[f"comfy.{name}"])
