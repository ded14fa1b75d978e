"""How inference computes. Every plan paints the same picture, within the bound of its types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

WIDE = 128  # channels from which bfloat16 pays on a processor


@dataclass(frozen=True)
class Plan:
    """Choices of the inference path; :func:`plans_for` makes them."""

    dtype: torch.dtype = torch.float32  # of the generator's convolutions
    motion_dtype: torch.dtype = torch.float32  # of the dense motion network's hourglass; the flow stays in float32
    keypoint_dtype: torch.dtype = torch.float32  # of the detector's hourglass; keypoints stay in float32
    integers: bool = False  # bottleneck and decoder of the generator in 8-bit integers, whatever dtype the rest has
    fast: bool = True  # normalisation folded into convolutions, heads merged; off: the modules as they were trained
    channels_last: bool = True
    packed: bool = False  # weights in oneDNN's own layout, for processors
    winograd: bool = False  # 3x3 convolutions of the bottleneck by F(4x4, 3x3): a quarter of the multiplications
    doubling: bool = True  # nearest-neighbour doubling and 3x3 convolution as four 2x2 ones: 4/9 of the work
    rows: bool = True  # the last 7x7 convolution as 1x7 to seven times the channels, and a sum: fuller vectors
    one_by_one: bool = False  # warp and paint frame by frame, so that a frame stays in the processor's cache
    warp: Literal["sample", "gather", "triton"] = "sample"
    fused: bool = False  # convolution, bias and ReLU in one call of cuDNN
    triton: bool = False  # residual sum, normalisation and ReLU of the bottleneck in one kernel
    compiled: bool = False  # by torch.compile
    graphs: bool = False  # CUDA graphs
    tf32: bool = False  # 10 bits of mantissa in float32 convolutions on CUDA
    benchmark: bool = False  # let cuDNN try its algorithms once per shape

    @property
    def numbers(self) -> str:
        """What the generator computes in, for people to read."""
        name = str(self.dtype).removeprefix("torch.")
        return f"int8 and {name}" if self.integers else name

    @property
    def half(self) -> bool:
        """Whether anything is computed less precisely than in float32."""
        return self.integers or {self.dtype, self.motion_dtype, self.keypoint_dtype} != {torch.float32}


EAGER = Plan(fast=False, channels_last=False)
TRITON: dict[str, Any] = {"warp": "triton", "triton": True}
WITHOUT_TRITON: dict[str, Any] = {"warp": "sample", "triton": False}
# What rests on calls that PyTorch does not promise to keep, and on tools beside it.
PUBLIC: dict[str, Any] = dict.fromkeys(("packed", "integers", "fused", "compiled", "graphs"), False) | WITHOUT_TRITON


def plainer(plan: Plan) -> Plan | None:
    """The next plan to try where one does not work, the trained modules at last; None after these."""
    for setting in (WITHOUT_TRITON, PUBLIC) if plan.triton or plan.warp == "triton" else (PUBLIC,):
        other = replace(plan, **setting)
        if other != plan:
            return other
    return EAGER if plan != EAGER else None


def plans_for(device: torch.device, dtype: torch.dtype | None, widest: int = WIDE) -> list[Plan]:
    """Plans for a device, the favourite first; the last one is float32 or what was asked for.

    ``dtype`` None leaves the type open; then ``widest``, the channels of the widest residual block, counts.
    """
    if device.type == "cpu":
        return _cpu_plans(dtype, widest)
    if device.type == "cuda":
        return _cuda_plans(dtype)
    return [Plan(dtype=dtype or torch.float32, doubling=False, rows=False, channels_last=False)]


def _cpu_plans(dtype: torch.dtype | None, widest: int) -> list[Plan]:
    exact = Plan(packed=has_packed_convolutions(), winograd=True, one_by_one=True, warp="gather")
    if dtype is not None:
        return [replace(exact, dtype=dtype)]
    if widest < WIDE:
        return [exact]
    half = replace(exact, dtype=torch.bfloat16)
    plans = [replace(half, motion_dtype=torch.bfloat16), half, exact] if has_fast_bfloat16() else [exact]
    integers = [replace(plan, integers=True) for plan in plans if plan != half]
    return integers + plans if has_fast_integers() else plans


def _cuda_plans(dtype: torch.dtype | None) -> list[Plan]:
    exact = Plan(graphs=True)
    half = replace(exact, dtype=dtype or torch.float16, fused=True, **TRITON) if dtype != torch.float32 else exact
    if dtype is not None:
        return [half]
    half = replace(half, motion_dtype=torch.float16)
    return [replace(half, keypoint_dtype=torch.float16), half, replace(exact, fused=True, tf32=True), exact]


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 faster than float32."""
    if not has_packed_convolutions():
        return False
    return _told("avx512_bf16", "amx_tile")


def _told(*features: str) -> bool:
    """Whether PyTorch says that the processor has one of some features."""
    told = [getattr(torch.cpu, f"_is_{feature}_supported", None) for feature in features]
    try:
        return any(supported is not None and supported() for supported in told)
    except (TypeError, RuntimeError):  # asked in another way by some PyTorch
        return False


def has_fast_integers() -> bool:
    """Whether this processor multiplies bytes faster than floats, and PyTorch has the oneDNN calls for that."""
    calls = ("qconv2d_pointwise", "qconv_prepack")
    if not has_packed_convolutions() or not all(hasattr(torch.ops.onednn, call) for call in calls):
        return False
    return _told("vnni", "amx_tile")


def has_packed_convolutions() -> bool:
    """Whether this PyTorch has the oneDNN calls that its own compiler uses on processors."""
    calls = ("_convolution_pointwise", "_reorder_convolution_weight")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, call) for call in calls)


@contextmanager
def settings(plan: Plan, device: torch.device) -> Iterator[None]:
    """cuDNN as the plan wants it, and as it was afterwards; off or deterministic it stays where somebody wants that.

    They hold for all threads: nothing is touched for a processor, where several compute at a time. Of several graphics
    cards the one that computes is the current one inside: recordings and Triton's kernels take that.
    """
    cudnn = torch.backends.cudnn
    if device.type == "cpu" or not cudnn.is_available():
        yield
        return
    flags = cudnn.flags(cudnn.enabled, plan.benchmark, deterministic=cudnn.deterministic, allow_tf32=plan.tf32)
    with flags, torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        yield
