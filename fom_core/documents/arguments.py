"""Values that programs hand over, which no file or command line has looked at: each wrong one is a line."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from ..errors import UsageError
from .readers import shortened


def require_switch(name: str, value: Any) -> None:
    """Raise UsageError for what is neither True nor False."""
    with suppress(TypeError, ValueError):  # arrays
        if value in (True, False):
            return
    raise UsageError(f"{name} is True or False; got {shortened(repr(value))}.")


def require_amount(name: str, value: Any) -> None:
    """Raise UsageError for what is no number from 0 on."""
    with suppress(TypeError, ValueError, OverflowError):
        if not isinstance(value, str) and 0 <= float(value) < math.inf:
            return
    raise UsageError(f"{name} is a number from 0 on; got {shortened(repr(value))}.")


def require_word(name: str, value: Any, words: Collection[str]) -> None:
    """Raise UsageError for what is none of the words."""
    if not isinstance(value, str) or value not in words:
        raise UsageError(f"{name} is one of {', '.join(words)}; got {shortened(repr(value))}.")


def require_number_or_word(name: str, value: Any, words: Collection[str]) -> Any:
    """The word, or the whole number as an int, whichever kind it is of. Raises UsageError for what is neither."""
    if isinstance(value, str):
        if value in words:
            return value
    elif not isinstance(value, bool):
        with suppress(TypeError):
            return operator.index(value)
    allowed = " or ".join(f'"{word}"' for word in words)
    raise UsageError(f"{name} is a whole number, or {allowed}; got {shortened(repr(value))}.")
