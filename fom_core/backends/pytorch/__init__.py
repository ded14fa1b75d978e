"""Inference: the trained networks in the form that computes fastest on a device, made on first use."""

from .model import Runner
from .plan import EAGER, Plan, plans_for

__all__ = ["EAGER", "Plan", "Runner", "plans_for"]
