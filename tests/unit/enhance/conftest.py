"""A restorer that is no network, so that these tests always run."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


class Negative(nn.Module):
    """Gives the negative of each face and remembers the faces; has room for so many at a time."""

    def __init__(self, room: int = 100) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))
        self.room = room
        self.seen: list[Tensor] = []

    def forward(self, faces: Tensor) -> Tensor:
        if len(faces) > self.room:
            raise RuntimeError("backend is out of memory")
        self.seen.append(faces)
        return 1 - faces


@pytest.fixture
def negative() -> Negative:
    return Negative()


@pytest.fixture
def cramped() -> Negative:
    """The same with room for a single face."""
    return Negative(room=1)
