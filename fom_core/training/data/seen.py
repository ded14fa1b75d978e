"""Which clips a model has learnt from, told beside and in its file: an evaluation says when it looks at them again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ...documents.readers import DocumentError, read_json
from ...files.paths import replacing
from .clips import ClipEntry

log = logging.getLogger(__name__)
SEEN = "trained_on.json"
SEEN_KEY = "fom.trained_on"  # of a safetensors header: CLIP:PERSON for each clip, without names
_DIGITS = 10  # of each
Fact = dict[str, str | int | None]


def note_seen(folder: Path, entries: Sequence[ClipEntry]) -> None:
    """Add the clips of a training to those that models in ``folder`` have learnt from.

    Where there is no model yet, nothing was learnt before, whatever is noted.
    """
    noted = _noted(folder)
    before = noted if _has_learnt(folder) else []
    facts = {_key(fact): fact for fact in (*before, *map(_fact, entries))}
    if len(facts) != len(before) or len(before) != len(noted):
        with replacing(folder / SEEN) as temporary:
            temporary.write_text(json.dumps(list(facts.values()), indent=0) + "\n", encoding="utf-8")


def seen_header(folder: Path) -> dict[str, str]:
    """What the header of a model's file says of the clips that models in ``folder`` have learnt from."""
    noted = _noted(folder)
    return {SEEN_KEY: " ".join(":".join(_short(fact)) for fact in noted)} if noted else {}


def tell_other_clips(folder: Path, entries: Sequence[ClipEntry]) -> None:
    """A warning where the training in ``folder`` goes on from checkpoints, and with other clips than before."""
    before, now = {_key(fact) for fact in _noted(folder)}, {_key(_fact(entry)) for entry in entries}
    if before and now and before != now and any(folder.glob("*/step-*")):
        log.warning(
            "%s was begun with other clips: of these %d it knows %d, and %d that it learnt from are missing. It goes "
            "on from its checkpoints all the same; choose another --output to begin anew.",
            folder, len(now), len(now & before), len(before - now),
        )  # fmt: skip


def seen_before(weights: Path, entries: Sequence[ClipEntry]) -> tuple[int, int]:
    """How many of these clips the model in the file ``weights`` has learnt from, and of how many others the person.

    As far as its file tells, or those beside it: a model from elsewhere tells nothing.
    """
    folders = weights.parents[:3]  # of a model, or of a checkpoint of a stage
    noted = _in_header(weights) or [_short(fact) for fact in next(filter(None, map(_noted, folders)), [])]
    clips, people = {clip for clip, _ in noted}, {person for _, person in noted}
    found = [_short(_fact(entry)) for entry in entries]
    return sum(clip in clips for clip, _ in found), sum(person in people for clip, person in found if clip not in clips)


def _in_header(weights: Path) -> list[tuple[str, str]]:
    """The clips and people that a model's own file tells of."""
    try:
        with safe_open(weights, framework="pt") as file:
            words = (file.metadata() or {}).get(SEEN_KEY, "").split()
    except (OSError, SafetensorError):
        return []
    return [(clip, person) for clip, _, person in (word.partition(":") for word in words)]


def _short(fact: Fact) -> tuple[str, str]:
    """A clip and its person as digits that tell nothing else."""
    parts = f"{fact.get('file')}/{fact.get('bytes')}", str(fact.get("identity"))
    digests = [hashlib.sha256(part.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS] for part in parts]
    return digests[0], digests[1]


def _has_learnt(folder: Path) -> bool:
    return any(folder.glob("*/step-*")) or any(folder.glob("*.safetensors"))


def _noted(folder: Path) -> list[Fact]:
    path = folder / SEEN
    with suppress(DocumentError, OSError):
        values = read_json(path) if path.is_file() else []
        return [value for value in values if _is_fact(value)] if isinstance(values, list) else []
    return []


def _is_fact(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str | int | None) for each in value.values())


def _fact(entry: ClipEntry) -> Fact:
    """What stays when the file is moved with its data set."""
    size = entry.path.stat().st_size if entry.path.is_file() else None
    return {"file": entry.path.name, "bytes": size, "identity": entry.identity}


def _key(fact: Fact) -> tuple[object, object]:
    return fact.get("file"), fact.get("bytes")
