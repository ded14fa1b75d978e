"""Which of several processes this one is."""

from __future__ import annotations

import os


def launched_rank() -> int:
    """Number of this process as the launcher gave it, 0 without one; only the first one speaks."""
    return int(os.environ.get("RANK", "0"))
