"""The schemas and nodes of ``comfy_api.latest.io``, as far as the pack uses them; strict about what they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any, ClassVar


class FolderType(str, Enum):
    input = "input"
    output = "output"
    temp = "temp"


class NumberDisplay(str, Enum):
    number = "number"
    slider = "slider"


class Hidden(str, Enum):
    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class Input:
    """A socket or widget. ``takes``: what a kind may be told by name; ``sent``: the frontend's name of each, if any."""

    io_type: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ("display_name", "optional", "tooltip", "advanced")
    sent: ClassVar[dict[str, str]] = {"force_input": "forceInput", "display_mode": "display"}
    fixed: ClassVar[dict[str, Any]] = {}  # what new inputs of a kind are told in any case

    def __init__(self, id: str, **told: Any) -> None:
        unknown = set(told) - set(self.takes)
        if unknown:
            raise TypeError(f"{type(self).__qualname__} takes no {', '.join(sorted(unknown))}")
        self.id = id
        for name in self.takes:
            setattr(self, name, told.get(name, self.fixed.get(name)))
        self.optional = bool(told.get("optional"))

    def get_io_type(self) -> str:
        return self.io_type

    def as_dict(self) -> dict[str, Any]:
        """What the frontend is told."""
        told = {name: getattr(self, name) for name in (*self.takes, *self.fixed) if name != "optional"}
        return without_none({self.sent.get(name, name): value for name, value in told.items()})


class Output:
    io_type: ClassVar[str]

    def __init__(self, display_name: str | None = None, tooltip: str | None = None, is_output_list: bool = False):
        self.id: str | None = None
        self.display_name, self.tooltip, self.is_output_list = display_name, tooltip, is_output_list


def kind(io_type: str, *more: str, base: type[Input] = Input, fixed: dict[str, Any] | None = None) -> Any:
    """A type of socket: what its inputs take besides what all take."""
    given = type("Input", (base,), {"io_type": io_type, "takes": (*base.takes, *more), "fixed": fixed or {}})
    return SimpleNamespace(io_type=io_type, Input=given, Output=type("Output", (Output,), {"io_type": io_type}))


def Custom(io_type: str) -> Any:
    return kind(io_type)


Image, Mask, Video, Audio = (kind(name) for name in ("IMAGE", "MASK", "VIDEO", "AUDIO"))
Boolean = kind("BOOLEAN", "default")
String = kind("STRING", "default", "multiline", "force_input")
Int = kind("INT", "default", "min", "max", "step", "display_mode")
Float = kind("FLOAT", "default", "min", "max", "step", "round", "display_mode")
Combo = kind("COMBO", "options", "default")
BoundingBox = kind("BOUNDING_BOX", "default", "force_input")
BoundingBox.Input.takes = ("display_name", "optional", "tooltip", "default", "force_input")
BoundingBox.Input.fixed = {"socketless": True, "default": {"x": 0, "y": 0, "width": 512, "height": 512}}
BoundingBox.Input.socketless = True


class MultiType:
    class Input(Input):
        takes = (*Input.takes, "types")

        def get_io_type(self) -> str:
            return ",".join(dict.fromkeys(each.io_type for each in self.types))  # type: ignore[attr-defined]

        def as_dict(self) -> dict[str, Any]:
            return {name: value for name, value in super().as_dict().items() if name != "types"}


class DynamicCombo:
    class Option:
        def __init__(self, key: str, inputs: Sequence[Input]) -> None:
            self.key, self.inputs = key, list(inputs)

    class Input(Input):
        io_type = "COMFY_DYNAMICCOMBO_V3"
        takes = ("options", "display_name", "optional", "tooltip")

        def as_dict(self) -> dict[str, Any]:
            options = self.options  # type: ignore[attr-defined]
            told = [{"key": option.key, "inputs": input_dict(option.inputs)} for option in options]
            return super().as_dict() | {"options": told}


class Autogrow:
    class TemplateNames:
        def __init__(self, input: Input, names: Sequence[str], min: int = 1) -> None:
            self.input, self.names, self.min = input, list(names), min

    class Input(Input):
        io_type = "COMFY_AUTOGROW_V3"
        takes = ("template", "display_name", "optional", "tooltip")

        def as_dict(self) -> dict[str, Any]:
            template = self.template  # type: ignore[attr-defined]
            told = {"input": input_dict([template.input]), "names": template.names, "min": template.min}
            return super().as_dict() | {"template": told}


def input_dict(inputs: Sequence[Input]) -> dict[str, Any]:
    """Inputs as the frontend gets them: by whether they are required, then by name."""
    told: dict[str, Any] = {"required": {}}
    for given in inputs:
        told.setdefault("optional" if given.optional else "required", {})[given.id] = [
            given.get_io_type(),
            given.as_dict(),
        ]
    return told


@dataclass
class Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    description: str = ""
    search_aliases: list[str] = field(default_factory=list)
    is_input_list: bool = False
    is_output_node: bool = False
    has_intermediate_output: bool = False
    essentials_category: str | None = None

    def finalize(self) -> None:
        """Refuse two inputs of one name; number the outputs; what an output node is told besides."""
        names = [given.id for given in self.inputs]
        if len(names) != len(set(names)):
            raise ValueError(f"{self.node_id} has two inputs of one name")
        for index, output in enumerate(self.outputs):
            output.id = f"_{index}_{output.io_type}_"
        if self.is_output_node:
            more = [each for each in (Hidden.prompt, Hidden.extra_pnginfo) if each not in self.hidden]
            self.hidden = [*self.hidden, *more]


class NodeOutput:
    """What a node gives: ``args`` for its sockets, and what the frontend shows."""

    def __init__(self, *args: Any, ui: Any = None) -> None:
        self.args, self.ui = args, ui

    def __getitem__(self, index: int) -> Any:
        return self.args[index]


class ComfyNode:
    """A node: a class, of which every run gets a clone of its own."""

    hidden: Any = None

    @classmethod
    def define_schema(cls) -> Schema:
        raise NotImplementedError

    @classmethod
    def execute(cls, **inputs: Any) -> NodeOutput:
        raise NotImplementedError

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        schema = cls.define_schema()
        schema.finalize()
        return schema

    @classmethod
    def PREPARE_CLASS_CLONE(cls, _: None) -> Any:
        clone: Any = type(f"{cls.__name__}Clone", (cls, *cls.__bases__), dict(cls.__dict__))
        clone.hidden = SimpleNamespace(unique_id=None, prompt=None)
        return clone

    @classmethod
    def EXECUTE_NORMALIZED(cls, **inputs: Any) -> NodeOutput:
        result = cls.execute(**inputs)
        if not isinstance(result, NodeOutput):
            raise TypeError(f"{cls.__name__} gave a {type(result).__name__}")
        return result

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        schema = cls.GET_SCHEMA()
        told = input_dict(schema.inputs)
        if schema.hidden:
            told["hidden"] = {each.name: [each.value] for each in schema.hidden}
        return told

    @classmethod
    def GET_NODE_INFO_V1(cls) -> dict[str, Any]:
        schema = cls.GET_SCHEMA()
        return {
            "input": cls.INPUT_TYPES(),
            "is_input_list": schema.is_input_list,
            "output": [each.io_type for each in schema.outputs],
            "output_is_list": [each.is_output_list for each in schema.outputs],
            "output_name": [each.display_name or each.io_type for each in schema.outputs],
            "name": schema.node_id,
            "display_name": schema.display_name,
            "output_node": schema.is_output_node,
            "search_aliases": schema.search_aliases,
        }
