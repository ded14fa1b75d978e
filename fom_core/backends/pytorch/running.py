"""A form at work: the three calls, and the recordings that CUDA replays of them."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ...types import DenseMotion, Generated, Keypoints, SourceFeatures
from .form import Form
from .graphs import Graphs
from .plan import Plan


class Running:
    """One form of a model, on its device. Inputs are as of :class:`.PyTorchModel`, on that device too."""

    def __init__(self, form: Form, graphs: Graphs | None = None) -> None:
        self.form = form
        self.graphs = Graphs() if graphs is None else graphs

    @property
    def plan(self) -> Plan:
        return self.form.plan

    def detect(self, images: Tensor) -> Keypoints:
        """Keypoints of a batch."""

        def work(images: Tensor) -> list[Tensor]:
            found = self.form.keypoint_detector(images)
            return [found.value] if found.jacobian is None else [found.value, found.jacobian]

        return Keypoints(*(self.graphs.run("detect", work, [images]) if self.plan.graphs else work(images)))

    def encode(self, image: Tensor, keypoints: Keypoints) -> SourceFeatures:
        """The source's part, once per face."""
        return self.form.generator.encode(image, keypoints)

    def generate(self, source: SourceFeatures, driving: Keypoints, details: bool) -> Generated:
        """A batch of pictures."""
        source = _fitting(source, self.plan)
        if details or not self.plan.graphs or self.form.generator.config.dense_motion is None:
            return self.form.generator(source, driving, details=details)
        with_jacobians = source.keypoints.jacobian is not None and driving.jacobian is not None
        inputs = [source.small, source.features, source.keypoints.value, driving.value]
        if with_jacobians:
            assert source.keypoints.jacobian is not None and driving.jacobian is not None
            inputs += [source.keypoints.jacobian, driving.jacobian]

        def work(small: Tensor, features: Tensor, place: Tensor, goal: Tensor, *jacobians: Tensor) -> list[Tensor]:
            before, after = jacobians or (None, None)
            held = SourceFeatures(small, small, features, Keypoints(place, before))  # the picture is for details only
            out = self.form.generator(held, Keypoints(goal, after))
            assert out.dense_motion is not None
            motion = out.dense_motion
            hidden = [] if motion.occlusion_map is None else [motion.occlusion_map]
            return [out.prediction, motion.deformation, motion.mask, *hidden]

        prediction, deformation, mask, *hidden = self.graphs.run("generate", work, inputs)
        return Generated(prediction, DenseMotion(deformation, hidden[0] if hidden else None, mask))


def _fitting(source: SourceFeatures, plan: Plan) -> SourceFeatures:
    """The trained networks, which convert nothing, get the source's features in the picture's type."""
    if plan.fast or source.features.dtype == source.image.dtype:
        return source
    return replace(source, features=source.features.to(source.image.dtype))
