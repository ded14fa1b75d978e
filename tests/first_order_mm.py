"""Graphs as users of ComfyUI-FirstOrderMM have them, in that pack's schema, with ComfyUI's own nodes around."""

from __future__ import annotations

from typing import Any

Graph = dict[str, Any]
FOMM_WIDGETS = ["vox-adv", 30, True, True, True, False]
PICTURE, DRIVER = "fom_portrait.jpg", "fom_driving.mp4"


def node(
    number: int, type_: str, at: tuple[int, int], inputs: Any, outputs: Any, widgets: Any = (), **more: Any
) -> Graph:
    """inputs: name → type, or (type, "widget"); links come with :func:`linked`."""
    return {
        "id": number,
        "type": type_,
        "pos": list(at),
        "size": {"0": 315, "1": 218},
        "flags": {},
        "order": number,
        "mode": 0,
        "inputs": [
            {"name": name, "type": kind, "link": None}
            if isinstance(kind, str)
            else {"name": name, "type": kind[0], "link": None, "widget": {"name": name}}
            for name, kind in dict(inputs).items()
        ],
        "outputs": [{"name": name, "type": kind, "links": []} for name, kind in dict(outputs).items()],
        "properties": {"Node name for S&R": type_},
        "widgets_values": list(widgets) if isinstance(widgets, tuple) else widgets,
        **more,
    }


def linked(graph: Graph, *ends: tuple[int, str, int, str]) -> Graph:
    """Add links: a node's number and its output, another's number and its input."""
    nodes = {each["id"]: each for each in graph["nodes"]}
    for origin, output, target, given in ends:
        out = next(index for index, each in enumerate(nodes[origin]["outputs"]) if each["name"] == output)
        into = next(index for index, each in enumerate(nodes[target]["inputs"]) if each["name"] == given)
        graph["last_link_id"] += 1
        kind = nodes[origin]["outputs"][out]["type"]
        graph["links"].append([graph["last_link_id"], origin, out, target, into, kind])
        nodes[origin]["outputs"][out]["links"].append(graph["last_link_id"])
        nodes[target]["inputs"][into]["link"] = graph["last_link_id"]
    return graph


def runner(type_: str = "FOMM_Runner", widgets: Any = FOMM_WIDGETS, number: int = 21, **more: Any) -> Graph:
    """One of that pack's nodes that animate, with ``frame_rate`` turned into an input."""
    inputs = {"source_image": "IMAGE", "driving_video_input": "IMAGE", "audio": "AUDIO", "frame_rate": ("FLOAT", "w")}
    outputs = {"images": "IMAGE", "audio": "AUDIO", "frame_rate": "FLOAT"}
    return node(number, type_, (640, 350), inputs, outputs, list(widgets), **more)


def saved(type_: str = "FOMM_Runner", widgets: Any = FOMM_WIDGETS) -> Graph:
    """A picture and a video through a runner into a video file, with a group, a note and a reroute around them."""
    graph = {
        "last_node_id": 40,
        "last_link_id": 60,
        "nodes": [
            node(1, "LoadImage", (110, 130), {}, {"IMAGE": "IMAGE", "MASK": "MASK"}, [PICTURE, "image"]),
            node(11, "LoadVideo", (110, 500), {}, {"VIDEO": "VIDEO"}, [DRIVER, "image"]),
            node(
                12,
                "GetVideoComponents",
                (400, 500),
                {"video": "VIDEO"},
                {"images": "IMAGE", "audio": "AUDIO", "fps": "FLOAT"},
            ),
            runner(type_, widgets),
            node(30, "Reroute", (1000, 300), {"": "*"}, {"": "IMAGE"}),
            node(
                13,
                "CreateVideo",
                (1050, 350),
                {"images": "IMAGE", "audio": "AUDIO", "fps": ("FLOAT", "w")},
                {"video": "VIDEO"},
                [8],
            ),
            node(14, "SaveVideo", (1400, 350), {"video": "VIDEO"}, {}, ["video/converted", "auto", "auto"]),
            node(15, "Note", (110, 20), {}, {}, ["Mine."]),
        ],
        "links": [],
        "groups": [{"title": "In", "bounding": [90, 60, 520, 700], "color": "#3f789e", "font_size": 24}],
        "config": {},
        "extra": {"ds": {"scale": 0.9, "offset": [196, -60]}},
        "version": 0.4,
    }
    return linked(
        graph,
        (11, "VIDEO", 12, "video"),
        (1, "IMAGE", 21, "source_image"),
        (12, "images", 21, "driving_video_input"),
        (12, "audio", 21, "audio"),
        (12, "fps", 21, "frame_rate"),
        (21, "images", 30, ""),
        (30, "", 13, "images"),
        (21, "audio", 13, "audio"),
        (21, "frame_rate", 13, "fps"),
        (13, "video", 14, "video"),
    )


def in_subgraph(graph: Graph) -> Graph:
    """The same with the runner inside a subgraph, as newer editors save them; the graph around it is left out."""
    inside = runner()
    inside["outputs"][0]["links"], inside["outputs"][1]["links"] = [104], [105]
    for given, link in zip(inside["inputs"], (101, 102, 103), strict=False):
        given["link"] = link
    ends = [
        (101, -10, 0, 21, 0),
        (102, -10, 1, 21, 1),
        (103, -10, 2, 21, 2),
        (104, 21, 0, -20, 0),
        (105, 21, 1, -20, 1),
    ]
    fields = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    kinds = ("IMAGE", "IMAGE", "AUDIO", "IMAGE", "AUDIO")
    subgraph = {
        "id": "5d6d3c4e-0000-4000-8000-000000000001",
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": 40, "lastLinkId": 105, "lastRerouteId": 0},
        "name": "Animate",
        "inputNode": {"id": -10, "bounding": [0, 0, 120, 100]},
        "outputNode": {"id": -20, "bounding": [1200, 0, 120, 100]},
        "inputs": [
            {"id": str(n), "name": name, "type": kind, "linkIds": [link]}
            for n, (name, kind, link) in enumerate(
                [("source", "IMAGE", 101), ("driver", "IMAGE", 102), ("sound", "AUDIO", 103)]
            )
        ],
        "outputs": [
            {"id": str(n), "name": name, "type": kind, "linkIds": [link]}
            for n, (name, kind, link) in enumerate([("images", "IMAGE", 104), ("audio", "AUDIO", 105)])
        ],
        "widgets": [],
        "nodes": [inside],
        "groups": [],
        "links": [
            dict(zip(fields, values, strict=True)) | {"type": kind} for values, kind in zip(ends, kinds, strict=True)
        ],
    }
    return {**graph, "nodes": [], "links": [], "groups": [], "definitions": {"subgraphs": [subgraph]}}


def exported(widgets: Any = FOMM_WIDGETS, type_: str = "FOMM_Runner", **more: Any) -> dict[str, Graph]:
    """The same graph as its API export."""
    names = (
        "model_name",
        "frame_rate",
        "relative_movement",
        "relative_jacobian",
        "adapt_movement_scale",
        "find_best_frame",
    )
    runs = {"source_image": ["1", 0], "driving_video_input": ["12", 0], "audio": ["12", 1]}
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": PICTURE}},
        "11": {"class_type": "LoadVideo", "inputs": {"file": DRIVER}},
        "12": {"class_type": "GetVideoComponents", "inputs": {"video": ["11", 0]}},
        "21": {
            "class_type": type_,
            "inputs": {**dict(zip(names, widgets, strict=False)), **runs, "frame_rate": ["12", 2], **more},
            "_meta": {"title": "FOMM Runner"},
        },
        "13": {"class_type": "CreateVideo", "inputs": {"images": ["21", 0], "audio": ["21", 1], "fps": ["21", 2]}},
        "14": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["13", 0], "filename_prefix": "video/converted", "format": "auto", "codec": "auto"},
        },
    }
