"""A whole training from a folder of clips to a model file."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from ..files.paths import CONFIGS
from ..files.places import Work, keep_apart
from ..parallel.distributed import rank, training_group
from ..weights.catalogue import is_file
from ..weights.load import load_module, save_model
from .checkpoint import DEFAULT, Checkpointing
from .data.seen import seen_header
from .given import TrainingInputs, find_clips, open_clips, open_features, open_labeller, open_matte, open_mesh
from .journal import Stages, untold
from .loop import train


def train_from_folder(
    inputs: TrainingInputs,
    output: str | Path,
    *,
    init_from: str | Path | None = None,
    device: str = "auto",
    checkpointing: Checkpointing = DEFAULT,
    stages: Stages = untold,
) -> Path:
    """Train what the inputs' file describes on their clips and return the model's file in ``output``.

    The split "val" of an index, or a subfolder ``val`` or ``test``, is used for figures and contact sheets. Under
    torchrun every process takes part; the first one decodes, keeps the books and writes. ``init_from`` is a model's
    name or file to start from. ``stages`` is told how far decoding and learning are. Who stops it finds all but the
    step under way kept, and a second call goes on there. Raises UsageError for a configuration that learns from a
    teacher or has no folder with clips, MediaError for a folder without any, TrainingDiverged.
    """
    inputs, output = inputs.named_in(CONFIGS), Path(output)
    config = inputs.config()
    if config.needs_teacher:
        raise UsageError(f"{inputs.config_name} learns from a teacher. Run it with `fom compress`, which takes one.")
    path = output / f"{config.name}.safetensors"
    start = [each for each in (init_from,) if is_file(each)]
    keep_apart([Work([*inputs.files, *start], [path], folders=[output])])
    found = find_clips(config, inputs)
    detector = open_labeller(config, inputs)
    mesh, matte = open_mesh(config, inputs, detector, found.train), open_matte(config, inputs, detector)
    init = None if init_from is None else load_module(init_from)
    features = open_features(config, inputs)
    with training_group(device) as own_device:
        clips, validation = open_clips(config, found, output, detector, stages, mesh=mesh, matte=matte)
        model = train(
            config,
            clips,
            validation,
            output,
            features=features,
            init=init,
            device=own_device,
            checkpointing=checkpointing,
            stages=stages,
        )
        return path if rank() else save_model(model, path, name=config.name, about=seen_header(output))
