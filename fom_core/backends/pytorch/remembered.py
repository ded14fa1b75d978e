"""Which plan was measured to be the fastest for a model on this machine, kept from one start to the next.

One small file for each model and machine, in ``engines`` in the folder of weights. Whatever is wrong with it, the plan
is measured anew. Processes that work on one thing measure differently, and take one plan all the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from ...errors import WriteError
from ...files.paths import replacing
from ...networks.model import MotionModel
from ...resources.processor import cores, processor_name
from ...version import version
from ...weights.store import models_dir
from .plan import Plan

log = logging.getLogger(__name__)
LARGEST = 10_000  # bytes of a file that can be ours
KEY = 16  # letters of a file's name that stand for machine and model
MOST = 200  # files; who trains or converts models has ever new ones
FirstSaid = Callable[[str, str], str]
_together: list[FirstSaid] = []  # how the processes of a run hear of what others chose


@contextmanager
def chosen_together(first_said: FirstSaid) -> Iterator[None]:
    """Let this process compute by the plans of others. ``first_said(of, plan)``: what was said first of something."""
    _together.append(first_said)
    try:
        yield
    finally:
        _together.remove(first_said)


class Remembered:
    """The plan of one model among ``plans``, for this processor, its cores, this PyTorch and this version."""

    def __init__(self, networks: MotionModel, plans: Sequence[Plan]) -> None:
        self._plans = {_text(plan): plan for plan in plans}
        self._asked = _hash([list(self._plans), networks.config.to_dict(), _digest(networks)])
        key = _hash([processor_name(), cores(), torch.__version__, version(), self._asked])
        self.path: Path = models_dir() / "engines" / f"{networks.name[:40]}-{key}.json"

    def recall(self) -> Plan | None:
        """The plan that was chosen; None where there is none, or a file that does not name one of the plans."""
        try:
            if self.path.stat().st_size > LARGEST:
                return None
            found = json.loads(self.path.read_text(encoding="utf-8"))
            plan = self._plans.get(found["plan"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None
        with suppress(OSError):
            os.utime(self.path)  # in use, so that it stays
        return plan

    def agreed(self, plan: Plan) -> Plan:
        """What the processes of this run compute by, of which this one chose ``plan``: what was chosen first.

        On machines of different abilities, which have other plans, each computes by its own.
        """
        if not _together:
            return plan
        return self._plans.get(_together[-1](f"plan {self._asked}", _text(plan)), plan)

    def keep(self, plan: Plan, ms: dict[str, float]) -> None:
        """Note a choice, and what it rests on: milliseconds for a picture. Where that cannot be, it is done without."""
        try:
            with replacing(self.path) as temporary:
                temporary.write_text(json.dumps({"plan": _text(plan), "ms": ms}, indent=1), encoding="utf-8")
        except WriteError as error:
            log.debug("%s", error)
        with suppress(OSError):
            kept = sorted(self.path.parent.glob(f"*-{'?' * KEY}.json"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-MOST]:
                path.unlink(missing_ok=True)

    def forget(self) -> None:
        """The choice did not hold."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _text(plan: Plan) -> str:
    return ", ".join(f"{name}={value}" for name, value in vars(plan).items())


def _hash(made_of: object) -> str:
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:KEY]


def _digest(networks: MotionModel) -> str:
    digest = hashlib.sha256()
    for name, tensor in networks.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
