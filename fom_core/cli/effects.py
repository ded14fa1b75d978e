"""Options that were given in vain."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


def without_effect(why: str, **options: object) -> None:
    """Say in one line which of these options have no effect, and why; those that are None or False were not given."""
    given = [f"--{name}" for name, value in options.items() if value is not None and value is not False]
    if given:
        log.warning("%s %s no effect: %s.", " and ".join(given), "have" if len(given) > 1 else "has", why)
