"""Hyper-parameters of the networks.

Widths are written out level by level instead of as ``block_expansion`` and ``max_features``: so every config can be
read back from the tensors it built, and pruned models need no special case. ``regular`` gives the published pattern.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import UsageError

SMALLEST_PX, LARGEST_PX = 16, 4096  # of a picture's sides


@dataclass(frozen=True)
class HourglassConfig:
    """Channels of an encoder-decoder, level by level."""

    encoder: tuple[int, ...]  # after each halving, shallow to deep
    decoder: tuple[int, ...]  # after each doubling, deep to shallow

    @classmethod
    def regular(cls, block_expansion: int, max_features: int, num_blocks: int) -> HourglassConfig:
        """Doubling per level up to a ceiling, and the same way back."""
        return cls(
            encoder=tuple(min(max_features, block_expansion * 2 ** (i + 1)) for i in range(num_blocks)),
            decoder=tuple(min(max_features, block_expansion * 2**i) for i in reversed(range(num_blocks))),
        )


@dataclass(frozen=True)
class KeypointDetectorConfig:
    """The network that places keypoints on a picture, without supervision."""

    hourglass: HourglassConfig
    num_kp: int = 10
    num_channels: int = 3
    estimate_jacobian: bool = True
    single_jacobian_map: bool = False  # one map shared by all keypoints
    scale_factor: float = 0.25  # the picture is shrunk to this before the hourglass
    temperature: float = 0.1  # of the softmax that turns a map into a point
    pad: int = 0  # of the heads: 0 keeps keypoints off the border
    mobile: bool = False  # PaddleGAN's depthwise blocks


@dataclass(frozen=True)
class DenseMotionConfig:
    """The network that turns sparse keypoint motion into a flow and an occlusion map."""

    hourglass: HourglassConfig
    scale_factor: float = 0.25
    kp_variance: float = 0.01  # of the gaussians that draw the keypoints


@dataclass(frozen=True)
class GeneratorConfig:
    """The network that warps the source's features and paints what was hidden."""

    first: int  # channels at full resolution
    down: tuple[int, ...]  # after each halving
    bottleneck: tuple[int, ...]  # inner channels of each residual block
    up: tuple[int, ...]  # after each doubling
    dense_motion: DenseMotionConfig | None
    num_kp: int = 10
    num_channels: int = 3
    estimate_occlusion_map: bool = True
    mobile: bool = False  # also of the dense motion network

    @classmethod
    def regular(
        cls,
        block_expansion: int,
        max_features: int,
        num_down_blocks: int,
        num_bottleneck_blocks: int,
        dense_motion: DenseMotionConfig | None,
        *,
        num_kp: int = 10,
        num_channels: int = 3,
        estimate_occlusion_map: bool = True,
        mobile: bool = False,
    ) -> GeneratorConfig:
        """The published pattern: doubling per level up to a ceiling; inner channels twice as wide in mobile blocks."""

        def width(level: int) -> int:
            return min(max_features, block_expansion * 2**level)

        return cls(
            first=block_expansion,
            down=tuple(width(i + 1) for i in range(num_down_blocks)),
            bottleneck=(width(num_down_blocks) * (2 if mobile else 1),) * num_bottleneck_blocks,
            up=tuple(width(i) for i in reversed(range(num_down_blocks))),
            dense_motion=dense_motion,
            num_kp=num_kp,
            num_channels=num_channels,
            estimate_occlusion_map=estimate_occlusion_map,
            mobile=mobile,
        )


@dataclass(frozen=True)
class ModelConfig:
    """A whole model: both networks, and the conventions its weights were trained with."""

    keypoint_detector: KeypointDetectorConfig
    generator: GeneratorConfig
    image_size: tuple[int, int] = (256, 256)  # height, width; seen in training unless there is a motion_size
    align_corners: bool = True  # of every warp; False only for weights trained on later PyTorch with its new default
    border_blend: bool = False  # PaddleGAN fades the flow to identity at the border when it animates
    motion_size: tuple[int, int] | None = None  # height, width at which keypoints and flow are sought; None: image_size
    displacement_flow: bool = False  # resize the flow as displacement at the learnt size too, not as places

    @property
    def num_channels(self) -> int:
        return self.keypoint_detector.num_channels

    @property
    def learnt_size(self) -> tuple[int, int]:
        """Height and width seen in training."""
        return self.motion_size or self.image_size

    @property
    def resizes_displacement(self) -> bool:
        """Whether the flow is resized as displacement, so that what does not move stays in its place at any size.

        Published weights were trained with places, which agree where features are as large as the flow; so they keep
        places at the size that they learnt.
        """
        return self.displacement_flow or self.motion_size is not None

    @property
    def flow_unit(self) -> float:
        """Half sides of the picture by which a flow of 1 moved the features in training.

        Flows run from -1 in the first pixel's middle to 1 in the last one's; a picture's half sides end half a pixel
        further out.
        """
        features = max(self.learnt_size) / 2 ** len(self.generator.down)
        return 1 - 1 / features if self.align_corners else 1.0

    @property
    def size_multiple(self) -> int:
        """Height and width must be divisible by this: every network halves its input a fixed number of times."""
        painted = 2 ** len(self.generator.down)
        return painted if self.motion_size else max(painted, self.motion_multiple)  # they are powers of two

    @property
    def motion_multiple(self) -> int:
        """The same of the pictures in which motion is sought."""
        networks = (self.keypoint_detector, self.generator.dense_motion)
        return max(round(1 / net.scale_factor) * 2 ** len(net.hourglass.encoder) for net in networks if net is not None)

    def at_size(self, height: int, width: int | None = None) -> ModelConfig:
        """The same networks for pictures of another size, in pixels; without ``width``, of the shape seen in training.

        Keypoints and flow are sought at the size that they were learnt at; only the generator works on more, or fewer,
        pixels, to which the flow comes as displacement. Raises UsageError for sides that it cannot halve.
        """
        learnt = self.learnt_size
        config = replace(self, motion_size=learnt)
        multiple = config.size_multiple
        found = (height,) if width is None else (width, height)
        allowed = range(max(SMALLEST_PX, multiple), LARGEST_PX + 1, multiple)
        if width is None:
            width = round(height * learnt[1] / learnt[0] / multiple) * multiple
        size = height, width
        if size == learnt:
            return replace(self, image_size=size, motion_size=None)
        if any(side not in allowed for side in (*found, *size)) or not config.sees_evenly:
            near = [min(allowed, key=lambda side: abs(side - wrong)) for wrong in found]
            raise UsageError(
                f"The image size must be {allowed[0]} to {LARGEST_PX} and divisible by {multiple} for this model; "
                f"found {'x'.join(map(str, found))}. Choose another, such as {'x'.join(map(str, near))}."
            )
        return replace(config, image_size=size)

    @property
    def sees_evenly(self) -> bool:
        """Whether the networks can halve the pictures in which motion is sought."""
        return all(side % self.motion_multiple == 0 for side in self.learnt_size)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Inverse of :meth:`to_dict`, also after a trip through JSON. Raises KeyError, TypeError or ValueError."""

        def hourglass(part: dict[str, Any]) -> HourglassConfig:
            return HourglassConfig(tuple(part["encoder"]), tuple(part["decoder"]))

        def numbers(part: dict[str, Any], **kinds: type) -> dict[str, Any]:
            return {key: kinds[key](value) if key in kinds else value for key, value in part.items()}

        detector = numbers(values["keypoint_detector"], scale_factor=float, temperature=float, pad=int)
        detector["hourglass"] = hourglass(detector["hourglass"])
        generator = dict(values["generator"])
        if generator["dense_motion"] is not None:
            motion = numbers(generator["dense_motion"], scale_factor=float, kp_variance=float)
            generator["dense_motion"] = DenseMotionConfig(**{**motion, "hourglass": hourglass(motion["hourglass"])})
        for widths in ("down", "bottleneck", "up"):
            generator[widths] = tuple(generator[widths])
        return cls(
            KeypointDetectorConfig(**detector),
            GeneratorConfig(**generator),
            image_size=(int(values["image_size"][0]), int(values["image_size"][1])),
            align_corners=bool(values["align_corners"]),
            border_blend=bool(values["border_blend"]),
            motion_size=None if (size := values.get("motion_size")) is None else (int(size[0]), int(size[1])),
            displacement_flow=bool(values.get("displacement_flow", False)),
        )


@dataclass(frozen=True)
class DiscriminatorConfig:
    """What judges pictures in training: one patch discriminator per scale."""

    block_expansion: int = 32
    max_features: int = 512
    num_blocks: int = 4
    scales: tuple[float, ...] = (1.0,)
    spectral_norm: bool = False
    use_kp: bool = False  # also show it the keypoints as gaussians
    num_kp: int = 10
    num_channels: int = 3
    kp_variance: float = 0.01
