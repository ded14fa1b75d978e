"""The networks of a model in the form that inference takes: the same forward passes over other blocks.

A form is made out of trained networks that nobody else has, and uses them up; it is never saved.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from ...geometry import warp
from ...networks.dense_motion import DenseMotionNetwork, DenseMotionSteps
from ...networks.generator import GeneratorSteps, OcclusionAwareGenerator
from ...networks.hourglass import Decoder, Encoder, Hourglass
from ...networks.keypoint_detector import KeypointDetector, KeypointSteps
from ...networks.model import MotionModel
from ...types import DenseMotion
from .blocks import fast_block, joined, merged_heads
from .integer_painter import IntegerPainter
from .plan import Plan
from .warp import gather_warp


class Form(nn.Module):
    """Detector and generator for inference after a plan. Takes over the networks that it is made of."""

    def __init__(self, trained: MotionModel, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        detector, generator = trained.keypoint_detector, trained.generator
        self.keypoint_detector: KeypointSteps = FastDetector(detector, plan) if plan.fast else detector
        self.generator: GeneratorSteps = FastGenerator(generator, plan) if plan.fast else generator


def make_form(trained: MotionModel, plan: Plan, device: torch.device) -> Form:
    """The form of networks that nobody else has and that are on the processor; itself it is on ``device``."""
    with torch.no_grad():
        return Form(trained, plan).to(device).eval()


class FastDetector(KeypointSteps):
    """Both heads in one convolution."""

    def __init__(self, trained: KeypointDetector, plan: Plan) -> None:
        super().__init__(trained.config)
        self.down = trained.down
        self.predictor = _TypedHourglass(trained.predictor, plan, plan.keypoint_dtype)
        heads = [trained.kp] if trained.jacobian is None else [trained.kp, trained.jacobian]
        self.pair = _Heads(heads, trained.config.num_kp, plan, plan.keypoint_dtype)

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.pair(self.predictor(self.down(images)))


class FastDenseMotion(DenseMotionSteps):
    """Both heads in one convolution."""

    def __init__(self, trained: DenseMotionNetwork, slots: int, plan: Plan) -> None:
        super().__init__(kp_variance=trained.kp_variance, align_corners=trained.align_corners)
        self.down = trained.down
        self.hourglass = _TypedHourglass(trained.hourglass, plan, plan.motion_dtype)
        heads = [trained.mask] if trained.occlusion is None else [trained.mask, trained.occlusion]
        self.pair = _Heads(heads, slots, plan, plan.motion_dtype)

    def maps(self, seen: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.pair(self.hourglass(seen))


class FastGenerator(GeneratorSteps):
    """Encoder, warp and painter in the plan's type; pictures and flow in float32."""

    def __init__(self, trained: OcclusionAwareGenerator, plan: Plan) -> None:
        super().__init__(trained.config, align_corners=trained.align_corners, border_blend=trained.border_blend)
        self.displacement_flow = trained.displacement_flow
        self.plan = plan
        self.borders: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}  # by size
        motion, slots = trained.dense_motion_network, trained.config.num_kp + 1
        # oneDNN's depthwise convolutions round less in this layout: 4e-4 off in a picture instead of 1e-3.
        steady = replace(plan, packed=False, channels_last=False) if plan.packed and self.config.mobile else plan
        self.dense_motion_network = None if motion is None else FastDenseMotion(motion, slots, steady)
        self.encoder = nn.Sequential(
            *(fast_block(part, plan, plan.dtype) for part in (trained.first, *trained.down_blocks))
        )
        integers = plan.integers and IntegerPainter.can_paint(trained)
        self.painter = IntegerPainter(trained) if integers else _Painter(trained, plan)
        self.painted_in = torch.float32 if integers else plan.dtype
        if plan.compiled:
            self.painter.compile()

    def features(self, image: Tensor) -> Tensor:
        pictures = _typed(image, self.plan, self.plan.dtype)
        if not self.plan.one_by_one or len(pictures) == 1:
            return self.encoder(pictures)
        return torch.cat([self.encoder(picture) for picture in pictures.split(1)])

    def border(self, size: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor]:
        if size not in self.borders:
            self.borders[size] = super().border(size, like)
        return self.borders[size]

    def paint(self, features: Tensor, motion: DenseMotion) -> Tensor:
        features = _typed(features, self.plan, self.plan.dtype)
        if not self.plan.one_by_one or len(motion.deformation) == 1:
            return self._paint(features, motion)
        pictures = []
        for index in range(len(motion.deformation)):
            one = slice(index, index + 1)
            occlusion_map = None if motion.occlusion_map is None else motion.occlusion_map[one]
            frame = DenseMotion(motion.deformation[one], occlusion_map, motion.mask[one])
            pictures.append(self._paint(features if len(features) == 1 else features[one], frame))
        return torch.cat(pictures)

    def _paint(self, features: Tensor, motion: DenseMotion) -> Tensor:
        size = (features.shape[2], features.shape[3])
        flow = self.flow(motion.deformation, size)
        visible = None if motion.occlusion_map is None else self.visibility(motion, size)
        return self.decode(self._moved(features, flow, visible))

    def _moved(self, features: Tensor, flow: Tensor, visible: Tensor | None) -> Tensor:
        if self.plan.warp == "triton":
            from . import kernels  # noqa: PLC0415 - Triton is there on some machines only

            return kernels.warp_visible(features, flow, visible, align_corners=self.align_corners)
        if self.plan.warp == "gather" and len(features) == len(flow) == 1:
            return gather_warp(features.float(), flow, visible, align_corners=self.align_corners)
        moved = warp(features.float(), flow, align_corners=self.align_corners)
        return moved if visible is None else moved * visible

    def decode(self, features: Tensor) -> Tensor:
        return self.painter(_typed(features, self.plan, self.painted_in)).float().sigmoid()


class _Painter(nn.Module):
    """Warped features to a picture, before the sigmoid."""

    def __init__(self, trained: OcclusionAwareGenerator, plan: Plan) -> None:
        super().__init__()
        one_kernel = plan.triton and not trained.config.mobile and len(trained.bottleneck) > 0
        bottleneck = (joined if one_kernel else fast_block)(trained.bottleneck, plan, plan.dtype)
        ups = [fast_block(block, plan, plan.dtype) for block in trained.up_blocks]
        self.parts = nn.Sequential(bottleneck, *ups, fast_block(trained.final, plan, plan.dtype))

    def forward(self, features: Tensor) -> Tensor:
        return self.parts(features)


class _TypedHourglass(nn.Module):
    """An hourglass that computes in a type of its own."""

    def __init__(self, trained: Hourglass, plan: Plan, dtype: torch.dtype) -> None:
        super().__init__()
        self.plan, self.dtype = plan, dtype
        self.encoder = Encoder(fast_block(block, plan, dtype) for block in trained.encoder.down_blocks)
        self.decoder = Decoder(fast_block(block, plan, dtype) for block in trained.decoder.up_blocks)
        if plan.compiled:
            self.encoder.compile()
            self.decoder.compile()

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(_typed(x, self.plan, self.dtype)))


class _Heads(nn.Module):
    """One or two heads over the same features, merged where they are single convolutions; results in float32."""

    def __init__(self, trained: list[nn.Module], first: int, plan: Plan, dtype: torch.dtype) -> None:
        super().__init__()
        self.first = first  # channels of the first head
        self.merged = merged_heads(trained, plan, dtype)
        parts = [] if self.merged is not None else [fast_block(head, plan, dtype) for head in trained]
        self.parts = nn.ModuleList(parts)
        self.single = len(trained) == 1

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.merged is None:
            maps = [part(features).float() for part in self.parts]
            return maps[0], None if self.single else maps[1]
        both = self.merged(features).float()
        return both[:, : self.first].contiguous(), None if self.single else both[:, self.first :].contiguous()


def _typed(x: Tensor, plan: Plan, dtype: torch.dtype) -> Tensor:
    layout = torch.channels_last if plan.channels_last else torch.contiguous_format
    return x.to(dtype).contiguous(memory_format=layout)
