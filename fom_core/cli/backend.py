"""The backend of a command: PyTorch's own network, or an exported model under another runtime."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from pathlib import Path

from ..backends import MANIFEST, RUNTIMES, Backend, fitting_backend, is_exported, open_exported, read_package
from ..backends.open import RUNTIME_NAMES, format_for, graph_opener
from ..backends.package import FORMAT, ONNX, format_and_precision, variant_name
from ..errors import MissingPackage, UsageError
from ..files.paths import sha256_of
from ..weights.store import locate, models_dir
from . import common

log = logging.getLogger(__name__)
EXTRAS = {"onnx": "onnx", "openvino": "onnx,openvino", "litert": "litert"}  # for the export and the runtime
PRECISIONS = ("float32", "float16", "int8")


def add_backend_options(parser: argparse.ArgumentParser) -> None:
    """What computes the model, beside the options of :func:`.common.add_model_options`."""
    group = parser.add_argument_group("backend")
    group.add_argument(
        "--backend",
        choices=["torch", *RUNTIMES],
        help="what computes the model (default: torch; for a folder of `fom export` as --model what "
        "computes its files, onnx or litert)",
    )
    group.add_argument(
        "--provider",
        metavar="NAME",
        help="of --backend onnx: cpu, cuda, tensorrt, openvino, coreml, directml; of openvino: CPU, GPU, NPU "
        "(default: cuda where it starts, else the processor, which is all that opencv and litert use)",
    )
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="which files of an exported model (default: float32); PyTorch has --dtype",
    )


def open_backend(args: argparse.Namespace) -> Backend:
    """The model that the options ask for, in the hands of the backend that they ask for.

    A model that is not exported yet is exported first, into ``exports`` in the folder of weights. Raises UsageError for
    options that belong to another backend.
    """
    folder = None if args.model is None else Path(args.model)
    given = folder is not None and is_exported(folder)
    backend = args.backend or (fitting_backend(read_package(folder)) if given and folder else "torch")
    if backend == "torch":
        _refuse(args, given)
        return common.open_model(args)
    if args.dtype != "auto":
        raise UsageError(f"--dtype is of the backend torch. With --backend {backend}, choose --precision.")
    precision = args.precision or "float32"
    if not given or folder is None:
        _require(args, backend)  # what is missing shows before the export
        folder = _exported(args, format_for(backend), precision)
    elif args.image_size is not None:
        _check_size(folder, args.image_size)
    model = open_exported(folder, backend, _provider(args, backend), precision)
    rest = f" ({', '.join(model.in_float32)} in float32)" if model.in_float32 else ""
    log.info("Computing %s with %s, %s%s.", model.name, RUNTIME_NAMES[backend], precision, rest)
    return model


def _require(args: argparse.Namespace, backend: str) -> None:
    """What a backend and the export for it need. Raises MissingPackage, of all that is missing at once; UsageError.

    The extra of a format brings what makes its files as well as what computes them.
    """
    try:
        graph_opener(backend, _provider(args, backend))
    except MissingPackage as error:
        name = EXTRAS.get(backend)
        if name is None:
            raise
        raise MissingPackage(
            f"The backend {backend} needs {RUNTIME_NAMES[backend]}, which is not installed, and the model is exported "
            f'for it first. Run: pip install "fom-face-animation[{name}]"'
        ) from error


def _check_size(folder: Path, wanted: int) -> None:
    height, width = read_package(folder).config.image_size
    if wanted != height:
        raise UsageError(
            f"{folder} was exported for pictures of {width}x{height}. Leave --image_size out, or export the model with "
            f"`fom export --image_size {wanted}`."
        )


def _refuse(args: argparse.Namespace, exported: bool) -> None:
    if exported:
        raise UsageError(f"{args.model} is an exported model, which torch does not compute. Choose another --backend.")
    for option in ("provider", "precision"):
        if getattr(args, option) is not None:
            raise UsageError(
                f"--{option} is of exported models. Add --backend onnx or another one for them, or leave it out."
            )


def _provider(args: argparse.Namespace, backend: str) -> str:
    """``--provider``, or what ``--device`` says in its place."""
    if args.provider or args.device == "auto":
        return args.provider or "auto"
    device = args.device.partition(":")[0]
    return device if backend == "onnx" or device == "cpu" else "auto"


def _exported(args: argparse.Namespace, form: str, precision: str) -> Path:
    """The folder of the model's export in a format, made now if it is not there.

    What was left out once is not tried again.
    """
    from ..export import export_model  # noqa: PLC0415 - of little use to most commands
    from ..export.formats import FORMATS  # noqa: PLC0415

    model = common.open_model(argparse.Namespace(**{**vars(args), "device": "cpu"}))
    kind = "" if form == ONNX else f"-{form}"
    folder = models_dir() / "exports" / f"{model.name}-{_fingerprint(args, model)}{kind}"
    package = read_package(folder) if (folder / MANIFEST).is_file() else None
    here = [] if package is None else [*package.precisions, *package.left_out]
    if variant_name(form, precision) not in here:
        if form != ONNX:
            FORMATS[form].require()
        log.info("Exporting %s to %s, once.", model.name, folder)
        precisions = [*(format_and_precision(variant)[1] for variant in here), precision]
        export_model(model.as_trained(), folder, variants=precisions, formats=[form])
    return folder


def _fingerprint(args: argparse.Namespace, model: Backend) -> str:
    """Stands for the weights and the configuration that an export is made of."""
    path, _ = locate(args.model or model.name)
    made_of = [FORMAT, sha256_of(path), model.config.to_dict()]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]
