"""Training settings: what a training is made of, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from ..networks.config import DiscriminatorConfig, ModelConfig
from .data.augment import AugmentConfig
from .data.pair_augment import PairAugmentation


@dataclass(frozen=True)
class TransformConfig:
    """The random warp of the equivariance loss."""

    sigma_affine: float = 0.05
    sigma_tps: float = 0.005
    points_tps: int = 5


@dataclass(frozen=True)
class LossWeights:
    """0 leaves a loss out. Per-layer weights run from shallow to deep."""

    perceptual: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0, 10.0)
    l1: float = 0.0
    equivariance_value: float = 10.0
    equivariance_jacobian: float = 10.0
    generator_gan: float = 0.0
    discriminator_gan: float = 1.0
    feature_matching: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0)
    warp: float = 0.0  # warped source against driving; with it, the generator is to reproduce the warped source
    warp_trust: float = 1.0  # share of the warped source in that; 0: it is to reproduce the driving picture
    visibility: float = 1.0  # occlusion map against the error of the warp; only together with warp
    evidence: float = 0.0  # occlusion map against whether the warped source or the prediction is nearer
    composed: float = 0.0  # the composed picture against driving
    fold: float = 0.0  # areas that the flow turns inside out
    singular: float = 0.0  # jacobians that can hardly be inverted
    mesh: float = 0.0  # flow at the points of the mesh against where these are in the source; with --mesh
    still_flow: float = 0.0  # flow of pairs made of one portrait against where each pixel is known to come from,
    still_value: float = 0.0  # the keypoints of these,
    still_jacobian: float = 0.0  # and their jacobians
    anchor: float = 0.0  # first keypoints to facial landmarks, and to lips and chin of the mesh where there is one
    mouth: float = 0.0  # how much more the picture losses count there; with 0 for both, everywhere alike
    eyes: float = 0.0
    teacher_value: float = 0.0  # how far results are from a teacher's, in `fom compress`: keypoints,
    teacher_jacobian: float = 0.0  # their jacobians,
    teacher_motion: float = 0.0  # flow and occlusion map,
    teacher_picture: float = 0.0  # and prediction


# Parts that a stage may leave as they are. The painter is all of the generator but the motion; statistics are those of
# the normalisation, which small batches would only shake.
PARTS = ("keypoint_detector", "painter", "statistics")
PRUNABLE = ("keypoint_detector", "dense_motion", "painter")  # the parts that `fom compress` takes channels from
STILL_LOSSES = ("still_flow", "still_value", "still_jacobian")
TEACHER_LOSSES = ("teacher_value", "teacher_jacobian", "teacher_motion", "teacher_picture")


@dataclass(frozen=True)
class Stage:
    """One uninterrupted training. The next stage takes over every tensor whose name and shape fit.

    Its length is given in steps, or in epochs as the authors do; :meth:`in_steps` turns epochs into steps.
    """

    name: str
    model: ModelConfig
    steps: int = 0
    minutes: float | None = None  # ends the stage earlier, for machines of unknown speed
    num_epochs: int = 0
    num_repeats: int = 1  # passes over the data in an epoch
    epoch_milestones: tuple[int, ...] = ()  # epochs after which the learning rates fall to a tenth
    step_milestones: tuple[int, ...] = ()  # the same in steps
    batch_size: int = 8  # pairs in a step and process
    accumulate: int = 1  # parts that a batch is computed in, one after the other, to fit into memory
    lr: float = 2e-4
    lr_generator: float | None = None  # None: lr
    lr_discriminator: float | None = None
    lr_kp_detector: float | None = None  # 0: it stays as it is
    warm_up: int = 50  # first steps, over which the learning rate rises
    decay_share: float = 0.33  # last part of the stage, in which the learning rate falls to zero along a cosine
    scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    clip_norm: float = 10.0  # of the gradient of each network; 0: none
    ema: float = 0.999
    precision: Literal["float32", "bfloat16", "float16"] = "float32"  # of the convolutions
    channels_last: bool = True
    compile: bool = False  # the networks, by torch.compile
    cuda_graphs: bool = False  # launch a step as a whole, on one GPU
    still_share: float = 0.2  # of pairs made of one portrait
    video_still_share: float = 0.0  # of these, those in which a frame of a video takes the portrait's place
    candidates: int = 4  # driving frames of which the one that differs most is taken
    mouth_share: float = 0.5  # of pairs for which the difference of the mouths decides
    pose_share: float = 0.0  # of pairs for which the difference of the poses does
    motion_lr: float = 1.0  # factor on lr for keypoint detector and dense motion network, once they know their task
    fixed: tuple[str, ...] = ()  # what stays as it is, so that the rest learns faster: see PARTS
    keypoints_every: int = 1  # the keypoint detector learns in every n-th step only, which saves a third of the time
    learns: Literal["both", "keypoint_detector", "generator"] = "both"  # the other one is the teacher's, and fixed
    prune: float = 0.0  # share of what prune_by counts that is taken away before the stage, in whole channels
    prune_by: Literal["parameters", "multiplications"] = "parameters"  # of the model; or of a driven frame: its time
    prune_parts: tuple[str, ...] = PRUNABLE  # where channels are taken from, but not from what is fixed
    prune_multiple: int = 1  # as many channels stay as can be divided by this; processors compute 8 or 16 at once
    prune_refit: bool = True  # fit layers to what those of the whole model gave, by least squares, before training
    weights: LossWeights = field(default_factory=LossWeights)
    transform: TransformConfig = field(default_factory=TransformConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    discriminator: DiscriminatorConfig | None = None

    @property
    def pruned_parts(self) -> tuple[str, ...]:
        """Where channels are taken from."""
        return tuple(part for part in self.prune_parts if part not in self.fixed)

    def in_steps(self, items: int, processes: int = 1) -> Stage:
        """The same stage counted in steps, for a data set of so many items (people, or clips) an epoch."""
        if not self.num_epochs:
            return self
        epoch = max(1, items * self.num_repeats // (self.batch_size * processes))
        milestones = self.step_milestones + tuple(epochs * epoch for epochs in self.epoch_milestones)
        return replace(
            self, steps=self.num_epochs * epoch, num_epochs=0, epoch_milestones=(), step_milestones=milestones
        )


@dataclass(frozen=True)
class DatasetConfig:
    """Which frames are learnt from."""

    root_dir: str | None = None  # where they are, unless the command names a folder
    frame_shape: tuple[int, int, int] | None = None  # height, width, channels
    id_sampling: bool = False  # an epoch walks over people (what stands before # in a clip's name), not over clips
    pairs_list: str | None = None  # CSV with the columns source and driving, for evaluation
    num_workers: int | None = None  # processes that read; None: as many as there are processors, up to 8
    augmentation_params: PairAugmentation = field(default_factory=PairAugmentation)
    licence_classes: tuple[str, ...] | None = None  # filter for folders with an index.csv; None: all
    oversize: float = 1.5  # size of the cached frames over the training size: room for zoom and rotation


@dataclass(frozen=True)
class TrainConfig:
    """A whole training.

    streamed: pairs are read from the clips while training, with the data set's augmentation, as the authors do; else
              all frames are decoded once, and pairs drawn and changed as the stages say.
    """

    name: str
    stages: tuple[Stage, ...]
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    perceptual_widths: tuple[int, ...] = (16, 32, 64)  # of the random features used when no VGG19 file is given
    seed: int = 0
    streamed: bool = False

    @property
    def needs_teacher(self) -> bool:
        """Whether this is a compression: a stage looks at a teacher, keeps a network of it, or prunes."""
        return any(
            stage.prune or stage.learns != "both" or any(getattr(stage.weights, name) for name in TEACHER_LOSSES)
            for stage in self.stages
        )

    @property
    def needs_landmarks(self) -> bool:
        """Whether a loss, or the choice of pairs, asks where eyes and mouth are. Meshes and mattes hold them."""
        return (
            self.needs_mesh
            or self.needs_matte
            or any(
                stage.weights.anchor or stage.weights.mouth or stage.weights.eyes or stage.pose_share
                for stage in self.stages
            )
        )

    @property
    def needs_mesh(self) -> bool:
        """Whether a loss, or the change of portraits, asks for the faces' meshes."""
        return any(stage.weights.mesh or stage.augment.turn for stage in self.stages)

    @property
    def needs_matte(self) -> bool:
        """Whether the change of pictures asks which pixels are the person."""
        return any(stage.augment.layered or stage.augment.behind for stage in self.stages)
