"""Which clips a model has learnt from, told beside it: an evaluation says when it looks at them again."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ...documents.readers import DocumentError, read_json
from ...files.paths import replacing
from .clips import ClipEntry

log = logging.getLogger(__name__)
SEEN = "trained_on.json"
Fact = dict[str, str | int | None]


def note_seen(folder: Path, entries: Sequence[ClipEntry]) -> None:
    """Add the clips of a training to those that models in ``folder`` have learnt from."""
    before = _noted(folder)
    facts = {_key(fact): fact for fact in (*before, *map(_fact, entries))}
    if len(facts) > len(before):
        with replacing(folder / SEEN) as temporary:
            temporary.write_text(json.dumps(list(facts.values()), indent=0) + "\n", encoding="utf-8")


def tell_other_clips(folder: Path, entries: Sequence[ClipEntry]) -> None:
    """A warning where the training in ``folder`` goes on from checkpoints, and with other clips than before."""
    before, now = {_key(fact) for fact in _noted(folder)}, {_key(_fact(entry)) for entry in entries}
    if before and before != now and any(folder.glob("*/step-*")):
        log.warning(
            "%s was begun with other clips: of these %d it knows %d, and %d that it learnt from are missing. It goes "
            "on from its checkpoints all the same; choose another --output to begin anew.",
            folder, len(now), len(now & before), len(before - now),
        )  # fmt: skip


def seen_before(weights: Path, entries: Sequence[ClipEntry]) -> tuple[int, int]:
    """How many of these clips the model in the file ``weights`` has learnt from, and of how many others the person.

    As far as the files beside it tell: a model that was moved, or comes from elsewhere, tells nothing.
    """
    folders = weights.parents[:3]  # of a model, or of a checkpoint of a stage
    noted = next(filter(None, map(_noted, folders)), [])
    clips, people = {_key(fact) for fact in noted}, {fact.get("identity") for fact in noted}
    again = [entry for entry in entries if _key(_fact(entry)) in clips]
    return len(again), sum(entry.identity in people for entry in entries if entry not in again)


def _noted(folder: Path) -> list[Fact]:
    path = folder / SEEN
    with suppress(DocumentError, OSError):
        values = read_json(path) if path.is_file() else []
        return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    return []


def _fact(entry: ClipEntry) -> Fact:
    """What stays when the file is moved with its data set."""
    size = entry.path.stat().st_size if entry.path.is_file() else None
    return {"file": entry.path.name, "bytes": size, "identity": entry.identity}


def _key(fact: Fact) -> tuple[object, object]:
    return fact.get("file"), fact.get("bytes")
