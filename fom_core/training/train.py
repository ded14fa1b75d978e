"""A whole training from a folder of clips to a model file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..files.paths import CONFIGS, named_yaml
from ..files.places import Work, keep_apart
from ..parallel.processes import joined, rank
from ..weights.catalogue import is_file
from ..weights.load import load_model, save_model
from .config import load_config
from .given import clip_folder, open_clips, open_features, open_labeller
from .journal import Stages, untold
from .loop import train


def train_from_folder(
    data: str | Path | None,
    config_path: str | Path,
    output: str | Path,
    *,
    overrides: Sequence[str] = (),
    yunet: str | Path | None = None,
    vgg: str | Path | None = None,
    init_from: str | Path | None = None,
    device: str = "auto",
    every: int = 250,
    keep: int = 2,
    stages: Stages = untold,
) -> Path:
    """Train what ``config_path`` describes on the clips in ``data`` and return the model's file in ``output``.

    ``config_path`` is a YAML file, or the name of one that comes along, such as "mini" or "vox-256".
    ``overrides`` change options of the file (``train_params.batch_size=4``); without ``data`` its ``root_dir`` counts.
    The split "val" of an index, or a subfolder ``val`` or ``test``, is used for figures and contact sheets. Under
    torchrun every process takes part; the first one decodes, keeps the books and writes. ``init_from`` is a model's
    name or file to start from. ``stages`` is told how far decoding and learning are. Who stops it finds all but the
    step under way kept, and a second call goes on there.
    """
    config_path, output = named_yaml(CONFIGS, config_path), Path(output)
    data = None if data is None else Path(data)
    config = load_config(config_path, overrides)
    if config.needs_teacher:
        raise UsageError(f"{config_path.name} learns from a teacher. Run it with `fom compress`, which takes one.")
    detector = open_labeller(config, config_path, yunet)
    path = output / f"{config.name}.safetensors"
    keep_apart([Work([each for each in (config_path, yunet, vgg, init_from) if is_file(each)], [output, path])])
    folder = clip_folder(config, config_path, data)
    init = None if init_from is None else load_model(init_from, device="cpu")
    features = open_features(config, config_path, vgg)
    with joined(device) as own_device:
        clips, validation = open_clips(config, folder, output, detector, stages)
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
            stages=stages,
        )
        return path if rank() else save_model(model, path, name=config.name)
