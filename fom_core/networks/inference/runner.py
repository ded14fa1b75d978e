"""Runs a model's inference: chooses a plan, makes the form for it, and makes another when weights or device change."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...faults import pass_on
from ...memory import let_go, trim_heap
from ...types import DenseMotion, Generated, Keypoints, SourceFeatures
from . import bounds
from .form import Form
from .graphs import Graphs
from .plan import EAGER, WITHOUT_TRITON, Plan, plans_for, settings

if TYPE_CHECKING:
    from ..model import MotionModel

log = logging.getLogger(__name__)


class Runner:
    """The inference state of one model. It is not part of the model: copies and saved models start without it."""

    def __init__(self, precision: torch.dtype | None = torch.float32, plan: Plan | None = None) -> None:
        self.precision = precision  # None: choose
        self.fixed = plan  # instead of choosing
        self._making = threading.RLock()  # one form at a time, whichever thread needs it first
        self.forget()

    def __deepcopy__(self, memo: dict[int, Any]) -> Runner:
        return Runner(self.precision, self.fixed)

    def __reduce__(self) -> tuple[Any, ...]:
        return Runner, (self.precision, self.fixed)

    def forget(self) -> None:
        """Drop what was made from the weights."""
        self.form: Form | None = None
        self.plan: Plan | None = None
        self.graphs = Graphs()
        self.made_of: list[tuple[int, int]] = []
        self.unsound = False

    def detect(self, model: MotionModel, images: Tensor) -> Keypoints:
        """Keypoints of a batch."""
        form = self.ready(model)

        def work(images: Tensor) -> list[Tensor]:
            found = form.keypoint_detector(images)
            return [found.value] if found.jacobian is None else [found.value, found.jacobian]

        with settings(form.plan, model.device):
            values = self.graphs.run("detect", work, [images]) if form.plan.graphs else work(images)
        return Keypoints(*values)

    def encode(self, model: MotionModel, image: Tensor, keypoints: Keypoints) -> SourceFeatures:
        """The source's part, once per face."""
        form = self.ready(model)
        with settings(form.plan, model.device):
            return form.generator.encode(image, keypoints)

    def generate(self, model: MotionModel, source: SourceFeatures, driving: Keypoints, details: bool) -> Generated:
        """A batch of pictures."""
        form = self.ready(model)
        if self.unsound and source.features.dtype != form.plan.dtype:  # from before: it may hold what is no number
            source = self.encode(model, source.image, source.keypoints)
        with settings(form.plan, model.device):
            generated = self._generate(form, source, driving, details)
        if not form.plan.half or bool(generated.prediction.isfinite().all()):
            return generated
        if self.precision is not None or self.fixed is not None:
            return generated
        log.warning("%s gives values that are no numbers on %s: going on in float32.", form.plan.dtype, model.device)
        self.forget()
        self.unsound = True
        return self.generate(model, source, driving, details)

    def _generate(self, form: Form, source: SourceFeatures, driving: Keypoints, details: bool) -> Generated:
        if details or not form.plan.graphs or form.generator.dense_motion_network is None:
            return form.generator(source, driving, details=details)
        with_jacobians = source.keypoints.jacobian is not None and driving.jacobian is not None
        inputs = [source.small, source.features, source.keypoints.value, driving.value]
        if with_jacobians:
            assert source.keypoints.jacobian is not None and driving.jacobian is not None
            inputs += [source.keypoints.jacobian, driving.jacobian]

        def work(small: Tensor, features: Tensor, place: Tensor, goal: Tensor, *jacobians: Tensor) -> list[Tensor]:
            before, after = jacobians or (None, None)
            held = SourceFeatures(small, small, features, Keypoints(place, before))  # the picture is for details only
            out = form.generator(held, Keypoints(goal, after))
            assert out.dense_motion is not None
            motion = out.dense_motion
            hidden = [] if motion.occlusion_map is None else [motion.occlusion_map]
            return [out.prediction, motion.deformation, motion.mask, *hidden]

        prediction, deformation, mask, *hidden = self.graphs.run("generate", work, inputs)
        return Generated(prediction, DenseMotion(deformation, hidden[0] if hidden else None, mask))

    def ready(self, model: MotionModel) -> Form:
        """The form for the model as it is now."""
        with self._making:
            return self._ready(model)

    def _ready(self, model: MotionModel) -> Form:
        made_of = [(tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version) for tensor in model.tensors()]
        if self.form is not None and self.form.plan == (self.fixed or self.plan) and made_of == self.made_of:
            return self.form
        unsound = self.unsound
        self.forget()
        self.unsound, self.made_of = unsound, made_of
        self.plan = self.fixed or self._choose(model)
        trim_heap()  # of the forms that were tried, and of the trained modules beside them
        for tensor in model.tensors():
            let_go(tensor)
        self.form = make_form(model, self.plan)
        return self.form

    def _choose(self, model: MotionModel) -> Plan:
        if any(tensor.dtype != torch.float32 for tensor in model.tensors() if tensor.is_floating_point()):
            return EAGER  # somebody wants it in another type, as it is
        generator = model.config.generator
        widest = 0 if generator.mobile else max(generator.bottleneck, default=0)
        *favourites, last = plans_for(model.device, torch.float32 if self.unsound else self.precision, widest)
        for plan in favourites:
            tried, error = _try(model, plan)
            if error is not None and error.within:
                log.debug("%s computes in %s: %s.", model.name, tried.dtype, error)
                return tried
            log.debug("%s computes more precisely than in %s: %s.", model.name, tried.dtype, error or "does not work")
        return _try(model, last)[0] if last.triton else last


def _try(model: MotionModel, plan: Plan) -> tuple[Plan, bounds.Error | None]:
    """The plan, without Triton where that does not work here, and its error; None where it does not work at all."""
    try:
        return plan, bounds.measure(model, make_form(model, plan))
    except Exception as failure:  # Triton has many kinds: no compiler, an old driver, a card that it does not know
        pass_on(failure)
        log.info("%s, trying a plainer way: %s", plan.dtype, str(failure).splitlines()[:1])
    if not plan.triton:
        return plan, None
    return _try(model, replace(plan, **WITHOUT_TRITON))


def make_form(model: MotionModel, plan: Plan) -> Form:
    with torch.no_grad():
        return Form(model.keypoint_detector, model.generator, plan).eval()
