"""A whole training from a folder of clips to a model file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..faces.yunet import YuNetDetector
from ..weights.load import load_model, save_model
from .clips import find_entries, has_split
from .config import TrainConfig, load_config
from .dataset import FrameCache
from .loop import train
from .perceptual import VggFeatures, read_weights
from .processes import first_alone, joined, rank
from .stream import ClipData

MOST_VALIDATION_CLIPS = 24


def train_from_folder(
    data: Path | None,
    config_path: Path,
    output: Path,
    *,
    overrides: Sequence[str] = (),
    yunet: Path | None = None,
    vgg: Path | None = None,
    init_from: str | Path | None = None,
    device: str = "cpu",
    every: int = 250,
    keep: int = 2,
) -> Path:
    """Train what ``config_path`` describes on the clips in ``data`` and return the model's file in ``output``.

    ``overrides`` change options of the file (``train_params.batch_size=4``); without ``data`` its ``root_dir`` counts.
    The split "val" of an index, or a subfolder ``val`` or ``test``, is used for figures and contact sheets. Under
    torchrun every process takes part; the first one decodes, keeps the books and writes. ``init_from`` is a model's
    name or file to start from.
    """
    config = load_config(config_path, overrides)
    if (config.needs_landmarks) and yunet is None:
        raise UsageError(
            f"{config_path.name} weighs mouth and eyes, and YuNet's weights are needed to find them. "
            "Give --yunet FILE, or set the loss weights anchor, mouth and eyes to 0."
        )
    folder = Path(config.dataset.root_dir or "") if data is None else data
    if data is None and config.dataset.root_dir is None:
        raise UsageError(f"{config_path.name} has no dataset_params.root_dir. Give the folder with the clips.")
    init = None if init_from is None else load_model(init_from, device="cpu")
    features = None
    if vgg is not None:
        features = VggFeatures.from_state_dict(read_weights(vgg, "The VGG file"))
        layers = {len(stage.weights.perceptual) for stage in config.stages if any(stage.weights.perceptual)}
        if layers - {features.num_stages}:
            raise UsageError(
                f"With --vgg, pictures are compared in {features.num_stages} layers, and {config_path.name} has "
                f"{min(layers)} weights for them. Give -o train_params.loss_weights.perceptual=[10,10,10,10,10]."
            )
    with joined(device) as own_device:
        clips, validation = _clips(config, folder, output, yunet)
        model = train(
            config,
            clips,
            validation,
            output,
            features=features,
            init=init,
            device=own_device,
            every=every,
            keep=keep,
        )
        path = output / f"{config.name}.safetensors"
        return path if rank() else save_model(model, path, name=config.name)


def _clips(
    config: TrainConfig, data: Path, output: Path, yunet: Path | None
) -> tuple[FrameCache | ClipData, FrameCache | None]:
    """The training clips, decoded or to be read on the way, and decoded ones for validation."""
    detector = None if yunet is None else YuNetDetector(yunet, threshold=0.5)
    classes = config.dataset.licence_classes
    oversize = 1.0 if config.streamed else config.dataset.oversize
    size = max(round(stage.model.image_size[0] * oversize) for stage in config.stages)
    entries = find_entries(data, "train", classes)
    clips: FrameCache | ClipData = ClipData(entries, config.dataset, output / "packs")
    validation = None
    with first_alone():
        if not config.streamed:
            clips = FrameCache.build(output / "frames-train", entries, size, detector)
        if has_split(data, "val"):
            entries = find_entries(data, "val", classes)
            if config.streamed:  # a glance while training; `fom evaluate` looks at all
                entries = entries[:: -(-len(entries) // MOST_VALIDATION_CLIPS)]
            validation = FrameCache.build(output / "frames-val", entries, size, detector)
    return clips, validation
