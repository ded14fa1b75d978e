"""Which plan was measured to be the fastest for a model on this machine, kept from one start to the next.

One small file for each model and machine, in ``engines`` in the folder of weights. Whatever is wrong with it, the plan
is measured anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
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


class Remembered:
    """The plan of one model among ``plans``, for this processor, its cores, this PyTorch and this version."""

    def __init__(self, networks: MotionModel, plans: Sequence[Plan]) -> None:
        self._plans = {_text(plan): plan for plan in plans}
        machine = [processor_name(), cores(), torch.__version__, version()]
        made_of = [machine, list(self._plans), networks.config.to_dict(), _digest(networks)]
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
        self.path: Path = models_dir() / "engines" / f"{networks.name[:40]}-{key}.json"

    def recall(self) -> Plan | None:
        """The plan that was chosen; None where there is none, or a file that does not name one of the plans."""
        try:
            if self.path.stat().st_size > LARGEST:
                return None
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return self._plans.get(found["plan"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None

    def keep(self, plan: Plan, ms: dict[str, float]) -> None:
        """Note a choice, and what it rests on: milliseconds for a picture. Where that cannot be, it is done without."""
        try:
            with replacing(self.path) as temporary:
                temporary.write_text(json.dumps({"plan": _text(plan), "ms": ms}, indent=1), encoding="utf-8")
        except WriteError as error:
            log.debug("%s", error)

    def forget(self) -> None:
        """The choice did not hold."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _text(plan: Plan) -> str:
    return ", ".join(f"{name}={value}" for name, value in vars(plan).items())


def _digest(networks: MotionModel) -> str:
    digest = hashlib.sha256()
    for name, tensor in networks.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
