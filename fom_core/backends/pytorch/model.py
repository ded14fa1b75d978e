"""A model that PyTorch computes in its fast form: what ``load_model`` hands out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor

from ...errors import FomError, UsageError
from ...networks.config import ModelConfig
from ...networks.model import MotionModel, check_pictures
from ...resources.faults import pass_on
from ...resources.memory import trim_heap
from ...types import Generated, Keypoints, SourceFeatures
from .choice import choose, forget, slower
from .form import make_form
from .plan import EAGER, Plan, plainer, settings
from .running import Running
from .source import Source

log = logging.getLogger(__name__)
T = TypeVar("T")


class PyTorchModel:
    """The three calls of :class:`~fom_core.backends.Backend`, computed by PyTorch on one device.

    Pictures are (B, C, H, W) float in [0, 1], at ``config.image_size`` unless you know better, on ``device``. Nothing
    here learns: results carry no gradients, and :meth:`as_trained` gives the networks for training and export.

    source:    opens the networks as trained. The plan is chosen and the form made on the first call.
    precision: type to paint in; None chooses by device and model.
    plan:      a fixed plan, which is neither tried nor given up.
    """

    def __init__(
        self,
        source: Source,
        device: str | torch.device = "cpu",
        precision: torch.dtype | None = torch.float32,
        plan: Plan | None = None,
    ) -> None:
        networks = source.take()
        self.name: str = networks.name
        self.config: ModelConfig = networks.config
        self.weight_bytes = sum(tensor.nbytes for tensor in networks.state_dict().values())  # in memory, as trained
        source.give_back(networks)
        self.device = torch.empty(0, device=device).device
        self.precision = precision
        self._source, self._fixed = source, plan
        self._making = threading.RLock()  # one form at a time, whichever thread needs it first
        self._running: Running | None = None
        self._chosen: dict[str, Plan] = {}  # by kind of device
        self._unsound = False  # half precision was seen to give NaN or infinity

    @classmethod
    def of(cls, networks: MotionModel, precision: torch.dtype | None = torch.float32) -> PyTorchModel:
        """Networks in memory as they are now, on their device. What happens to them later is not seen."""
        return cls(Source.of(networks), networks.device, precision)

    @torch.no_grad()
    def detect_keypoints(self, images: Tensor) -> Keypoints:
        """(B, C, H, W) in [0, 1] → keypoints of each picture. Raises UsageError on a size the networks cannot halve."""
        check_pictures(self.config, images)
        return self._run(lambda running: running.detect(images))

    @torch.no_grad()
    def encode_source(self, image: Tensor, keypoints: Keypoints | None = None) -> SourceFeatures:
        """(S, C, H, W) in [0, 1] → all that :meth:`generate` needs of the sources. Raises UsageError like above.

        ``keypoints`` are detected unless given.
        """
        found = self.detect_keypoints(image) if keypoints is None else keypoints
        check_pictures(self.config, image)
        return self._run(lambda running: running.encode(image, found))

    @torch.no_grad()
    def generate(self, source: SourceFeatures, keypoints: Keypoints, details: bool = False) -> Generated:
        """Paint the source in the poses of B keypoint sets, or B sources in one pose each.

        ``details=True`` also fills ``dense_motion.sparse_deformed`` and ``deformed``. A source without jacobians, or
        keypoints without, moves by translation alone.
        """
        if self._unsound and source.features.dtype != self.plan.dtype:  # from before: may hold NaN
            source = self.encode_source(source.image, source.keypoints)
        plan, generated = self._run(lambda running: (running.plan, running.generate(source, keypoints, details)))
        if not plan.half or bool(generated.prediction.isfinite().all()):
            return generated
        if self.precision is not None or self._fixed is not None:
            return generated
        with self._making:
            if not self._unsound:  # unless another thread has seen it too
                log.warning("%s gives NaN or infinity on %s: going on in float32.", plan.numbers, self.device)
                self._running, self._chosen, self._unsound = None, {}, True
                forget(self._source, self.device, self.precision)
        return self.generate(source, keypoints, details)

    @property
    def plan(self) -> Plan:
        """How it computes, here and now; chosen on first use."""
        return self._ready().plan

    def at_size(self, height: int, width: int | None = None) -> PyTorchModel:
        """A model for pictures of another size: see :meth:`.ModelConfig.at_size`. Itself, if that is its size.

        Motion is sought as at the size that was learnt, and painted with the pixels that there are now: more of them
        show detail of the source that a smaller picture has not. The two models have weights of their own, made on
        first use. Raises UsageError for a size that cannot be painted.
        """
        return self.sized_as(self.config.at_size(height, width))

    def sized_as(self, config: ModelConfig) -> PyTorchModel:
        """A model for pictures of the size in ``config``, of the same networks. Itself, if that is its size."""
        if config == self.config:
            return self
        with self._making:
            return PyTorchModel(self._source.at(config), self.device, self.precision, self._fixed)

    def at_learnt_size(self) -> PyTorchModel:
        """This model at the size seen in training, as :meth:`at_size` gives it."""
        return self.at_size(*self.config.learnt_size)

    def to(self, device: str | torch.device) -> PyTorchModel:
        """Compute on another device from now on; memory on the one before is given back. Returns itself.

        Raises UsageError for a type in the place of a device.
        """
        if isinstance(device, torch.dtype):
            raise UsageError("A loaded model paints in the type that load_model, or to_dtype, was told. Call to_dtype.")
        moved = torch.empty(0, device=device).device
        with self._making:
            if moved != self.device:
                self.release()
                self.device = moved
        return self

    def release(self) -> None:
        """Give back the memory of the form; the next call makes it again."""
        with self._making:
            self._running = None

    def to_dtype(self, dtype: torch.dtype | None) -> PyTorchModel:
        """Paint in ``dtype`` from now on; None chooses. Keypoints, jacobians and flow stay in float32. Returns itself.

        Those are few and cheap, and an error in them moves pixels instead of shading them.
        """
        with self._making:
            self.precision, self._fixed = dtype, None
            self._running, self._chosen, self._unsound = None, {}, False
        return self

    def use(self, plan: Plan | None) -> PyTorchModel:
        """Compute by this plan instead of the one that suits the device; None goes back to choosing. Returns itself."""
        with self._making:
            self._fixed, self._running, self._chosen, self._unsound = plan, None, {}, False
        return self

    def eval(self) -> PyTorchModel:
        """Itself: it is always as for evaluation."""
        return self

    def as_trained(self) -> MotionModel:
        """The networks as they were trained, on the processor: yours to train, export or change; it is not seen here.

        Raises what opening their file again raises.
        """
        with self._making:
            return self._source.take()

    def state_dict(self) -> dict[str, Tensor]:
        """The weights as trained, opened anew, on the processor."""
        return self.as_trained().state_dict()

    def __reduce__(self) -> tuple[Any, ...]:
        return PyTorchModel, (self._source, self.device, self.precision, self._fixed)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"A model from load_model has no {name!r}: it is the form that paints. For the networks as trained, call "
            "fom_core.load_module in place of load_model, or as_trained() of this one."
        )

    def _ready(self) -> Running:
        """The form for the device, made where there is none."""
        running = self._running
        if running is not None:
            return running
        with self._making:
            if self._running is None:
                self._running = self._first() or self._made(self._fixed or self._chosen[self.device.type])
            return self._running

    def _first(self) -> Running | None:
        """Choose the plan, where none is; and the form that was tried, where the networks cannot be had again."""
        if self._fixed is not None or self.device.type in self._chosen:
            return None
        precision = torch.float32 if self._unsound else self.precision
        self._chosen[self.device.type], tried = choose(self._source, self.device, precision)
        if tried is not None and not self._source.lasts:
            return Running(tried)
        del tried
        trim_heap()  # of the forms that were tried
        return None

    def _made(self, plan: Plan) -> Running:
        return Running(make_form(self._source.take(), plan, self.device))

    def _run(self, work: Callable[[Running], T]) -> T:
        """``work`` with the form; where that fails by a call that only the plan makes, in a plainer way from now on."""
        running = self._ready()
        try:
            with settings(running.plan, self.device):
                return work(running)
        except Exception as error:
            if self._fixed is not None or running.plan == EAGER or isinstance(error, FomError):
                raise
            pass_on(error)
            failure = error
        try:
            with self._making:
                if self._running is running:
                    return self._more_plainly(running.plan, work, failure)
            return self._run(work)  # another thread has found a plainer way
        finally:
            del failure  # it holds this frame, and by that the form that is given up

    def _more_plainly(self, plan: Plan, work: Callable[[Running], T], failure: Exception) -> T:
        following = plainer(plan)
        while following is not None:
            try:
                other = self._made(following)
                with settings(following, self.device):
                    result = work(other)
            except Exception as error:  # noqa: PERF203
                pass_on(error)
                following = plainer(following)
            else:
                log.warning("%s", slower(failure))
                self._running = other
                self._chosen[self.device.type] = other.plan
                forget(self._source, self.device, self.precision)
                return result
        raise failure  # what was asked for cannot be done in any way
