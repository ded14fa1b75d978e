"""A whole training from a folder of clips to a model file."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from ..files.places import Work, keep_apart
from ..parallel.distributed import rank, training_group
from ..weights.catalogue import is_file
from ..weights.load import load_module, save_model
from .checkpoint import DEFAULT, Checkpointing
from .config import load_config
from .given import TrainingInputs, check_landmarks, clip_folder, open_clips, open_features
from .loop import train


def train_from_folder(
    inputs: TrainingInputs,
    output: Path,
    *,
    init_from: str | Path | None = None,
    device: str = "cpu",
    checkpointing: Checkpointing = DEFAULT,
) -> Path:
    """Train what the inputs' file describes on their clips and return the model's file in ``output``.

    The split "val" of an index, or a subfolder ``val`` or ``test``, is used for figures and contact sheets. Under
    torchrun every process takes part; the first one decodes, keeps the books and writes. ``init_from`` is a model's
    name or file to start from.
    """
    config = load_config(inputs.config_path, inputs.overrides)
    if config.needs_teacher:
        raise UsageError(
            f"{inputs.config_path.name} learns from a teacher. Run it with `fom compress`, which takes one."
        )
    check_landmarks(config, inputs)
    path = output / f"{config.name}.safetensors"
    keep_apart([Work([*inputs.files, *(each for each in (init_from,) if is_file(each))], [output, path])])
    folder = clip_folder(config, inputs)
    init = None if init_from is None else load_module(init_from)
    features = open_features(config, inputs)
    with training_group(device) as own_device:
        clips, validation = open_clips(config, folder, output, inputs.yunet)
        model = train(
            config,
            clips,
            validation,
            output,
            features=features,
            init=init,
            device=own_device,
            checkpointing=checkpointing,
        )
        return path if rank() else save_model(model, path, name=config.name)
