"""What the library warns of while a node runs, shown on that node: a browser's user does not see the terminal."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from . import host

PACK = logging.getLogger(__name__.rpartition(".nodes.")[0])  # what the pack is called is up to the host
FOR_COMMANDS = re.compile(r" \(fom: [^)]*\)")  # options of the command line have no place on a node
_running: list[_Notices] = []
_shown: set[str] = set()  # ids of the nodes that show some


class _Notices(logging.Handler):
    """The warnings of one run, each once, shown as they come where a node is named."""

    def __init__(self, node_id: str | None) -> None:
        super().__init__(logging.WARNING)
        self.node_id, self.lines = node_id, list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the library's loggers, in any thread."""
        self.add(FOR_COMMANDS.sub("", record.getMessage()))

    def add(self, line: str) -> None:
        if line in self.lines:
            return
        self.lines.append(line)
        if self.node_id is not None:
            _shown.add(self.node_id)
            host.show_text("\n".join(self.lines), self.node_id)


@contextmanager
def collected(node_id: str | None = None) -> Iterator[list[str]]:
    """Gives the warnings of what is done inside; with a node's id they show on it, in place of its last run's."""
    if node_id in _shown:
        _shown.discard(node_id)
        host.show_text("", node_id)
    notices = _Notices(node_id)
    PACK.addHandler(notices)
    _running.append(notices)
    try:
        yield notices.lines
    finally:
        _running.remove(notices)
        PACK.removeHandler(notices)


def again(lines: tuple[str, ...]) -> None:
    """Show warnings of earlier work whose result is used once more."""
    for notices in tuple(_running):
        for line in lines:
            notices.add(line)
