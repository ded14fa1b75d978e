"""Chooses the plan that a model is computed by on a device: none is trusted untried."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace

import torch

from ...errors import FomError
from ...networks.config import ModelConfig
from ...networks.model import MotionModel
from ...resources.faults import pass_on, without_frames
from .bounds import Error, Reference
from .form import Form, make_form
from .plan import EAGER, PUBLIC, WIDE, WITHOUT_TRITON, Plan, plainer, plans_for
from .remembered import Remembered
from .source import Source

log = logging.getLogger(__name__)


def choose(source: Source, device: torch.device, precision: torch.dtype | None) -> tuple[Plan, Form | None]:
    """The fastest plan for a device whose results are within their bound; the trained networks need no trial.

    precision: the painter's type, None to choose among those that the device is fast in.
    Returns the form that was tried, too: laid out for the trial's pictures, but better than none.
    """
    trial = Trial(source, device)
    if not trial.in_float32:  # as somebody wants it
        plan = EAGER
    elif device.type == "cpu":
        plan = _quickest(trial, device, precision)
    else:
        plan = _chosen(trial, plans_for(device, precision, _widest(trial.config)))
    return plan, trial.form if trial.form is not None and trial.form.plan == plan else None


def _chosen(trial: Trial, plans: list[Plan]) -> Plan:
    *favourites, last = plans
    for plan in favourites:
        tried, error = _within(trial, plan)
        if error is not None:
            return tried
    return _surest(trial, last)


def _within(trial: Trial, plan: Plan) -> tuple[Plan, Error | None]:
    """The plan as it was tried; its error is None where it does not work or is beyond the bound."""
    tried, error, _ = trial.of(plan)
    if error is not None and error.within:
        log.debug("%s computes in %s: %s.", trial.name, tried.numbers, error)
        return tried, error
    log.debug("%s computes more precisely than in %s: %s.", trial.name, tried.numbers, error or "does not work")
    return tried, None


def _quickest(trial: Trial, device: torch.device, precision: torch.dtype | None) -> Plan:
    """On a processor: the fastest of the plans within their bound, as it was measured here once.

    Of a wide model, whose trial takes a while, it is kept what was seen to work even where there is no choice.
    """
    widest = _widest(trial.config)
    plans = plans_for(device, precision, widest)
    if len(plans) == 1 and widest < WIDE:
        return _surest(trial, plans[0])
    kept = trial.remembered(plans)
    found = kept.recall()
    if found is not None:
        found = kept.agreed(found)
        log.debug("%s computes in %s, as %s says.", trial.name, found.numbers, kept.path)
        return found
    if len(plans) > 1:
        return _measured(trial, plans, kept)
    found = kept.agreed(_surest(trial, plans[0]))
    kept.keep(found, {})
    return found


def _measured(trial: Trial, plans: list[Plan], kept: Remembered) -> Plan:
    """Of the plans of each kind, which become more precise, the first one within its bound runs against the others'."""
    took: dict[Plan, float] = {}
    for kind in (True, False):
        for plan in [plan for plan in plans[:-1] if plan.integers == kind]:
            tried, error = _within(trial, plan)
            if error is not None:
                took[tried] = trial.picture_ms()
                break
    if took:
        tried, error, _ = trial.of(plans[-1])
        if error is not None and error.within:
            took[tried] = trial.picture_ms()
        best = min(took, key=lambda plan: took[plan])
        why = "a picture takes " + ", ".join(f"{ms:.0f} ms in {plan.numbers}" for plan, ms in took.items())
    else:
        best, why = _surest(trial, plans[-1]), "what is faster changes its pictures visibly"
    best = kept.agreed(best)
    kept.keep(best, {plan.numbers: round(ms, 1) for plan, ms in took.items()})
    log.info("%s computes in %s here: %s. Kept for the next time; --dtype overrides it.", trial.name, best.numbers, why)
    return best


def forget(source: Source, device: torch.device, precision: torch.dtype | None) -> None:
    """What was chosen for a processor did not hold: to be measured anew at the next start."""
    if device.type != "cpu":
        return
    with suppress(FomError):  # the file of the model may be gone
        trial = Trial(source, device)
        trial.remembered(plans_for(device, precision, _widest(trial.config))).forget()


def slower(failure: Exception | Error | None) -> str:
    """The line for users when a plan gives way to a plainer one."""
    why = _first_line(failure) if isinstance(failure, Exception) else f"its results are off: {failure}"
    return f"A fast way to compute does not work with PyTorch {torch.__version__} here ({why}); going on more slowly."


class Trial:
    """Plans beside the networks as trained, on one device. Those are computed once, and then used up by the plans."""

    def __init__(self, source: Source, device: torch.device) -> None:
        self._source, self._device = source, device
        self._references: dict[bool, Reference] = {}
        self.form: Form | None = None  # the last that was tried
        networks = source.take()
        self.name, self.config = networks.name, networks.config
        self.in_float32 = all(p.dtype == torch.float32 for p in networks.state_dict().values() if p.is_floating_point())
        source.give_back(networks)

    def of(self, plan: Plan, *, small: bool = False) -> tuple[Plan, Error | None, Exception | None]:
        """The plan, without Triton where that does not work here, and its error or what it failed by.

        ``small``: see :meth:`.Reference.of`.
        """
        reference, self.form = self._reference(small), None
        try:
            self.form = make_form(self._source.take(), plan, self._device)
            return plan, reference.error_of(self.form), None
        except Exception as error:  # Triton has many kinds: no compiler, an old driver, a card that it does not know
            pass_on(error)
            failure = without_frames(error)
        log.info("%s, trying a plainer way: %s", plan.dtype, _first_line(failure))
        if not plan.triton:
            return plan, None, failure
        return self.of(replace(plan, **WITHOUT_TRITON), small=small)

    def picture_ms(self) -> float:
        """Milliseconds that the form tried last takes for a picture of the size that was learnt."""
        assert self.form is not None
        return self._reference(False).picture_ms(self.form)

    def remembered(self, plans: list[Plan]) -> Remembered:
        """What was chosen for these networks before."""
        networks = self._source.take()
        try:
            return Remembered(networks, plans)
        finally:
            self._source.give_back(networks)

    def _reference(self, small: bool) -> Reference:
        if small not in self._references:
            networks: MotionModel = self._source.take().to(self._device)
            self._references[small] = Reference.of(networks, small=small)
            self._source.give_back(networks)
        return self._references[small]


def _widest(config: ModelConfig) -> int:
    """Channels of the widest residual block of the full networks; 0 for the mobile ones."""
    return 0 if config.generator.mobile else max(config.generator.bottleneck, default=0)


def _surest(trial: Trial, plan: Plan) -> Plan:
    """A plan that was seen to work, plainer than ``plan`` where need be."""
    complaint, wanted = "", replace(plan, **WITHOUT_TRITON) if plan.triton else plan
    following: Plan | None = plan
    while following is not None and following != EAGER:
        tried, error, failure = trial.of(following, small=True)
        if error is not None and (error.within or _as_its_type(trial, tried, error)):
            break
        complaint = complaint or slower(failure or error)
        following = plainer(tried)
    else:
        tried = EAGER
    if complaint and tried != wanted:
        log.warning("%s", complaint)
    return tried


def _as_its_type(trial: Trial, plan: Plan, error: Error) -> bool:
    """Whether half precision that was asked for is to blame for an error, rather than the way it is computed in."""
    if not plan.half:
        return False
    plain = replace(plan, **PUBLIC)
    other = error if plain == plan else trial.of(plain, small=True)[1]
    return error.no_worse_than(other or error)


def _first_line(failure: Exception) -> str:
    return (str(failure).splitlines() or [type(failure).__name__])[0][:200]
