"""The options about the points of faces and the parts of heads, and what they ask for."""

from __future__ import annotations

import argparse

import torch

from ..faces.parsing import PARSERS, HeadParser, load_parser
from ..faces.points import COUNTS
from .common import whole
from .missing import told_at_once

POINTS_HELP = "68 points or 98 (--landmarks alone: 68); needs the weights awing_fan and the package facexlib"
PARSING_HELP = "parsenet or bisenet (--parsing alone: parsenet); both need weights and the package facexlib"


def add_landmarks_option(parser: argparse._ActionsContainer, what: str) -> None:
    """How many points of each face, if any; ``what`` tells what for."""
    parser.add_argument(
        "--landmarks",
        type=whole,
        nargs="?",
        const=68,
        choices=sorted(COUNTS),
        metavar="68|98",
        help=f"{what}: {POINTS_HELP}",
    )


def add_parsing_option(parser: argparse._ActionsContainer, what: str) -> None:
    """Which network names the parts of heads, if any; ``what`` tells what for."""
    parser.add_argument(
        "--parsing",
        nargs="?",
        const=PARSERS[0],
        choices=PARSERS,
        metavar="NAME",
        help=f"{what}: {PARSING_HELP}",
    )


def open_parser(args: argparse.Namespace, device: torch.device) -> HeadParser | None:
    """What names the parts of heads; None where nobody asked for it."""
    with told_at_once(args):
        return None if args.parsing is None else load_parser(args.parsing, device=str(device))
