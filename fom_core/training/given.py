"""What a command gives to a training: clips, features to compare pictures in; and whether that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..faces.detectors.yunet import YuNetDetector
from ..parallel.distributed import first_alone
from ..weights.catalogue import is_file
from ..weights.store import named_file
from .config import TrainConfig
from .data.clips import find_entries, has_split
from .data.frame_cache import FrameCache
from .data.stream import ClipData
from .perceptual import VggFeatures, read_weights

MOST_VALIDATION_CLIPS = 24


@dataclass(frozen=True)
class TrainingInputs:
    """What a training or a compression is made from.

    config_path: the file that describes it, of which ``overrides`` change options (``train_params.batch_size=4``).
    data:        the folder with the clips; None: the file's ``root_dir``.
    yunet:       YuNet's weights, which find eyes and mouths.
    vgg:         VGG19's file or name, to compare pictures in; None: random features.
    """

    config_path: Path
    data: Path | None = None
    overrides: Sequence[str] = ()
    yunet: Path | None = None
    vgg: str | Path | None = None

    @property
    def files(self) -> list[str | Path]:
        """Those that are only read."""
        return [path for path in (self.config_path, self.yunet, self.vgg) if path is not None and is_file(path)]


def check_landmarks(config: TrainConfig, inputs: TrainingInputs) -> None:
    """Raise UsageError where losses look at eyes and mouths, and nothing finds them."""
    if config.needs_landmarks and inputs.yunet is None:
        raise UsageError(
            f"{inputs.config_path.name} weighs mouth and eyes, and YuNet's weights are needed to find them. "
            "Give --yunet FILE, or set the loss weights anchor, mouth and eyes to 0."
        )


def clip_folder(config: TrainConfig, inputs: TrainingInputs) -> Path:
    """The folder with the clips, which the command or the file names. Raises UsageError when neither does."""
    if inputs.data is None and config.dataset.root_dir is None:
        raise UsageError(f"{inputs.config_path.name} has no dataset_params.root_dir. Give the folder with the clips.")
    return Path(config.dataset.root_dir or "") if inputs.data is None else inputs.data


def open_features(config: TrainConfig, inputs: TrainingInputs) -> VggFeatures | None:
    """The features of a VGG's file or name; None: random ones.

    Raises UsageError unless there is a loss weight for each of its layers.
    """
    if inputs.vgg is None:
        return None
    features = VggFeatures.from_state_dict(read_weights(named_file(inputs.vgg), "The VGG file"))
    layers = {len(stage.weights.perceptual) for stage in config.stages if any(stage.weights.perceptual)}
    if layers - {len(features.stages)}:
        raise UsageError(
            f"With --vgg, pictures are compared in {len(features.stages)} layers, and {inputs.config_path.name} has "
            f"{min(layers)} weights for them. Give -o train_params.loss_weights.perceptual=[10,10,10,10,10]."
        )
    return features


def open_clips(
    config: TrainConfig, data: Path, output: Path, yunet: Path | None
) -> tuple[FrameCache | ClipData, FrameCache | None]:
    """The training clips, decoded into ``output`` or to be read on the way, and decoded ones for validation."""
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
