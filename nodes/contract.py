"""What the pack asks of ComfyUI's services, as protocols. Only ``host.py`` touches the services themselves.

The interface for nodes, ``comfy_api.latest``, is not in here: ComfyUI publishes it, and all nodes are written against
it. Whatever meets these protocols can stand for the rest; the tests do so where there is no ComfyUI.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn


class Folders(Protocol):
    """The module ``folder_paths``: where models, inputs and results lie."""

    models_dir: str
    folder_names_and_paths: dict[str, tuple[list[str], set[str]]]  # kind → its folders, and suffixes; none: any

    def add_model_folder_path(self, folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
        """Make a folder known for a kind, first among its folders if it is the default."""
        ...

    def get_folder_paths(self, folder_name: str) -> list[str]: ...

    def get_filename_list(self, folder_name: str) -> list[str]:
        """The files of a kind below all its folders, sorted, as paths from there."""
        ...

    def get_full_path_or_raise(self, folder_name: str, filename: str) -> str:
        """The path of such a file. Raises FileNotFoundError; never leads out of the folders."""
        ...

    def get_input_directory(self) -> str: ...

    def get_output_directory(self) -> str: ...

    def get_temp_directory(self) -> str: ...

    def get_save_image_path(self, filename_prefix: str, output_dir: str) -> tuple[str, str, int, str, str]:
        """Folder, name and number of the next file for a prefix, which may name subfolders; and two more."""
        ...


class Memory(Protocol):
    """The module ``comfy.model_management``: devices, their memory, and the button that cancels."""

    def get_torch_device(self) -> torch.device: ...

    def unet_offload_device(self) -> torch.device: ...

    def intermediate_device(self) -> torch.device: ...

    def intermediate_dtype(self) -> torch.dtype: ...

    def get_free_memory(self, dev: torch.device | None = None) -> int: ...

    def get_total_memory(self, dev: torch.device | None = None) -> int: ...

    def load_models_gpu(self, models: list[Any], memory_required: int = 0) -> None:
        """Bring these patchers' models to their devices, with so many bytes free beside them."""
        ...

    def throw_exception_if_processing_interrupted(self) -> None: ...


class Patcher(Protocol):
    """``comfy.model_patcher.ModelPatcher``: a model in the host's hands."""

    model: nn.Module

    def model_size(self) -> int:
        """In bytes."""
        ...


class NewPatcher(Protocol):
    """The making of one."""

    def __call__(
        self, model: nn.Module, load_device: torch.device, offload_device: torch.device, size: int = 0
    ) -> Patcher:
        """``size``: what the host counts the model as, in bytes; of its tensors, unless it is told."""
        ...


class Bar(Protocol):
    """``comfy.utils.ProgressBar`` on the running node."""

    def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
        """``preview`` is None, or the name of a picture format, a PIL picture, and its largest side in pixels."""
        ...


class NewBar(Protocol):
    """The making of one."""

    def __call__(self, total: int) -> Bar: ...


class Routes(Protocol):
    """What the host's server hands out."""

    def static(self, prefix: str, path: Path) -> Any:
        """The files of a folder, at addresses that begin with ``prefix``."""
        ...


class Queue(Protocol):
    """What the host's server runs, one after the other."""

    def get_current_queue_volatile(self) -> tuple[list[Any], list[Any]]:
        """What is running, and what waits: tuples whose third part is the graph, its nodes by id."""
        ...


class Server(Protocol):
    """The host's server."""

    routes: Routes
    prompt_queue: Queue

    def send_progress_text(self, text: str, node_id: str) -> None:
        """Show it on a node, in place of what was shown there before."""
        ...


class Services(Protocol):
    """All of them together."""

    folders: Folders
    memory: Memory
    new_patcher: NewPatcher  # of networks, which the host may bring to the device in parts
    new_whole_patcher: NewPatcher  # of models that it moves by their ``to``
    new_bar: NewBar

    def server(self) -> Server | None:
        """None where ComfyUI's modules are used without it."""
        ...
