"""What of the networks around faces is not on this machine: all of it in one line, not one thing a run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import MissingPackage, UnsupportedModel
from ..faces.detect import ALIASES
from ..faces.facexlib_networks import has_facexlib
from ..faces.landmarks import AWING
from ..weights.catalogue import catalogue
from ..weights.store import path_on_disk

PACKAGES = "facexlib torchvision"


@contextmanager
def told_at_once(args: argparse.Namespace) -> Iterator[None]:
    """Where a network of the options does not open and several things are missing, name them all in its place.

    Raises MissingPackage without the packages, UnsupportedModel where weights alone are missing.
    """
    try:
        yield
    except (MissingPackage, UnsupportedModel) as error:
        wanted, weights = _missing(args)
        packages = [f"pip install {PACKAGES}"] if wanted and not has_facexlib() else []
        if len(packages) + len(weights) < 2:
            raise
        commands = packages + ([f"fom weights download {' '.join(weights)}"] if weights else [])
        kind = MissingPackage if packages else UnsupportedModel
        raise kind(
            f"{' and '.join(wanted)}: not all that this needs is on this machine. Run: {' && '.join(commands)}"
        ) from error


def _missing(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The options that ask for networks of facexlib, and the weights that they lack and that can be downloaded."""
    chosen: str = args.face_detector
    detector = ALIASES.get(chosen, chosen)
    asked = {
        f"--face_detector {detector}": detector if detector.startswith("retinaface") else None,
        "--landmarks": AWING if getattr(args, "landmarks", None) is not None else None,
        "--parsing": getattr(args, "parsing", None),
    }
    wanted = {option: name for option, name in asked.items() if name is not None}
    return list(wanted), [name for name in wanted.values() if path_on_disk(catalogue()[name]) is None]
