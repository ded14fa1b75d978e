"""How fast frames are shown and how long after they were captured."""

from __future__ import annotations

from collections import deque

import numpy as np

WINDOW_S = 2.0
LONGEST_MS = 5000  # of the latencies that are told apart


class Meter:
    """Rate and latency of the last seconds, and of the whole, in memory that does not grow.

    frames: shown so far.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()  # when shown, and how long after it was captured
        self._counts = np.zeros(LONGEST_MS + 1, np.int64)  # by milliseconds
        self._first_s = self._last_s = 0.0
        self.frames = 0

    def shown(self, captured_s: float, now_s: float) -> None:
        """Count a frame."""
        if not self.frames:
            self._first_s = now_s
        self._last_s = now_s
        self.frames += 1
        self._recent.append((now_s, now_s - captured_s))
        while now_s - self._recent[0][0] > WINDOW_S:
            self._recent.popleft()
        self._counts[min(max(round(1000 * (now_s - captured_s)), 0), LONGEST_MS)] += 1

    @property
    def rate(self) -> float:
        """Frames a second of late."""
        if len(self._recent) < 2:
            return 0.0
        return (len(self._recent) - 1) / max(self._recent[-1][0] - self._recent[0][0], 1e-9)

    @property
    def latency_ms(self) -> float:
        """From capture to shown, the mean of late."""
        return 1000 * sum(each for _, each in self._recent) / len(self._recent) if self._recent else 0.0

    @property
    def whole_rate(self) -> float:
        """Frames a second from the first to the last."""
        return (self.frames - 1) / max(self._last_s - self._first_s, 1e-9) if self.frames > 1 else 0.0

    def whole_latency_ms(self, share: float) -> float:
        """The latency that this share of all frames stays within; 0.5 is the median."""
        return float(np.searchsorted(np.cumsum(self._counts), share * self.frames)) if self.frames else 0.0
