"""Where the fast form takes the trained networks from, as often as it is made."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

from ...networks.config import ModelConfig
from ...networks.model import MotionModel


class Source:
    """Opens a model's networks as they were trained, on the processor, in evaluation mode.

    Whoever takes them owns them: a form uses them up. One that was opened and not needed is kept for the next.

    again:  opens them anew; it may raise what reading a file raises.
    config: for pictures of its size; None as they are.
    """

    def __init__(
        self, again: Callable[[], MotionModel], config: ModelConfig | None = None, at_hand: MotionModel | None = None
    ) -> None:
        self._again, self._config, self._at_hand = again, config, at_hand

    @classmethod
    def of(cls, networks: MotionModel) -> Source:
        """Networks in memory as they are now. What happens to them later is not seen."""
        kept = copy.deepcopy(networks).to("cpu").eval().requires_grad_(False)
        return cls(partial(copy.deepcopy, kept))

    def take(self) -> MotionModel:
        """The networks, yours alone."""
        at_hand, self._at_hand = self._at_hand, None
        networks = self._again() if at_hand is None else at_hand
        if self._config is not None:
            networks.resize(self._config)
        return networks

    @property
    def lasts(self) -> bool:
        """Whether the networks can be had again, as far as that shows without opening them."""
        return self._at_hand is not None or getattr(self._again, "lasts", True)

    def give_back(self, networks: MotionModel) -> None:
        """Networks that were taken and are as they were."""
        self._at_hand = networks.to("cpu")

    def at(self, config: ModelConfig) -> Source:
        """The same networks for pictures of another size. What is at hand goes along."""
        at_hand, self._at_hand = self._at_hand, None
        return Source(self._again, config, at_hand)

    def __reduce__(self) -> tuple[type[Source], tuple[Callable[[], MotionModel], ModelConfig | None]]:
        return Source, (self._again, self._config)
