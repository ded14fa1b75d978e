"""A graph as ComfyUI's editor saves it: nodes, and links that nodes, subgraphs and the list of links all know of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import FomError

FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")  # the order in which lists have them
ENTRANCE, EXIT = -10, -20  # what a subgraph's own inputs and outputs count as in its links
COUNTERS = (("node", "last_node_id", "lastNodeId"), ("link", "last_link_id", "lastLinkId"))
GAP = 60.0  # between nodes, with room for a title
Link = Any  # a list of FIELDS in older graphs and outside subgraphs, else a dict with them


class Numbers:
    """Gives numbers to new nodes, links and groups, each once in the whole file."""

    def __init__(self, root: dict[str, Any], levels: list[dict[str, Any]]) -> None:
        self._levels = [root, *levels]
        nodes = [node.get("id") for level in self._levels for node in level["nodes"]]
        links = [_get(link, "id") for level in self._levels for link in level.get("links") or ()]
        self._last = {
            "node": self._highest("last_node_id", "lastNodeId", nodes),
            "link": self._highest("last_link_id", "lastLinkId", links),
            "group": max((g.get("id", 0) for level in self._levels for g in level.get("groups") or ()), default=0),
        }

    def _highest(self, name: str, in_state: str, used: list[Any]) -> int:
        told = [level.get(name) for level in self._levels]
        told += [level["state"].get(in_state) for level in self._levels if isinstance(level.get("state"), dict)]
        return max((number for number in (*used, *told) if isinstance(number, int)), default=0)

    def new(self, what: str) -> int:
        """The next number of a ``node``, a ``link`` or a ``group``."""
        self._last[what] += 1
        return self._last[what]

    def store(self) -> None:
        """Tell the highest numbers wherever the file tells them."""
        for level in self._levels:
            for what, name, in_state in COUNTERS:
                if name in level:
                    level[name] = self._last[what]
                if isinstance(level.get("state"), dict) and in_state in level["state"]:
                    level["state"][in_state] = self._last[what]


class Level:
    """One level of a saved graph, the whole of it or a subgraph, changed in place."""

    def __init__(self, data: dict[str, Any], numbers: Numbers) -> None:
        self.data, self.numbers = data, numbers
        self.nodes: list[dict[str, Any]] = data["nodes"]
        self.links: list[Link] = data.setdefault("links", [])

    def link(self, number: Any) -> Link | None:
        """A link by its number; None where the file lacks it."""
        return next((link for link in self.links if _get(link, "id") == number), None)

    def into(self, node: dict[str, Any]) -> dict[str, Link]:
        """The links that end in a node, by its inputs' names."""
        found = {given["name"]: self.link(given.get("link")) for given in node.get("inputs") or ()}
        return {name: link for name, link in found.items() if link is not None}

    def out_of(self, node: dict[str, Any]) -> Iterator[tuple[int, Link]]:
        """The links that begin in a node, each with the number of the output."""
        for link in list(self.links):
            if _get(link, "origin_id") == node["id"]:
                yield _get(link, "origin_slot"), link

    def connect(self, origin: tuple[Any, int], target: tuple[Any, int], type_: str) -> None:
        """Add a link; both ends are a node's number and that of its output or input."""
        values = (self.numbers.new("link"), *origin, *target, type_)
        as_dict = isinstance(self.links[0], dict) if self.links else "inputNode" in self.data
        link = dict(zip(FIELDS, values, strict=True)) if as_dict else list(values)
        self.links.append(link)
        self._enter(link)
        self._leave_from(link)

    def move_target(self, link: Link, target: tuple[Any, int]) -> None:
        """Let a link end elsewhere."""
        self._forget_target(link)
        _set(link, "target_id", target[0])
        _set(link, "target_slot", target[1])
        self._enter(link)

    def move_origin(self, link: Link, origin: tuple[Any, int]) -> None:
        """Let a link begin elsewhere."""
        self._forget_origin(link)
        _set(link, "origin_id", origin[0])
        _set(link, "origin_slot", origin[1])
        self._leave_from(link)

    def drop(self, link: Link) -> None:
        """Take a link away."""
        self._forget_target(link)
        self._forget_origin(link)
        self.links.remove(link)

    def free_place(self, at: tuple[float, float], size: tuple[float, float]) -> tuple[float, float]:
        """The place nearest below ``at`` where so large a box lies on no node."""
        left, top = at
        boxes = [(*position(node), *pair(node.get("size"), (200.0, 100.0))) for node in self.nodes]
        beside = [(y - GAP, y + h) for x, y, w, h in boxes if x < left + size[0] + GAP and left < x + w + GAP]
        while bottoms := [bottom for start, bottom in beside if start < top + size[1] and top - GAP < bottom]:
            top = max(bottoms) + 2 * GAP
        return left, top

    def add_group(self, title: str, at: tuple[float, float], size: tuple[float, float]) -> None:
        """Draw a frame around nodes."""
        bounding = [at[0] - 20, at[1] - 75, size[0] + 40, size[1] + 95]
        groups = self.data.setdefault("groups", [])
        groups.append(
            {"id": self.numbers.new("group"), "title": title, "bounding": bounding, "color": "#3f789e", "flags": {}}
        )

    def _enter(self, link: Link) -> None:
        slot = self._input(link)
        if "linkIds" in slot:
            slot["linkIds"].append(_get(link, "id"))
        else:
            slot["link"] = _get(link, "id")

    def _leave_from(self, link: Link) -> None:
        slot = self._output(link)
        name = "linkIds" if "linkIds" in slot else "links"
        slot[name] = [*(slot.get(name) or ()), _get(link, "id")]

    def _forget_target(self, link: Link) -> None:
        slot = self._input(link)
        if "linkIds" in slot:
            slot["linkIds"] = [number for number in slot["linkIds"] if number != _get(link, "id")]
        elif slot.get("link") == _get(link, "id"):
            slot["link"] = None

    def _forget_origin(self, link: Link) -> None:
        slot = self._output(link)
        name = "linkIds" if "linkIds" in slot else "links"
        slot[name] = [number for number in slot.get(name) or () if number != _get(link, "id")]

    def _input(self, link: Link) -> dict[str, Any]:
        return self._end(_get(link, "target_id"), _get(link, "target_slot"), EXIT, "inputs")

    def _output(self, link: Link) -> dict[str, Any]:
        return self._end(_get(link, "origin_id"), _get(link, "origin_slot"), ENTRANCE, "outputs")

    def _end(self, number: Any, index: Any, border: int, side: str) -> dict[str, Any]:
        """A socket of a node, or of the subgraph itself, whose inputs are outputs to its nodes; empty if missing."""
        if number == border:
            found = self.data.get("inputs" if side == "outputs" else "outputs")
        else:
            found = next((each for each in self.nodes if each["id"] == number), {}).get(side)
        return found[index] if found and isinstance(index, int) and 0 <= index < len(found) else {}


def origin_of(link: Link) -> tuple[Any, int]:
    """The number of the node in which a link begins, and of its output."""
    return _get(link, "origin_id"), _get(link, "origin_slot")


def levels_of(root: dict[str, Any]) -> list[dict[str, Any]]:
    """The subgraphs of a saved graph. Raises FomError for what no editor saves."""
    definitions = root.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    levels: list[Any] = subgraphs if isinstance(subgraphs, list) else []
    for level in (root, *levels):
        if not _is_level(level):
            raise FomError("The workflow is damaged: its nodes or links are not as ComfyUI saves them. Save it again.")
    return levels


def position(node: dict[str, Any]) -> tuple[float, float]:
    """The upper left corner of a node."""
    return pair(node.get("pos"), (0.0, 0.0))


def pair(value: Any, default: tuple[float, float]) -> tuple[float, float]:
    """Two numbers, saved as a list or, by older editors, as a dict."""
    first, second = (value.get("0"), value.get("1")) if isinstance(value, dict) else (*(value or ()), None, None)[:2]
    if isinstance(first, int | float) and isinstance(second, int | float):
        return float(first), float(second)
    return default


def _is_level(level: Any) -> bool:
    if not isinstance(level, dict) or not isinstance(level.get("nodes"), list):
        return False
    sockets = [
        socket
        for node in level["nodes"]
        if isinstance(node, dict)
        for side in ("inputs", "outputs")
        for socket in (node.get(side) or [] if isinstance(node.get(side), list | None) else [None])
    ]
    return (
        all(isinstance(node, dict) and "id" in node and isinstance(node.get("type"), str) for node in level["nodes"])
        and all(isinstance(socket, dict) and isinstance(socket.get("name"), str) for socket in sockets)
        and isinstance(level.get("links", []), list)
        and all(_is_link(link) for link in level.get("links", []))
    )


def _is_link(link: Any) -> bool:
    if isinstance(link, dict):
        return set(FIELDS[:5]) <= set(link)
    return isinstance(link, list) and len(link) >= len(FIELDS)


def _get(link: Link, name: str) -> Any:
    return link[name] if isinstance(link, dict) else link[FIELDS.index(name)]


def _set(link: Link, name: str, value: Any) -> None:
    link[name if isinstance(link, dict) else FIELDS.index(name)] = value
