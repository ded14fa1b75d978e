"""Structured pruning: whole channels that matter least for the loss go, and the model stays an ordinary one.

How much a channel matters is estimated as in Molchanov et al., "Importance Estimation for Neural Network Pruning"
(CVPR 2019): the change of the loss without it, to first order, is the sum of its weights times their gradients.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..networks.model import MotionModel
from ..training.settings import PRUNABLE
from .channels import Space, channel_spaces
from .cost import prices

log = logging.getLogger(__name__)

SMALLEST_SHARE, FEWEST = 0.25, 4  # of the channels of a space that stay, whatever they are worth


def chosen_channels(
    model: MotionModel,
    share: float,
    importance: dict[str, Tensor],
    *,
    by: str = "parameters",
    parts: Sequence[str] = PRUNABLE,
    multiple: int = 1,
) -> dict[str, Tensor]:
    """Which channels of each space stay, (size,) bools, for at least ``share`` less of what ``by`` counts.

    As far as every space may shrink: :func:`.channels.take_channels` makes the model.

    importance: of every channel, by name of its space (:func:`importance_of`). A channel's worth is its importance
                for what goes with it of ``by``, so wide and narrow layers compete fairly.
    by:         "parameters", or "multiplications" for a driven frame, which says more about time. Channels that cost
                none of that stay: the encoder works once per source.
    parts:      those that channels may be taken from, of :data:`.PRUNABLE`; ``share`` is of the whole model all the
                same.
    multiple:   channels go in groups, so that as many stay as can be divided by this. Processors compute 8 or 16 at
                once, and a remainder takes as long as a full group.
    """
    spaces = channel_spaces(model)
    costs = _Costs(model, spaces, prices(model, by))
    whole = costs.total(Counter())
    ranked: list[tuple[float, str, list[int]]] = []
    for space in spaces:
        if _part_of(space) in parts and (price := costs.of_one(space)):
            ranked += [(worth / price, space.name, group) for worth, group in _groups(importance[space.name], multiple)]
    ranked.sort()
    keep = {space.name: torch.ones(space.size, dtype=torch.bool) for space in spaces}
    removed: Counter[str] = Counter()
    for _, name, group in ranked:
        if costs.total(removed) <= (1 - share) * whole:
            break
        keep[name][group] = False
        removed[name] += len(group)
    gone = 1 - costs.total(removed) / whole
    if gone < share:
        log.warning("Only %.0f %% of the %s can go, not %.0f %%: layers would vanish.", 100 * gone, by, 100 * share)
    return keep


def _groups(importance: Tensor, multiple: int) -> list[tuple[float, list[int]]]:
    """The channels that may go, least important first: a channel's mean importance in each group, and the group."""
    size, order = len(importance), importance.double().argsort(stable=True)
    fewest = min(size, -(-_fewest(size) // multiple) * multiple)
    groups, start = [], 0
    while (end := start + ((size - start) % multiple or multiple)) <= size - fewest:
        group = order[start:end]
        groups.append((float(importance[group].double().mean()), group.tolist()))
        start = end
    return groups


def _part_of(space: Space) -> str:
    """Of :data:`.PRUNABLE`, by the beginning of the space's name."""
    begins = ("keypoint_detector.", "generator.dense_motion_network.", "generator.")
    return next(part for part, begin in zip(PRUNABLE, begins, strict=True) if space.name.startswith(begin))


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


class _Costs:
    """Counts what a model costs for any numbers of removed channels, without building one."""

    def __init__(self, model: MotionModel, spaces: Sequence[Space], prices: Mapping[str, int]) -> None:
        self.prices = prices
        self.shapes = {name: list(value.shape) for name, value in model.named_parameters()}
        self.spaces = {
            name: [(place.dim, space.name) for space in spaces for place in space.places if place.tensor == name]
            for name in self.shapes
        }

    def total(self, removed: Counter[str]) -> int:
        return sum(self._tensor(name, removed) for name in self.shapes)

    def of_one(self, space: Space) -> int:
        """What goes with one channel."""
        one: Counter[str] = Counter({space.name: 1})
        names = {place.tensor for place in space.places} & set(self.shapes)
        return sum(self._tensor(name, Counter()) - self._tensor(name, one) for name in names)

    def _tensor(self, name: str, removed: Counter[str]) -> int:
        shape = list(self.shapes[name])
        for dim, space in self.spaces[name]:
            shape[dim] -= removed[space]
        return self.prices[name] * math.prod(shape)
