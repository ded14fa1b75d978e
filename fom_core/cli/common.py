"""What several commands share: choosing the model, the device and the face detector, and saying what was chosen."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import torch

from ..backends import Backend
from ..backends.load import DTYPES, load_model
from ..backends.pytorch import PyTorchModel
from ..errors import UsageError
from ..faces.detect import ALIASES, DETECTORS, best_detector, load_detector
from ..faces.detection import Detector
from ..files.paths import named_yaml, require_file
from ..types import CHUNK_SIZE
from ..weights.catalogue import Entry, catalogue, is_file, is_for_faces, preferred
from ..weights.store import best_on_disk
from .missing import told_at_once

log = logging.getLogger(__name__)
MOST, LONGEST_NUMBER = 2**31 - 1, 30
STDOUT = Path("-")


def add_model_options(parser: argparse.ArgumentParser, *, chunks: bool = True) -> None:
    """Which network, where and how it runs; ``chunks``: also how many frames at a time."""
    group = parser.add_argument_group("model")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        type=file_name,
        metavar="NAME_OR_FILE",
        help="name from `fom weights list`, or a weights file (default: best one here)",
    )
    which.add_argument(
        "--weight_path", type=file_name, dest="model", metavar="FILE", help="PaddleGAN's name for --model"
    )
    which.add_argument(
        "--checkpoint", type=file_name, dest="model", metavar="FILE", help="the authors' name for --model"
    )
    group.add_argument(
        "--config", type=file_name, metavar="YAML", help="configuration of a weights file that does not carry it"
    )
    group.add_argument("--mobile_net", action="store_true", help="choose the small, fast model")
    group.add_argument(
        "--image_size",
        type=positive,
        metavar="PIXELS",
        help="side of the square in which faces are painted (default: the model's own). Without --model, the model of "
        "that size if it is here; any other sees motion at the size that it learnt, and paints at this one",
    )
    group.add_argument(
        "--img_shape",
        type=square,
        dest="image_size",
        metavar="H,W",
        help="the name of --image_size in forks of the authors' program",
    )
    where = group.add_mutually_exclusive_group()
    where.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    where.add_argument("--cpu", dest="device", action="store_const", const="cpu", help="the same as --device cpu")
    group.add_argument(
        "--dtype", default="auto", choices=DTYPES, help="numbers to compute in (default: auto, by device and model)"
    )
    if chunks:
        _add_chunk_options(group)


def _add_chunk_options(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--chunk_size",
        type=positive,
        metavar="N",
        help=f"frames at a time; fewer need less memory (default: {CHUNK_SIZE})",
    )
    group.add_argument("--batch_size", type=positive, metavar="N", help="PaddleGAN's name for --chunk_size")
    group.add_argument(
        "--slice_size",
        type=whole,
        default=0,
        metavar="N",
        help="never more than N frames at a time; 0 is off (default: 0)",
    )


def add_detector_option(parser: argparse._ActionsContainer) -> None:
    """Which face detector."""
    parser.add_argument(
        "--face_detector",
        default="auto",
        choices=["auto", *DETECTORS, *ALIASES],
        help="what finds faces (default: auto, the best one here); sfd is s3fd",
    )


def add_on_off(group: argparse._ActionsContainer, name: str, text: str) -> None:
    """A flag that is on by default, ``--name``, and its opposite, ``--no_name``."""
    group.add_argument(f"--{name}", action="store_true", default=True, help=text)
    group.add_argument(f"--no_{name}", dest=name, action="store_false", help=f"the opposite of --{name}")


def open_model(args: argparse.Namespace) -> PyTorchModel:
    """The model that the options ask for, ready to run; by default the best one on this machine, at its own size."""
    check_device(args.device)
    name, config = args.model, args.config
    if name is None:
        entry = best_on_disk("model", image_size=args.image_size or 256, mobile=args.mobile_net)
        name = entry.name
        if config is not None:
            log.info("%s is left aside: the model %s brings its configuration along.", Path(config).name, name)
            config = None
        candidates = preferred("model", image_size=args.image_size or 256, mobile=args.mobile_net)
        _suggest_better("model", name, next(entry for entry in candidates if entry.urls))
    model = load_model(name, config=config, device=args.device, dtype=args.dtype)
    if args.image_size is not None:
        model = model.at_size(args.image_size)
        tell_sizes(model)
    return model


def tell_sizes(model: Backend) -> None:
    """A line where a model paints at another size than it learnt."""
    learnt, size = (f"{size[1]}x{size[0]}" for size in (model.config.learnt_size, model.config.image_size))
    if learnt != size:
        log.info("%s sees motion at %s pixels, as it learnt, and paints at %s.", model.name, learnt, size)


def open_detector(args: argparse.Namespace, device: torch.device, threshold: float | None = None) -> Detector:
    """The face detector that the options ask for; ``threshold`` None is its own."""
    name = args.face_detector
    if name == "auto":
        name = best_detector()
        _suggest_better("face detector", name, catalogue()["yunet"])  # small, and needs no further package
    landmarks = getattr(args, "landmarks", None)  # of the commands that have the option
    with told_at_once(args):
        return load_detector(name, threshold=threshold, device=str(device), landmarks=landmarks)


def chunk_size(args: argparse.Namespace) -> int:
    """Frames at a time, from the options under our name and under PaddleGAN's."""
    size = args.chunk_size or args.batch_size or CHUNK_SIZE
    return min(size, args.slice_size) if args.slice_size > 0 else size


def files_of_model(args: argparse.Namespace, *further: str | Path | None) -> list[str | Path]:
    """The files that ``--model`` and ``--config`` name, and further ones that are given: what is only read.

    Raises MediaError for a configuration that is not there, also where the model needs none.
    """
    config = getattr(args, "config", None)
    given = [args.model] if is_file(args.model) and Path(args.model).exists() else []
    if config is not None:
        given.append(require_file(config, "The configuration"))
    return [*given, *(path for path in further if path)]


def wants_faces(choice: str, model: Backend) -> bool:
    """Whether ``--source_crop`` means faces; auto goes by what the catalogue says the model is for."""
    return is_for_faces(model.name) if choice == "auto" else choice == "face"


def yaml_name(folder: Path, text: str) -> Path:
    """Argument type, with the folder bound: a file, or the name of one that comes along in ``folder``."""
    return named_yaml(folder, file_name(text))


def file_name(text: str) -> str:
    """Argument type: the name of a file or folder, or another name in its place."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"wants a name, got {'nothing' if not text else 'blanks'}")
    try:
        usable = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError("holds a character that no file name has")
    if text == "-":
        raise argparse.ArgumentTypeError("is no pipe here, which - stands for. Name a file; one called - is ./-")
    return text


def file_path(text: str) -> Path:
    """Argument type: :func:`file_name` as a path."""
    return Path(file_name(text))


def file_or_stdout(text: str) -> Path:
    """Argument type: :func:`file_path`, or - for stdout."""
    return STDOUT if text == "-" else file_path(text)


def whole(text: str) -> int:
    """Argument type: a whole number that a computer counts with."""
    if len(text) > LONGEST_NUMBER:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {len(text)} characters")
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from error
    if abs(value) > MOST:
        raise argparse.ArgumentTypeError(f"must be at most {MOST}, got {value}")
    return value


def positive(text: str) -> int:
    """Argument type: a whole number above zero."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def square(text: str) -> int:
    """Argument type: a height and a width that are the same, such as 256,256; or the one number."""
    sides = {positive(side) for side in text.strip("()").split(",")}
    if len(sides) != 1:
        raise argparse.ArgumentTypeError(f"must be a square such as 256,256, got {text}")
    return sides.pop()


def number(text: str) -> float:
    """Argument type: a number."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from error


def not_negative(text: str) -> float:
    """Argument type: a number that is not below zero."""
    value = number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be 0 or above, got {text}")
    return value


def zero_to_one(text: str) -> float:
    """Argument type: a number from 0 to 1."""
    value = number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, got {text}")
    return value


def check_device(device: str) -> None:
    """Raise UsageError for a kind of device that this machine has not."""
    ready = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}.get(device.partition(":")[0])
    if ready is not None and not ready():
        raise UsageError(f"The device {device} is not ready on this machine. Leave --device out, or choose --cpu.")


def _suggest_better(kind: str, chosen: str, better: Entry) -> None:
    """One line on what runs, and on what would run better than the embedded one."""
    if not catalogue()[chosen].embedded:
        log.info("Using the %s %s.", kind, chosen)
    else:
        hint = f"fom weights download {better.name} ({better.size_told})"
        log.info("Using the embedded %s. For better results: %s.", kind, hint)
