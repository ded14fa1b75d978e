import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fom_core.backends.pytorch import convolution, winograd
from fom_core.backends.pytorch.blocks import DEEP, fast_block
from fom_core.backends.pytorch.convolution import Convolution, Kernel, TapDoubling
from fom_core.backends.pytorch.plan import Plan, has_packed_convolutions
from fom_core.backends.pytorch.warp import gather_warp
from fom_core.backends.pytorch.winograd import Winograd
from fom_core.geometry import warp
from fom_core.networks.blocks import ResBlock, UpBlock

PLANS = {
    "plain": Plan(),
    "packed": Plan(packed=has_packed_convolutions(), winograd=True),
    "rowwise": Plan(channels_last=False),
}


def lively(block: nn.Module) -> nn.Module:
    """With statistics as training leaves them."""
    torch.manual_seed(0)
    for norm in block.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None and norm.running_var is not None
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
    return block.eval()


@torch.inference_mode()
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize(
    "block",
    [
        UpBlock(5, 7),
        UpBlock(6, DEEP),
        ResBlock(6, 9),
        ResBlock(128, 160),  # wide enough for Winograd's algorithm
        nn.Conv2d(6, 3, 7, padding=3),
        nn.Conv2d(6, 11, 7),
        nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1)),
    ],
    ids=["doubling", "deep doubling", "residual", "wide residual", "last", "head", "mobile head"],
)
@pytest.mark.parametrize("size", [(16, 12), (18, 14)])
def test_a_fast_block_gives_what_the_trained_one_gives(plan, block, size):
    block = lively(block)
    first = next(module for module in block.modules() if isinstance(module, nn.Conv2d))
    x = torch.randn(2, first.in_channels, *size)
    fast = fast_block(block, plan, torch.float32)
    torch.testing.assert_close(fast(x), block(x), rtol=1e-4, atol=2e-4)


@torch.inference_mode()
@pytest.mark.parametrize("band", [1, 10, 1000])
def test_winograd_is_the_convolution(band, monkeypatch):
    monkeypatch.setattr(winograd, "BAND", band)
    torch.manual_seed(0)
    x, conv = torch.randn(1, 8, 12, 20), nn.Conv2d(8, 5, 3, padding=1)
    nn.init.normal_(conv.weight)
    out = torch.full((12, 20, 5), torch.nan)
    Winograd(conv, None, Plan())(F.pad(x, (1, 1, 1, 1))[0].permute(1, 2, 0).contiguous(), out)
    expected = conv(x)[0].permute(1, 2, 0)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("plan", [PLANS["plain"], PLANS["packed"]])
@pytest.mark.parametrize("band", [1, 15, 33, 40, 1000])
@pytest.mark.parametrize("size", [(11, 5), (1, 3), (2, 1)])
def test_doubling_in_bands_of_any_size_is_the_same(plan, band, size, monkeypatch):
    monkeypatch.setattr(convolution, "BAND", band)
    block = lively(UpBlock(6, 5))
    assert isinstance(block, UpBlock)
    x = torch.randn(3, 6, *size).contiguous(memory_format=torch.channels_last)
    fast = TapDoubling(block.conv, block.norm, plan, torch.float32)
    torch.testing.assert_close(fast(x), block(x), rtol=1e-4, atol=1e-5)
    half = TapDoubling(block.conv, block.norm, plan, torch.bfloat16)(x.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), block(x), rtol=0.05, atol=0.05)


@torch.inference_mode()
@pytest.mark.skipif(not has_packed_convolutions(), reason="PyTorch without oneDNN")
def test_packed_weights_are_folded_on_first_use_and_kept_packed_alone():
    block = lively(nn.Sequential(UpBlock(8, 8), ResBlock(8, 8)))
    fast = fast_block(block, PLANS["packed"], torch.float32)
    convolutions = [module for module in fast.modules() if isinstance(module, Convolution)]
    assert len(convolutions) == 3 and all(conv.weight is None for conv in convolutions)
    gone = [weakref.ref(part.weight) for part in block.modules() if isinstance(part, nn.Conv2d)]
    del block
    fast(torch.randn(1, 8, 8, 8))
    assert all(conv.weight is not None and conv.weight.is_mkldnn for conv in convolutions)
    assert all(weight() is None for weight in gone)


@torch.inference_mode()
@pytest.mark.skipif(not has_packed_convolutions(), reason="PyTorch without oneDNN")
def test_threads_that_need_a_packed_weight_at_once_get_the_same():
    torch.manual_seed(0)
    x, together, folded = torch.randn(1, 8, 8, 8), threading.Barrier(4), []

    def fold():
        folded.append(1)
        return Kernel(torch.ones(8, 8, 1, 1), torch.zeros(8))

    conv = Convolution(fold, 0, PLANS["packed"], torch.float32)

    @torch.inference_mode()
    def work(_):
        together.wait()
        return conv(x)

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(work, range(4))
    assert all(torch.equal(other, first) for other in others) and folded == [1]


@torch.inference_mode()
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("hidden", [True, False])
def test_gathering_is_the_warp(align_corners, hidden):
    torch.manual_seed(0)
    features, flow = torch.randn(1, 6, 9, 7), torch.rand(1, 11, 5, 2) * 3 - 1.5  # a third of it beyond the border
    visible = torch.rand(1, 1, 11, 5) if hidden else None
    expected = warp(features, flow, align_corners=align_corners)
    actual = gather_warp(features, flow, visible, align_corners=align_corners)
    torch.testing.assert_close(actual, expected if visible is None else expected * visible)


@torch.inference_mode()
def test_a_flow_that_is_no_number_gathers_nothing_and_does_not_crash():
    flow = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30]).view(1, 1, 2, 2)
    assert torch.equal(gather_warp(torch.ones(1, 3, 4, 4), flow, None, align_corners=True), torch.zeros(1, 3, 1, 2))
