"""``fom workflow convert``: a workflow of ComfyUI-FirstOrderMM, with this project's nodes in place of its own."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any

from ..documents.readers import DocumentError, parse_json, read_text
from ..errors import FomError, UsageError
from ..files.paths import replacing, require_file, require_name
from ..files.places import Work, keep_apart
from ..workflow import convert_workflow
from .common import file_name, file_path
from .verbs import HELP

LARGEST_SEED = 2**64 - 1
log = logging.getLogger(__name__)


def add_parser(subparsers: Any) -> None:
    """Declare the command with its one action, and its options."""
    parser = subparsers.add_parser("workflow", help=HELP["workflow"], description="Convert workflows of ComfyUI.")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "rewrite a workflow made for ComfyUI-FirstOrderMM for the nodes of this project"
    action = actions.add_parser(
        "convert",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. Workflows as ComfyUI saves and as it exports them (API) are taken; "
        "all other nodes, links, groups and notes stay. What differs is told in lines and in notes on the canvas.",
        allow_abbrev=False,
    )
    action.add_argument("workflow", type=file_path, metavar="IN.json", help="the workflow")
    action.add_argument(
        "--output", type=file_path, metavar="OUT.json", help="where to write it (default: IN_fom.json, beside IN.json)"
    )
    action.add_argument("--overwrite", action="store_true", help="replace OUT.json if it is there")
    action.add_argument(
        "--model",
        type=file_name,
        metavar="NAME",
        help="what Load FOM Model opens, such as mini (default: the weights that the workflow names)",
    )
    action.set_defaults(run=rewrite)


def rewrite(args: argparse.Namespace) -> None:
    """Read, rewrite and write a workflow; tell what differs."""
    source = require_file(args.workflow, "The workflow")
    output: Path = args.output or source.with_name(f"{source.stem}_fom.json")
    keep_apart([Work([source], [output])])
    require_name(output)
    if output.exists() and not args.overwrite:
        raise UsageError(f"{output} is there already. Choose another --output, or add --overwrite to replace it.")
    try:
        converted = convert_workflow(parse_json(read_text(source), finite=False, largest=LARGEST_SEED), args.model)
    except DocumentError as error:
        raise FomError(f"The workflow {source}: {error} Give a workflow that ComfyUI saved.") from error
    except FomError as error:
        raise type(error)(f"{source}: {error}") from error
    with replacing(output) as temporary:
        text = json.dumps(converted.workflow, ensure_ascii=False, indent=1) + "\n"
        temporary.write_text(text, encoding="utf-8")
    log.info("%d %s replaced.", converted.replaced, "node was" if converted.replaced == 1 else "nodes were")
    for line in converted.remarks:
        log.info("%s", line)
    print(output)
