"""3x3 convolutions by Winograd's F(4x4, 3x3): 36 multiplications for 16 outputs instead of 144 (Lavin & Gray, 2016).

Pictures are (h, w, C) here, channels last; h and w are divisible by four. A tile of 6x6 inputs gives 4x4 outputs:
Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A, with the sum over channels as 36 matrix products in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .convolution import Convolution, Kernel
from .plan import Plan

TILE = 4  # outputs per tile and side
BAND = 128  # tiles at a time: what they become on the way stays in the processor's cache
SPAN = 6  # inputs that they depend on
G = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)


def whole_tiles(height: int, width: int) -> tuple[int, int]:
    """The next size, in pixels, that is made of whole tiles."""
    return -(-height // TILE) * TILE, -(-width // TILE) * TILE


class Winograd(nn.Module):
    """One 3x3 convolution with bias, padding 1, on one picture at a time."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, plan: Plan) -> None:
        super().__init__()
        self.out_channels = conv.out_channels
        self.products = Convolution(
            lambda: _transformed(Kernel.of(conv, norm)), 0, plan, torch.float32, groups=SPAN * SPAN
        )

    def forward(self, x: Tensor, out: Tensor) -> None:
        """``x`` (h + 2, w + 2, C) with its border of zeros; the result goes to ``out`` (h, w, C')."""
        height = min(TILE * max(1, BAND // (out.shape[1] // TILE)), out.shape[0])
        for start in range(0, out.shape[0], height):
            top = min(start, out.shape[0] - height)  # bands of one height, for which the weights are laid out
            self._band(x[top : top + height + 2], out[top : top + height])

    def _band(self, x: Tensor, out: Tensor) -> None:
        height, width = x.shape[0] - 2, x.shape[1] - 2
        down, across = height // TILE, width // TILE
        rows = x.new_empty(SPAN, down, width + 2, x.shape[2])
        _spread([x[i : i + height - 3 : TILE] for i in range(SPAN)], rows)
        tiles = x.new_empty(down, across, SPAN, SPAN, x.shape[2])
        _spread([rows[:, :, j : j + width - 3 : TILE] for j in range(SPAN)], tiles.permute(3, 2, 0, 1, 4))
        products = self.products(tiles.flatten(2)[None].permute(0, 3, 1, 2))  # (1, 36 C', h/4, w/4)
        products = products.permute(0, 2, 3, 1).reshape(down, across, SPAN, SPAN, self.out_channels)
        columns = x.new_empty(TILE, down, across, SPAN, self.out_channels)
        _gather([products[:, :, i] for i in range(SPAN)], columns)
        outputs = out.unflatten(0, (down, TILE)).unflatten(2, (across, TILE))  # (h/4, 4, w/4, 4, C')
        _gather([columns[:, :, :, j] for j in range(SPAN)], outputs.permute(3, 1, 0, 2, 4))


def _transformed(kernel: Kernel) -> Kernel:
    """G g Gᵀ of each filter, (36 C', C, 1, 1)."""
    out_channels, channels = kernel.weight.shape[:2]
    g = torch.tensor(G, dtype=torch.float64, device=kernel.weight.device)
    weight = torch.einsum("ip,jq,ocpq->ijoc", g, g, kernel.weight.double()).float()
    # Position (1, 1) of a tile reaches all sixteen outputs with weight one: the bias goes there.
    bias = kernel.bias.new_zeros(SPAN, SPAN, out_channels)
    bias[1, 1] = kernel.bias
    return Kernel(weight.reshape(-1, channels, 1, 1), bias.flatten())


def _spread(d: Sequence[Tensor], out: Tensor) -> None:
    """Bᵀ d along one axis of the tiles."""
    even, odd = d[4] - d[2], d[3] - d[1]
    torch.add(even, d[0] - d[2], alpha=4, out=out[0])
    torch.sub(d[5] - d[3], odd, alpha=4, out=out[5])
    torch.add(even, odd, alpha=2, out=out[3])
    torch.sub(even, odd, alpha=2, out=out[4])
    even, odd = torch.sub(d[4], d[2], alpha=4), torch.sub(d[3], d[1], alpha=4)
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])


def _gather(m: Sequence[Tensor], out: Tensor) -> None:
    """Aᵀ m along one axis of the tiles."""
    plus, minus = m[1] + m[2], m[1] - m[2]
    twice_plus, twice_minus = m[3] + m[4], m[3] - m[4]
    torch.add(plus, m[0], out=out[0]).add_(twice_plus)
    torch.add(minus, twice_minus, alpha=2, out=out[1])
    torch.add(plus, twice_plus, alpha=4, out=out[2])
    torch.add(minus, m[5], out=out[3]).add_(twice_minus, alpha=8)
