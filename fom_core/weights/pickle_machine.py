"""Follows a pickle's instructions without unpickling it.

A pickle is a program. Instead of running it on Python's machine with some imports forbidden, this file is a machine
of its own: it knows the few instructions that build dictionaries, lists, tuples, numbers and text. What else a format
brings, arrays or tensors, a subclass builds for the few globals that such files name. Those globals are names here,
never the objects they name, so nothing outside the machine can be called, imported or changed by a file.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from ..errors import UnsupportedModel

COMMON_GLOBALS = {
    "collections OrderedDict": "dict",
    "collections Counter": "dict",
    "builtins tuple": "tuple",
    "__builtin__ tuple": "tuple",  # protocol 2 writes the names of Python 2
}
MAX_INSTRUCTIONS = 2_000_000  # a checkpoint with optimiser states needs about 60 000
DAMAGE = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError)
"""What pickletools and the machine's own stack raise for damaged files; to the user they are all one."""
_MARK = object()


@dataclass(frozen=True)
class Global:
    """A global that a pickle named: a word to be recognised, not something to be called."""

    role: str


class Machine:
    """The stack, the memo, and one method per kind of instruction.

    globals: the role of every global that a file may name.
    needs:   what a file of this format needs, for refusals.
    """

    globals: ClassVar[Mapping[str, str]] = COMMON_GLOBALS
    needs: ClassVar[str] = "numbers"

    def __init__(self, name: str) -> None:
        self.name = name
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self._spent = 0  # instructions, and what they copied: one may name a long list again and again

    def run(self, data: IO[bytes]) -> Any:
        """The object that a pickle describes; ``data`` stands behind its end then.

        Raises UnsupportedModel for what no weights file needs, one of DAMAGE for what is no whole pickle.
        """
        for opcode, argument, _ in pickletools.genops(data):
            self._spend(1)
            if opcode.name == "STOP":
                return self.stack.pop()
            instruction = _INSTRUCTIONS.get(opcode.name)
            if instruction is None:
                raise self.refused(f"the pickle instruction {opcode.name}")
            instruction(self, argument)
        raise ValueError("the end is missing")

    def _spend(self, count: int) -> None:
        self._spent += count
        if self._spent > MAX_INSTRUCTIONS:
            raise self.refused(f"more than {MAX_INSTRUCTIONS} instructions")

    def construct(self, role: str, arguments: tuple[Any, ...]) -> Any:
        """What calling a global would give. Raises UnsupportedModel for calls that no weights file needs."""
        match role, arguments:
            case "dict", ():
                return OrderedDict()
            case "dict", (dict(values),):
                return OrderedDict(values)
            case "dict", ([*pairs],) if all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
                return self._filled(OrderedDict(), [item for pair in pairs for item in pair])  # as Python 2 wrote it
            case "tuple", (list() | tuple() as items,):
                return tuple(items)
            case _:
                raise self.refused(f"an unknown use of {role}")

    def fill(self, target: Any, state: Any) -> None:
        """Give an object its state. Raises UnsupportedModel for all but the attributes of torch's dictionaries."""
        if not (isinstance(target, OrderedDict) and isinstance(state, dict)):
            raise self.refused("a change to something that is not an array")

    def persistent(self, identity: Any) -> Any:
        """What lies outside the pickle under this name. Raises UnsupportedModel where nothing can."""
        raise self.refused("the pickle instruction BINPERSID")

    def refused(self, what: str) -> UnsupportedModel:
        """The error for a file that wants more than ``needs``."""
        return UnsupportedModel(
            f"{self.name} was refused and nothing in it was run: it asks for {what}, and a weights file needs "
            f"{self.needs} only. Do not open it with other software; `fom weights list` names weights to get instead."
        )

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def to_mark(self) -> list[Any]:
        """Pop everything above the topmost mark."""
        start = len(self.stack) - 1
        while self.stack[start] is not _MARK:  # running past the bottom is an IndexError: a damaged file
            start -= 1
            if start < 0:
                raise ValueError("a mark is missing")
        items = self.stack[start + 1 :]
        del self.stack[start:]
        return items

    def push_tuple(self, count: int) -> None:
        if len(self.stack) < count:
            raise ValueError("the stack is empty")
        items = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.push(items)

    def store(self, pairs: list[Any]) -> None:
        """SETITEM and SETITEMS."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError("items for something that is not a dictionary")
        self._filled(target, pairs)

    def _filled(self, target: dict[Any, Any], pairs: list[Any]) -> dict[Any, Any]:
        keys = pairs[::2]
        if not all(isinstance(key, str | int) for key in keys):
            raise ValueError("a dictionary key that is neither text nor a number")
        target.update(zip(keys, pairs[1::2], strict=True))
        return target

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError("items for something that is not a list")
        target.extend(items)

    def push_global(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a global without a name")
        role = self.globals.get(f"{module} {name}")
        if role is None:
            raise self.refused_global(module, name)
        self.push(Global(role))

    def refused_global(self, module: str, name: str) -> UnsupportedModel:
        """The error for a global that no weights file needs."""
        return self.refused(f"the Python object {short(f'{module}.{name}')}")

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.push_global(module, name)

    def reduce(self) -> None:
        """What a call would be: each known global builds one kind of value here."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise self.refused("a call of something that is not a known constructor")
        self._spend(sum(len(part) for part in arguments if isinstance(part, dict | list | tuple | set | frozenset)))
        self.push(self.construct(function.role, arguments))

    def build(self) -> None:
        """Nothing but an array may be changed after it was made."""
        state = self.stack.pop()
        self.fill(self.stack[-1], state)


def short(text: str) -> str:
    """Text from a file, made safe for one line of a terminal."""
    plain = text.encode("unicode_escape").decode("ascii")
    return plain if len(plain) <= 80 else plain[:77] + "..."


def _value(machine: Machine, argument: Any) -> None:
    machine.push(argument)


def _nothing(machine: Machine, argument: Any) -> None:
    pass


_Instruction = Callable[[Machine, Any], None]
_INSTRUCTIONS: dict[str, _Instruction] = {
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _value),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _value),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _value),  # text of Python 2
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _value),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.push(_MARK),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.to_mark())),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "SETITEMS": lambda machine, _: machine.store(machine.to_mark()),
    "SETITEM": lambda machine, _: machine.store([machine.stack.pop(-2), machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.to_mark()),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "MEMOIZE": lambda machine, _: machine.memo.__setitem__(len(machine.memo), machine.stack[-1]),
    **dict.fromkeys(
        ("BINPUT", "LONG_BINPUT"), lambda machine, index: machine.memo.__setitem__(index, machine.stack[-1])
    ),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, index: machine.push(machine.memo[index])),
    "BINPERSID": lambda machine, _: machine.push(machine.persistent(machine.stack.pop())),
    "GLOBAL": lambda machine, names: machine.push_global(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.stack_global(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}
