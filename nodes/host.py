"""All contact with ComfyUI's services: folders, devices, memory, progress and pictures.

The other nodes convert with these functions, call ``fom_core`` and convert back.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import comfy.model_management
import comfy.model_patcher
import comfy.utils
import folder_paths
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ..fom_core.backends.pytorch import PyTorchModel
from ..fom_core.errors import DownloadError, MediaError, UnsupportedModel
from ..fom_core.resources import threads
from ..fom_core.weights.catalogue import Entry
from ..fom_core.weights.checksums import verify_once
from ..fom_core.weights.download import download
from ..fom_core.weights.store import how_to_get, models_dir, path_on_disk
from .contract import Folders, Memory, NewBar, NewPatcher, Patcher, Routes, Server
from .kept import Kept

folders: Folders = cast(Folders, folder_paths)  # a module that no type checker finds outside ComfyUI
memory: Memory = comfy.model_management
new_patcher: NewPatcher = comfy.model_patcher.CoreModelPatcher
new_whole_patcher: NewPatcher = comfy.model_patcher.ModelPatcher
new_bar: NewBar = comfy.utils.ProgressBar

log = logging.getLogger(__name__)
SHOWN = 'the preview of Detect Faces numbers those that were found; "all" takes every one.'
WITHOUT = {  # by what is downloaded
    "model": "Or choose the model mini, which is here.",
    "face-detector": "Or choose the detector embedded, which is here.",
    "face-landmarks": "Or set landmarks to none.",
    "face-parser": "Or set parsing to none.",
    "enhancer": "Or bypass this node.",
}
MODEL_SUFFIXES = {".safetensors", ".tar", ".pth", ".pt", ".pdparams"}
FOLDERS = {  # key of the host's folder list → suffixes of the files that we list there
    "fom": MODEL_SUFFIXES | {".yaml", ".yml"},
    "fom_motions": {".safetensors"},
    "facerestore_models": {".pth", ".pt", ".safetensors"},
}
SMALLEST_PX = 16
SMALL_PX = 256  # side of a frame of which a processor paints a whole chunk before it looks up
PREVIEW_EVERY_S = 0.3
PREVIEW_PX = 512
RESTORER_BYTES = 1 << 30  # that GFPGAN takes for each face at 512 pixels; 0.8 GB were measured
FORM_ROOM = 0.5  # of a model's weights: in float32 a graphics card's form takes 1.4 times as much as they do
COPIES = 40  # float32 pictures that the widest layers of the generator take for each one it paints, measured roughly


def register_folders() -> None:
    """Make our folders known to the host; paths from extra_model_paths.yaml stay, and stay first where they default.

    models/fom is made, for that is where people are told to put files.
    """
    for key, suffixes in FOLDERS.items():
        known = key in folders.folder_names_and_paths
        folders.add_model_folder_path(key, str(Path(folders.models_dir) / key), is_default=not known)
        paths, listed = folders.folder_names_and_paths[key]
        if listed or not known:  # a folder that somebody else made known without suffixes lists every file
            folders.folder_names_and_paths[key] = (paths, set(listed) | suffixes)
    with suppress(OSError):
        folder("fom").mkdir(parents=True, exist_ok=True)


def server() -> Server | None:
    """The host's server; None where ComfyUI's modules are used without it."""
    return getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)


def routes() -> Routes | None:
    """Where the host's server is told what to hand out; None without one."""
    found = server()
    return None if found is None else found.routes


def running_graph() -> dict[str, Any] | None:
    """The graph that is being run, its nodes by id; None where no one server runs one."""
    found = server()
    running = [] if found is None else found.prompt_queue.get_current_queue_volatile()[0]
    return running[0][2] if len(running) == 1 else None


def running_node() -> str | None:
    """The id of the node that is being run; None where none is."""
    asked = getattr(sys.modules.get("comfy_execution.utils"), "get_executing_context", None)
    running = None if asked is None else asked()
    return None if running is None else running.node_id


def show_text(text: str, node_id: str) -> None:
    """Show lines on a node in place of those that it shows; nowhere without a server."""
    found = server()
    if found is not None:
        found.send_progress_text(text, node_id)


def share_help_pictures() -> None:
    """Let ``../images`` lead to the pictures of the help pages, as it does from a page in a language's folder.

    The frontend takes a page's addresses from the folder above, and so asks one folder too high; GitHub does not.
    """
    shared = routes()
    if shared is not None:
        here = Path(__file__)  # not resolved: a link to the pack is called as the link
        shared.static(f"/extensions/{here.parents[1].name}/images", here.parent / "web" / "docs" / "images")


def files(key: str, suffixes: set[str] | None = None) -> list[str]:
    """Names of the files in a folder of the host, by the names that its menus show."""
    names = folders.get_filename_list(key)
    return [name for name in names if suffixes is None or Path(name).suffix.lower() in suffixes]


def file(key: str, name: str) -> Path:
    """The path of a file chosen in a menu. Raises UnsupportedModel when it is gone or lies outside the folder."""
    try:
        return Path(folders.get_full_path_or_raise(key, name))
    except (FileNotFoundError, ValueError) as error:
        raise UnsupportedModel(
            f"There is no file {name} in the folder models/{key}. Put it there, or choose another in the list."
        ) from error


def stamp(path: Path) -> tuple[str, int, int]:
    """Changes when a file is replaced: for the host's cache of results."""
    found = path.stat()
    return str(path), found.st_mtime_ns, found.st_size


def folder(key: str) -> Path:
    """Where new files of a kind go."""
    return Path(folders.get_folder_paths(key)[0])


def weights_folders() -> list[Path]:
    """Where catalogue weights may lie: the host's model folders, then the command line's own."""
    return [*map(Path, folders.get_folder_paths("fom")), models_dir()]


def weights(entry: Entry) -> Path:
    """A catalogue entry's file, downloaded if it is not here yet: the user chose it, knowing size and licence.

    Progress shows on the node, and cancelling works. Raises UnsupportedModel for an entry without a public copy,
    DownloadError for one that does not arrive, or that is another file than the catalogue's.
    """
    path = path_on_disk(entry, weights_folders())
    if path is not None:
        verify_once(path, entry)
        return path
    target = folder("facerestore_models" if entry.kind == "enhancer" else "fom")
    if not entry.urls:
        raise UnsupportedModel(how_to_get(entry).replace(str(models_dir()), str(target)))
    log.info("Downloading %s to %s", entry.summary, target)
    try:
        return download(entry, target, progress=Progress())
    except DownloadError as error:
        raise DownloadError(f"{error} {WITHOUT[entry.kind]}") from error


class Progress:
    """The bar on the running node, and a live preview above it. Calling it raises when the user cancels."""

    def __init__(self, total: int | None = None) -> None:
        self._bar = new_bar(total or 1)
        self._total = total
        self._shown = 0.0

    def __call__(self, done: int, total: int | None = None) -> None:
        self.show(done, total)

    def show(self, done: int, total: int | None = None, picture: np.ndarray | None = None) -> None:
        """Move the bar; ``picture`` (H, W, 3) uint8 is shown too, unless the last one was a moment ago."""
        memory.throw_exception_if_processing_interrupted()
        preview = None
        now = time.monotonic()
        if picture is not None and now - self._shown >= PREVIEW_EVERY_S:
            self._shown = now
            preview = ("JPEG", Image.fromarray(np.ascontiguousarray(picture[..., :3])), PREVIEW_PX)
        total = total or self._total or max(done, 1)
        self._bar.update_absolute(min(done, total), total, preview)

    @property
    def wants_preview(self) -> bool:
        """Whether a picture would be shown now; saves making one in vain."""
        return time.monotonic() - self._shown >= PREVIEW_EVERY_S


class Managed(nn.Module):
    """A network in the host's hands. The host writes attributes on what it manages, ``device`` among them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network


class ManagedModel(nn.Module):
    """The same of a model: its weights get to a device when it is used there, and go when the host says so.

    kept: what was read for it; pictures on the device go with the weights, all of it with the model.
    """

    def __init__(self, network: PyTorchModel) -> None:
        super().__init__()
        self.network = network
        self.kept = Kept()

    def to(self, *device: Any, **options: Any) -> ManagedModel:
        """What the host calls to load and to unload."""
        self.kept.clear_pictures()
        self.network.release()
        self.network.to(*device, **options)
        return self


def manage(network: nn.Module) -> Patcher:
    """A patcher of the host around a network on the CPU: the host decides when it is on the device."""
    return new_patcher(
        Managed(network), load_device=memory.get_torch_device(), offload_device=memory.unet_offload_device()
    )


def manage_model(model: PyTorchModel) -> Patcher:
    """The same around a model; the host counts its weights as they were trained."""
    return new_whole_patcher(
        ManagedModel(model),
        load_device=memory.get_torch_device(),
        offload_device=memory.unet_offload_device(),
        size=model.weight_bytes,
    )


def on_device(patcher: Any, activation_bytes: int) -> Any:
    """The network of a patcher, brought to the host's device with this much room beside it."""
    memory.load_models_gpu([patcher], memory_required=activation_bytes)
    return patcher.model.network


def motion_model(patcher: Any, chunk_size: int, faces: int = 1) -> PyTorchModel:
    """The model of a FOM_MODEL socket on the host's device, with room for a chunk of frames of all faces at once."""
    model = patcher.model.network
    pictures_at_once = chunk_size * max(faces, 1)
    height, width = model.config.image_size
    room = int(FORM_ROOM * model.weight_bytes) + pictures_at_once * COPIES * 3 * 4 * height * width
    return on_device(patcher, room).to(patcher.load_device)


def frames_at_once(patcher: Any, chunk_size: int) -> int:
    """So many frames or fewer: on a processor no chunk of large ones takes longer than a small frame for each thread.

    Between two chunks it is seen whether the user cancels.
    """
    if patcher.load_device.type != "cpu":
        return chunk_size
    height, width = patcher.model.network.config.image_size
    return min(chunk_size, max(threads.most(), chunk_size * SMALL_PX**2 // (height * width)))


def kept_of(patcher: Any) -> Kept:
    """What was read for the model of a FOM_MODEL socket."""
    return patcher.model.kept


def name_of(patcher: Any) -> str:
    """What the model of a FOM_MODEL socket is called; it stays where it is."""
    return patcher.model.network.name


def restorer_for(patcher: Any, faces_at_once: int) -> nn.Module:
    """A face restorer on the host's device, with room for so many faces at once."""
    return on_device(patcher, faces_at_once * RESTORER_BYTES)


def torch_device() -> torch.device:
    """Where the host wants networks to run."""
    return memory.get_torch_device()


def free_memory() -> int:
    """Bytes that are free for what is not on a device."""
    return memory.get_free_memory(torch.device("cpu"))


def room_for_results() -> tuple[torch.device, torch.dtype, int, int]:
    """Where the host keeps intermediate results, in which type, and how many bytes are free there, and all in all."""
    device = memory.intermediate_device()
    free, most = memory.get_free_memory(device), memory.get_total_memory(device)
    return device, memory.intermediate_dtype(), free, most


def to_pictures(images: Tensor, what: str = "The picture") -> np.ndarray:
    """IMAGE (B, H, W, C) float → (B, H, W, C) uint8, rounded. Raises MediaError for what is no picture."""
    check_images(images, what)
    return to_uint8(images)


def to_uint8(images: Tensor) -> np.ndarray:
    """Floats in [0, 1] → uint8, rounded."""
    return images.float().clamp(0, 1).mul_(255).round_().to(torch.uint8).cpu().numpy()


def check_images(images: Any, what: str = "The picture", smallest_px: int = SMALLEST_PX) -> None:
    """Raise MediaError unless ``images`` is an IMAGE (B, H, W, C) with something on it."""
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        found = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise MediaError(f"{what} must be an IMAGE of 1, 3 or 4 channels, found {found}. Connect an image.")
    count, height, width = images.shape[:3]
    if not count:
        raise MediaError(f"{what} is an empty batch. Connect at least one image.")
    if min(height, width) < smallest_px:
        raise MediaError(
            f"{what} is {width}x{height} pixels; at least {smallest_px}x{smallest_px} are needed. Use a larger one."
        )
    if not all(is_finite(image) for image in images):  # one at a time: a batch may be gigabytes
        raise MediaError(f"{what} has pixels that are not numbers (NaN or infinite). Mend the node it comes from.")


def is_finite(image: Tensor) -> bool:
    """Whether all values are numbers. Their sum tells at once that they are; where it does not, each is looked at."""
    return bool(image.sum().isfinite()) or bool(image.isfinite().all())


def to_images(frames: np.ndarray | Tensor) -> Tensor:
    """(T, H, W, C) uint8, or (T, C, H, W) float in [0, 1], → IMAGE where the host keeps intermediate results."""
    if isinstance(frames, np.ndarray):
        images = torch.from_numpy(frames).to(memory.intermediate_device(), torch.float32).div_(255)
    else:
        images = frames.movedim(1, -1).to(memory.intermediate_device()).clamp(0, 1)
        if images.shape[-1] == 1:
            images = images.expand(-1, -1, -1, 3)
    return images.to(memory.intermediate_dtype()).contiguous()


def fill(images: Tensor, frames: np.ndarray | Tensor) -> None:
    """Put into an IMAGE what :func:`to_images` would make of these frames; bytes become floats there and then."""
    if isinstance(frames, np.ndarray):
        images.copy_(torch.from_numpy(frames)).div_(255)
    else:
        images.copy_(to_images(frames))


def to_masks(maps: Tensor) -> Tensor:
    """(T, H, W) float in [0, 1] → MASK where the host keeps intermediate results."""
    return maps.to(memory.intermediate_device(), memory.intermediate_dtype()).contiguous()


def new_images(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    """An IMAGE to be filled, where the host keeps intermediate results."""
    return torch.empty(
        count, height, width, channels, device=memory.intermediate_device(), dtype=memory.intermediate_dtype()
    )


def new_masks(count: int, height: int, width: int) -> Tensor:
    """A white MASK to be filled, where the host keeps intermediate results."""
    return torch.ones(count, height, width, device=memory.intermediate_device(), dtype=memory.intermediate_dtype())


def temporary_file(suffix: str) -> Path:
    """A new name in the host's folder for temporary files, which it empties at its next start."""
    target = Path(folders.get_temp_directory())
    target.mkdir(parents=True, exist_ok=True)
    return target / f"fom_{secrets.token_hex(8)}{suffix}"


def input_folder() -> Path:
    return Path(folders.get_input_directory())


def output_folder() -> Path:
    return Path(folders.get_output_directory())


def output_file(prefix: str, suffix: str, folder_path: Path) -> Path:
    """The next free numbered name for a prefix, as the host's own save nodes count; the prefix may name subfolders."""
    target, name, counter, _, _ = folders.get_save_image_path(prefix, str(folder_path))
    Path(target).mkdir(parents=True, exist_ok=True)
    path = Path(target) / f"{name}_{counter:05}_{suffix}"
    while path.exists():
        counter += 1
        path = Path(target) / f"{name}_{counter:05}_{suffix}"
    return path
