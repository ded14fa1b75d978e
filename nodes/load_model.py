"""Load FOM Model."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..fom_core.backends.load import load_model
from ..fom_core.weights.catalogue import Entry, catalogue
from ..fom_core.weights.load import slim
from ..fom_core.weights.store import path_on_disk
from . import host
from .base import Node
from .sockets import ALIASES, CATEGORY, Model

PRECISIONS = {"auto": "auto", "fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
TWIN = ".safetensors"
NO_CONFIG = "auto"
OWN_SIZE, SIZES = "auto", (128, 192, 256, 384, 512, 768, 1024)


class LoadFOMModel(Node):
    """Open a First Order Motion model by catalogue name or file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadFOMModel",
            display_name="Load FOM Model",
            category=CATEGORY,
            search_aliases=[*ALIASES, "load face animation model", "vox-adv", "vox-cpk"],
            description="Opens a First Order Motion model: the small embedded one, one of the authors' or PaddleGAN's, "
            "or a file of your own in models/fom (.safetensors, .pth.tar, .pdparams). Files never run code.",
            inputs=[
                io.Combo.Input("model_name", options=choices(), default="mini", tooltip=explanation()),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    tooltip="What pictures are computed in; keypoints and flow are always fp32. auto takes half "
                    "precision where the device is faster in it and the pictures of this model do not suffer (45 dB "
                    "PSNR or more, measured when it is first used), else fp32. bf16 and fp16 take it in any case.",
                ),
                io.Combo.Input(
                    "config_name",
                    options=[NO_CONFIG, *host.files("fom", {".yaml", ".yml"})],
                    advanced=True,
                    tooltip="auto reads the architecture from the weights. A YAML in models/fom, the authors' or "
                    "PaddleGAN's, is only needed for weights whose settings leave no trace in them.",
                ),
                io.Combo.Input(
                    "image_size",
                    options=[OWN_SIZE, *map(str, SIZES)],
                    default=OWN_SIZE,
                    optional=True,
                    tooltip="Pixels of a painted face, for any model: motion is seen at the size it learnt in any "
                    "case. auto is the model's own size. More is only worth its time and memory where faces are pasted "
                    "as painted, not composed (the mask flow): it keeps more detail of the picture. Beyond twice the "
                    "own size, what the picture does not show, such as the inside of a mouth, looks patchy.",
                ),
            ],
            outputs=[
                Model.Output(display_name="model", tooltip="For Animate Face, Animate Picture and Preview Keypoints.")
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, model_name: str, config_name: str = NO_CONFIG, **_: Any) -> Any:
        """Files decide: replacing one under the same name loads it again. The catalogue's have known contents."""
        model = model_name if named(model_name) else host.stamp(host.file("fom", model_name))
        return model, None if config_name == NO_CONFIG else host.stamp(host.file("fom", config_name))

    @classmethod
    def execute(
        cls, model_name: str, precision: str, config_name: str = NO_CONFIG, image_size: str = OWN_SIZE
    ) -> io.NodeOutput:
        entry = named(model_name)
        path = host.weights(entry) if entry else host.file("fom", model_name)
        config = None if config_name == NO_CONFIG else host.file("fom", config_name)
        model = load_model(path if config else slim(path), config, device="cpu", dtype=PRECISIONS[precision])
        sized = model if image_size == OWN_SIZE else model.at_size(int(image_size))
        return io.NodeOutput(host.manage_model(sized))


def named(model_name: str) -> Entry | None:
    """The catalogue's model of this name."""
    entry = catalogue().get(model_name)
    return entry if entry is not None and entry.kind == "model" else None


def choices() -> list[str]:
    """Models of the catalogue that can be had, the embedded one first; then the files in models/fom."""
    entries = [entry for entry in catalogue().values() if entry.kind == "model" and reachable(entry)]
    entries.sort(key=lambda entry: not entry.embedded)
    files = host.files("fom", host.MODEL_SUFFIXES)
    return [*(entry.name for entry in entries), *(file for file in files if not is_twin(file, files))]


def reachable(entry: Entry) -> bool:
    """Whether an entry is here or can be downloaded."""
    return bool(entry.embedded or entry.urls or path_on_disk(entry, host.weights_folders()))


def is_twin(file: str, files: list[str]) -> bool:
    """Whether a file is the converted copy of another one in the list."""
    return file.endswith(TWIN) and file.removesuffix(TWIN) in files


def explanation() -> str:
    """What stands behind each name: size, licence, and whether choosing it downloads it."""
    lines = ["Files in models/fom, and these, which are downloaded there when they are first run:"]
    for entry in catalogue().values():
        if entry.kind != "model" or not reachable(entry):
            continue
        here = "embedded" if entry.embedded else None
        if here is None:
            here = "here" if path_on_disk(entry, host.weights_folders()) else f"downloads {entry.size_told}"
        lines.append(f"• {entry.name}: {entry.title}; {here}; licence: {entry.licence}")
    return "\n".join(lines)
