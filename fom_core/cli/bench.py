"""``fom bench``: how fast this machine animates."""

from __future__ import annotations

import argparse
import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..backends.load import DTYPES
from ..benchmark.backends import BACKENDS
from ..errors import UsageError
from ..files.paths import CONFIGS, replacing, require_file
from ..files.places import Work, keep_apart
from ..media import VideoReader
from ..media.encoders import ENCODERS, SOFTWARE
from ..types import CHUNK_SIZE
from ..weights.store import best_on_disk
from . import common
from .names import OUR_SUFFIXES
from .verbs import HELP

log = logging.getLogger(__name__)
PARTS = ("network", "whole", "growth")


def add_parser(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "bench",
        help=HELP["bench"],
        description="Measure how fast this machine animates: the networks by batch, the whole job beside its steps, "
        "and on demand its growth, and the original code side by side. Prints tables in Markdown.",
        allow_abbrev=False,
    )
    _add_subject(parser.add_argument_group("what is measured"))
    _add_job(parser.add_argument_group("the whole job"))
    _add_results(parser.add_argument_group("comparison and results"))
    parser.set_defaults(run=run)


def _add_subject(what: argparse._ActionsContainer) -> None:
    what.add_argument(
        "--model",
        type=common.file_name,
        metavar="NAME_OR_FILE",
        help="name or weights file (default: the best one on this machine)",
    )
    what.add_argument(
        "--config",
        type=common.file_name,
        metavar="NAME_OR_YAML",
        help="such as vox-256: without --model its networks with random weights, which are as fast as learnt ones",
    )
    what.add_argument(
        "--size", type=common.positive, metavar="PIXELS", help="side of the faces (default: the model's own)"
    )
    what.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    what.add_argument(
        "--dtype", default="auto", choices=DTYPES, help="numbers that the generator computes in (default: auto)"
    )
    what.add_argument(
        "--parts",
        type=_parts,
        default=("network", "whole"),
        metavar="A,B",
        help=f"what to measure, of {', '.join(PARTS)} (default: network,whole); none with --against alone",
    )
    what.add_argument(
        "--batches",
        type=_batches,
        default=(1, 2, 4, 8),
        metavar="N,N",
        help="faces at a time in the networks (default: 1,2,4,8)",
    )


def _add_job(job: argparse._ActionsContainer) -> None:
    job.add_argument(
        "--frames", type=common.positive, default=64, metavar="N", help="frames of the driving video (default: 64)"
    )
    job.add_argument("--faces", type=common.positive, default=1, metavar="N", help="faces in the picture (default: 1)")
    job.add_argument(
        "--picture", type=_size, default=(1280, 720), metavar="WxH", help="size of the picture (default: 1280x720)"
    )
    job.add_argument(
        "--driving_video", type=common.file_name, metavar="FILE", help="what moves (default: a clip made for it)"
    )
    job.add_argument(
        "--chunk_size",
        type=common.positive,
        default=CHUNK_SIZE,
        metavar="N",
        help=f"frames at a time (default: {CHUNK_SIZE})",
    )
    job.add_argument(
        "--encoder",
        choices=list(ENCODERS),
        help=f"what makes the H.264 video, as for fom animate (default: {SOFTWARE})",
    )


def _add_results(other: argparse._ActionsContainer) -> None:
    other.add_argument(
        "--backends",
        type=_backends,
        default=(),
        metavar="A,B",
        help=f"{', '.join(BACKENDS)}: the networks under each of these, on the processor",
    )
    other.add_argument(
        "--against",
        type=common.file_path,
        metavar="FOLDER",
        help="a checkout of the authors' first-order-model: its code and ours in turns, same weights, same frames",
    )
    other.add_argument("--rounds", type=common.positive, default=3, metavar="N", help="turns of --against (default: 3)")
    other.add_argument(
        "--seconds",
        type=common.not_negative,
        default=1.0,
        metavar="S",
        help="for each figure of the networks (default: 1)",
    )
    other.add_argument("--json", type=common.file_path, metavar="FILE", help="write the figures there, too")
    other.add_argument(
        "--plot", type=common.file_path, metavar="FILE.svg", help="draw frames/s against batch, and growth if measured"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print, and write what was asked for."""
    from ..benchmark.bench import BenchmarkOptions, plot, run_benchmark  # noqa: PLC0415 - needed by this command only
    from ..benchmark.subject import Subject  # noqa: PLC0415
    from ..benchmark.tables import as_markdown  # noqa: PLC0415
    from ..benchmark.whole import BenchmarkJob  # noqa: PLC0415

    common.check_device(args.device)
    model = args.model
    if model is None and args.config is None:
        model = best_on_disk("model").name
        log.info(
            "Measuring the model %s; choose another by --model, or --config vox-256 for the size of the authors'.",
            model,
        )
    if args.driving_video is not None:
        VideoReader(args.driving_video)  # what is none shows before the work
    if args.plot is not None and not {"network", "growth"} & set(args.parts):
        raise UsageError("There is nothing to plot. Add network or growth to --parts.")
    if args.plot is not None and args.plot.suffix.lower() in OUR_SUFFIXES:
        raise UsageError(f"A plot is an SVG, no {args.plot.suffix} file. Name it {args.plot.with_suffix('.svg')}.")
    if args.backends and args.device not in ("auto", "cpu"):
        raise UsageError("Backends are compared on the processor. Add --device cpu.")
    config = _config(args.config)
    inputs = common.files_of_model(argparse.Namespace(model=model, config=config), args.driving_video)
    keep_apart([Work(inputs, [path for path in (args.json, args.plot) if path])])
    width, height = args.picture
    options = BenchmarkOptions(
        Subject(model, config, "cpu" if args.backends else args.device, args.dtype, args.size),
        parts=args.parts,
        batches=args.batches,
        job=BenchmarkJob(args.frames, args.faces, width, height, args.driving_video, args.chunk_size, args.encoder),
        backends=args.backends,
        against=args.against,
        rounds=args.rounds,
        budget_s=args.seconds,
    )
    with ExitStack() as files:  # an unwritable place shows before the work
        figures = files.enter_context(replacing(args.json)) if args.json else None
        drawing = files.enter_context(replacing(args.plot)) if args.plot else None
        results = run_benchmark(options)
        if figures:
            figures.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if drawing:
            drawing.write_text(plot(results), encoding="utf-8")
    print(as_markdown(results))
    return 0


def _config(text: str | None) -> str | None:
    """A YAML file, or the name of a configuration that comes along."""
    if text is None:
        return None
    named = CONFIGS / f"{text}.yaml"
    path = named if named.is_file() and not Path(text).exists() else Path(text)
    return str(require_file(path, "The configuration"))


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part for part in text.split(",") if part and part != "none")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"there is no part {unknown[0]}; choose from {', '.join(PARTS)}, none")
    return parts


def _backends(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in BACKENDS]:
        raise argparse.ArgumentTypeError(f"there is no backend {unknown[0]!r}; choose from {', '.join(BACKENDS)}")
    return names


def _batches(text: str) -> tuple[int, ...]:
    return tuple(common.positive(number) for number in text.split(","))


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not cross:
        raise argparse.ArgumentTypeError(f"a size looks like 1280x720, not {text}")
    return common.positive(width), common.positive(height)
