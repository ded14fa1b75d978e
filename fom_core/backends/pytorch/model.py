"""Runs a model's inference: chooses a plan, makes the form for it, and makes another when weights or device change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from ...errors import FomError
from ...faults import pass_on
from ...memory import let_go, trim_heap
from ...types import DenseMotion, Generated, Keypoints, SourceFeatures
from . import bounds
from .form import Form
from .graphs import Graphs
from .plan import EAGER, PUBLIC, WITHOUT_TRITON, Plan, plainer, plans_for, settings

if TYPE_CHECKING:
    from ...networks.model import MotionModel

log = logging.getLogger(__name__)
T = TypeVar("T")


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

        def detect(form: Form) -> Keypoints:
            def work(images: Tensor) -> list[Tensor]:
                found = form.keypoint_detector(images)
                return [found.value] if found.jacobian is None else [found.value, found.jacobian]

            return Keypoints(*(self.graphs.run("detect", work, [images]) if form.plan.graphs else work(images)))

        return self._run(model, detect)

    def encode(self, model: MotionModel, image: Tensor, keypoints: Keypoints) -> SourceFeatures:
        """The source's part, once per face."""
        return self._run(model, lambda form: form.generator.encode(image, keypoints))

    def generate(self, model: MotionModel, source: SourceFeatures, driving: Keypoints, details: bool) -> Generated:
        """A batch of pictures."""
        if self.unsound and source.features.dtype != self.ready(model).plan.dtype:  # from before: may hold no numbers
            source = self.encode(model, source.image, source.keypoints)

        def work(form: Form) -> tuple[Plan, Generated]:
            return form.plan, self._generate(form, _fitting(source, form), driving, details)

        plan, generated = self._run(model, work)
        if not plan.half or bool(generated.prediction.isfinite().all()):
            return generated
        if self.precision is not None or self.fixed is not None:
            return generated
        with self._making:
            if not self.unsound:  # unless another thread has seen it too
                log.warning("%s gives values that are no numbers on %s: going on in float32.", plan.dtype, model.device)
                self.forget()
                self.unsound = True
        return self.generate(model, source, driving, details)

    def _run(self, model: MotionModel, work: Callable[[Form], T]) -> T:
        """``work`` with the form; where that fails by a call that only the plan makes, in a plainer way from now on."""
        form = self.ready(model)
        try:
            with settings(form.plan, model.device):
                return work(form)
        except Exception as error:
            if self.fixed is not None or form.plan == EAGER or isinstance(error, FomError):
                raise
            pass_on(error)
            failure = error
        with self._making:
            if self.form is form:
                return self._more_plainly(model, form.plan, work, failure)
        return self._run(model, work)  # another thread has found a plainer way

    def _more_plainly(self, model: MotionModel, plan: Plan, work: Callable[[Form], T], failure: Exception) -> T:
        graphs, following = self.graphs, plainer(plan)
        while following is not None:
            try:
                other, self.graphs = make_form(model, following), Graphs()
                with settings(following, model.device):
                    result = work(other)
            except Exception as error:  # noqa: PERF203
                pass_on(error)
                following = plainer(following)
            else:
                log.warning("%s", _slower(failure))
                self.form, self.plan = other, following
                return result
        self.graphs = graphs  # what was asked for cannot be done in any way
        raise failure

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
            tried, error, _ = _try(model, plan)
            if error is not None and error.within:
                log.debug("%s computes in %s: %s.", model.name, tried.dtype, error)
                return tried
            log.debug("%s computes more precisely than in %s: %s.", model.name, tried.dtype, error or "does not work")
        return _surest(model, last)


def _surest(model: MotionModel, plan: Plan) -> Plan:
    """A plan that was seen to work, plainer than ``plan`` where need be; the trained modules need no trial."""
    complaint, wanted = "", replace(plan, **WITHOUT_TRITON) if plan.triton else plan
    following: Plan | None = plan
    while following is not None and following != EAGER:
        tried, error, failure = _try(model, following, small=True)
        if error is not None and (error.within or _as_its_type(model, tried, error)):
            break
        complaint = complaint or _slower(failure or error)
        following = plainer(tried)
    else:
        tried = EAGER
    if complaint and tried != wanted:
        log.warning("%s", complaint)
    return tried


def _as_its_type(model: MotionModel, plan: Plan, error: bounds.Error) -> bool:
    """Whether half precision that was asked for is to blame for an error, rather than the way it is computed in."""
    if not plan.half:
        return False
    plain = replace(plan, **PUBLIC)
    other = error if plain == plan else _try(model, plain, small=True)[1]
    return error.no_worse_than(other or error)


def _try(model: MotionModel, plan: Plan, *, small: bool = False) -> tuple[Plan, bounds.Error | None, Exception | None]:
    """The plan, without Triton where that does not work here, and its error or what it failed by."""
    try:
        return plan, bounds.measure(model, make_form(model, plan), small=small), None
    except Exception as error:  # Triton has many kinds: no compiler, an old driver, a card that it does not know
        pass_on(error)
        failure = error
    log.info("%s, trying a plainer way: %s", plan.dtype, _first_line(failure))
    if not plan.triton:
        return plan, None, failure
    return _try(model, replace(plan, **WITHOUT_TRITON), small=small)


def _slower(failure: Exception | bounds.Error | None) -> str:
    why = _first_line(failure) if isinstance(failure, Exception) else f"its results are off: {failure}"
    return f"A fast way to compute does not work with PyTorch {torch.__version__} here ({why}); going on more slowly."


def _first_line(failure: Exception) -> str:
    return (str(failure).splitlines() or [type(failure).__name__])[0][:200]


def _fitting(source: SourceFeatures, form: Form) -> SourceFeatures:
    """The trained modules, which convert nothing, get the source's features in float32 from before."""
    if form.plan.fast or source.features.dtype == source.image.dtype:
        return source
    return replace(source, features=source.features.to(source.image.dtype))


def make_form(model: MotionModel, plan: Plan) -> Form:
    with torch.no_grad():
        return Form(model.keypoint_detector, model.generator, plan).eval()
