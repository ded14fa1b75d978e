"""Structured pruning: whole channels that matter least for the loss go, and the model stays an ordinary one.

How much a channel matters is estimated as in Molchanov et al., "Importance Estimation for Neural Network Pruning"
(CVPR 2019): the change of the loss without it, to first order, is the sum of its weights times their gradients.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from ..networks.model import MotionModel
from .channels import Space, channel_spaces, take_channels
from .cost import trainable_parameters

log = logging.getLogger(__name__)

SMALLEST_SHARE, FEWEST = 0.25, 4  # of the channels of a space that stay, whatever they are worth


def prune(model: MotionModel, share: float, importance: dict[str, Tensor]) -> MotionModel:
    """A model with at least ``share`` fewer parameters, as far as every space may shrink.

    importance: of every channel, by name of its space (:func:`importance_of`). A channel's worth is its importance
                for each parameter that goes with it, so wide and narrow layers compete fairly.
    """
    smaller = take_channels(model, chosen_channels(model, share, importance))
    gone = 1 - trainable_parameters(smaller) / trainable_parameters(model)
    if gone < share:
        log.warning("Only %.0f %% of the parameters can go, not %.0f %%: layers would vanish.", 100 * gone, 100 * share)
    return smaller


def chosen_channels(model: MotionModel, share: float, importance: dict[str, Tensor]) -> dict[str, Tensor]:
    """Which channels of each space stay, (size,) bools."""
    spaces = channel_spaces(model)
    sizes = _Sizes(model, spaces)
    wanted = (1 - share) * sizes.total(Counter())
    ranked = []
    for space in spaces:
        worth = importance[space.name].double() / sizes.of_one(space)
        least_important = worth.argsort(stable=True)[: space.size - _fewest(space.size)]
        ranked += [(float(worth[channel]), space.name, int(channel)) for channel in least_important]
    ranked.sort()
    keep = {space.name: torch.ones(space.size, dtype=torch.bool) for space in spaces}
    removed: Counter[str] = Counter()
    for _, name, channel in ranked:
        if sizes.total(removed) <= wanted:
            break
        keep[name][channel] = False
        removed[name] += 1
    return keep


def importance_of(model: MotionModel, losses: Iterable[Callable[[], Tensor]]) -> dict[str, Tensor]:
    """What every channel matters for these losses, each made anew by its function: space → (size,), 0 or above.

    The mean over the losses of the squared sum of weight times gradient. The model's gradients are used up.
    """
    spaces, parameters = channel_spaces(model), dict(model.named_parameters())
    found = {space.name: torch.zeros(space.size, device=model.device) for space in spaces}
    count = 0
    for loss in losses:
        model.zero_grad(set_to_none=True)
        loss().backward()
        count += 1
        for space in spaces:
            found[space.name] += _change(space, parameters).square()
    model.zero_grad(set_to_none=True)
    return {name: value.cpu() / max(1, count) for name, value in found.items()}


def _change(space: Space, parameters: dict[str, nn.Parameter]) -> Tensor:
    """First-order change of the loss without each channel, (size,).

    Only where channels leave a layer: with those weights at 0, what the next layer does with them makes no difference.
    """
    changes = []
    for place in space.places:
        parameter = parameters.get(place.tensor)
        if parameter is not None and parameter.grad is not None and place.dim == 0:
            product = (parameter.detach() * parameter.grad).narrow(0, place.offset, space.size)
            changes.append(product.reshape(space.size, -1).sum(1))
    return torch.stack(changes).sum(0) if changes else torch.zeros(())  # broadcasts on any device


def _fewest(size: int) -> int:
    return min(size, max(FEWEST, math.ceil(SMALLEST_SHARE * size)))


class _Sizes:
    """Counts parameters for any numbers of removed channels, without building a model."""

    def __init__(self, model: MotionModel, spaces: Sequence[Space]) -> None:
        self.shapes = {name: list(value.shape) for name, value in model.named_parameters()}
        self.spaces = {
            name: [(place.dim, space.name) for space in spaces for place in space.places if place.tensor == name]
            for name in self.shapes
        }

    def total(self, removed: Counter[str]) -> int:
        return sum(self._tensor(name, removed) for name in self.shapes)

    def of_one(self, space: Space) -> int:
        """Parameters that go with one channel."""
        one: Counter[str] = Counter({space.name: 1})
        names = {place.tensor for place in space.places} & set(self.shapes)
        return sum(self._tensor(name, Counter()) - self._tensor(name, one) for name in names)

    def _tensor(self, name: str, removed: Counter[str]) -> int:
        shape = list(self.shapes[name])
        for dim, space in self.spaces[name]:
            shape[dim] -= removed[space]
        return math.prod(shape)
