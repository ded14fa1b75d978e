"""PaddleGAN's training files in the layout that the authors and we use; every option keeps its line."""

from __future__ import annotations

from collections.abc import Mapping

from ..documents.options import Table

# Known and without meaning here: how PaddleGAN loads data, shows and stores its results, and chooses its classes.
UNUSED = {
    "": {"output_dir", "log_config", "validate", "snapshot_config", "export_model", "reconstruction_params"}
    | {"animate_params", "visualizer_params"},
    "dataset": {"test"},
    "dataset.train": {"name", "use_shared_memory", "phase", "create_frames_folder", "process_time", "max_dataset_size"}
    | {"direction", "input_nc", "output_nc"},
    "model": {"name", "mode", "kp_weight_path", "gen_weight_path", "generator_ori"},
    "model.generator": {"name"},
    "model.discriminator": {"name"},
    "optimizer": {"name"},
    "lr_scheduler": {"name"},
}
MIRROR, JITTER = "PairedRandomHorizontalFlip", "PairedColorJitter"


def from_paddlegan(values: Table) -> Table:
    """The same settings with sections dataset_params, model_params and train_params. Raises SettingsError."""
    source = Table(values)
    dataset, model, train = (Table(name=f"{name}_params") for name in ("dataset", "model", "train"))
    _take_model(_section(source, "model"), model, train)
    _take_dataset(_section(source, "dataset"), dataset, train)
    schedule = _section(source, "lr_scheduler")
    for key in ("lr_generator", "lr_discriminator", "lr_kp_detector"):
        schedule.move(key, train)
    schedule.move("epoch_milestones", train, "step_milestones")  # its scheduler advances with every step
    schedule.only(UNUSED["lr_scheduler"])
    _section(source, "optimizer").only(UNUSED["optimizer"])
    source.move("epochs", train, "num_epochs")
    source.only(UNUSED[""] | {"total_iters"})
    source.move("total_iters", train, "steps")
    return Table({"dataset_params": dataset, "model_params": model, "train_params": train})


def _take_model(source: Table, model: Table, train: Table) -> None:
    source.move("common_params", model)
    nets = _section(source, "generator")
    nets.move("kp_detector_cfg", model, "kp_detector_params")
    nets.move("generator_cfg", model, "generator_params")
    nets.only(UNUSED["model.generator"])
    discriminator = _section(source, "discriminator")
    discriminator.move("discriminator_cfg", model, "discriminator_params")
    discriminator.only(UNUSED["model.discriminator"])
    options = _section(source, "train_params")
    for key in list(options):
        options.move(key, train)
    source.only(UNUSED["model"])


def _take_dataset(source: Table, dataset: Table, train: Table) -> None:
    options = _section(source, "train")
    source.only(UNUSED["dataset"])
    options.move("dataroot", dataset, "root_dir")
    for key in ("frame_shape", "id_sampling", "pairs_list", "num_workers"):
        options.move(key, dataset)
    for key in ("batch_size", "num_repeats"):
        options.move(key, train)
    changes = Table({"flip_param": Table()})
    options.move("time_flip", changes["flip_param"])
    place = options.places.get("transforms")
    transforms = options.pop("transforms", None) or []
    for transform in transforms if isinstance(transforms, list) else [transforms]:
        _take_transform(transform, changes, options, place)
    dataset.put("augmentation_params", changes, place)
    options.only(UNUSED["dataset.train"])


def _take_transform(transform: object, changes: Table, options: Table, place: str | None) -> None:
    step = Table(transform) if isinstance(transform, Mapping) else Table()
    name = step.pop("name", None)
    step.pop("keys", None)
    if name == MIRROR:
        step.name = MIRROR
        step.only({"prob"})
        changes["flip_param"].put("horizontal_flip", bool(step.get("prob", 0.5)), place)
    elif name == JITTER:
        changes.put("jitter_param", step, place)
    else:
        options.put("transforms", transform, place)
        raise options.wrong("transforms", f"knows {MIRROR} and {JITTER}, not {name!r}.")


def _section(source: Table, key: str) -> Table:
    """A section taken out of its parent; empty where it is absent."""
    section = source.table(key)
    source.pop(key, None)
    return section
