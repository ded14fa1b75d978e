"""What all nodes have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from comfy_api.latest import io

from ..fom_core.errors import FomError
from ..fom_core.resources.faults import telling
from . import host, notices

SHOWN_AS = "FOM"


class Node(io.ComfyNode):
    """A node that says in a sentence when memory or the graphics card gives out, and holds nothing of that run.

    What the library warns of meanwhile shows on the node.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = cls.__dict__.get("execute")
        if own is not None and not hasattr(own.__func__, "__wrapped__"):  # not in the host's clones, which are locked
            cls.execute = classmethod(told(own.__func__))


def told(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """The same function, with sentences in place of libraries' errors, and short names of their kinds."""

    @wraps(execute)
    def run(*args: Any, **inputs: Any) -> io.NodeOutput:
        try:
            with telling(), notices.collected(host.running_node()):
                return execute(*args, **inputs)
        except FomError as error:
            type(error).__module__ = SHOWN_AS  # the host shows it before the message; ours is a path on the disk
            raise

    return run
