"""The nodes of ComfyUI-FirstOrderMM: what each says, in our nodes' words, and what has no equivalent here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..weights.catalogue import catalogue
from .ours import FPS_RANGE, KINDS, Kind

PACK = "ComfyUI-FirstOrderMM"
MODELS = {"vox-adv": "vox-adv-256", "vox": "vox-256"}
BEST = "vox-adv-256"
OUTPUTS = ("images", "audio", "frame_rate")
RATE = ("frame_rate", 30.0)
FOUND_BEST = ("find_best_frame", False)


@dataclass(frozen=True)
class Runner:
    """A node that animates: its widgets and their defaults, in their order, and the network it runs if not ours."""

    widgets: tuple[tuple[str, Any], ...]
    network: str | None = None


RUNNERS: Mapping[str, Runner] = {
    "FOMM_Runner": Runner(
        (
            ("model_name", "vox-adv"),
            RATE,
            ("relative_movement", True),
            ("relative_jacobian", True),
            ("adapt_movement_scale", True),
            FOUND_BEST,
        )
    ),
    "Articulate_Runner": Runner((RATE,), "Articulated Animation"),
    "Spline_Runner": Runner((RATE, ("predict_mode", "relative"), FOUND_BEST), "Thin-Plate Spline"),
    "MRFA_Runner": Runner(
        (
            ("model_name", "vox"),
            RATE,
            ("use_relative", True),
            ("relative_movement", True),
            ("relative_jacobian", True),
            ("adapt_movement_scale", False),
        ),
        "MRFA",
    ),
    "FSRT_Runner": Runner(
        (
            ("model_name", "vox256"),
            RATE,
            ("relative", False),
            ("adapt_scale", False),
            FOUND_BEST,
            ("max_num_pixels", 65536),
        ),
        "FSRT",
    ),
}
KEPT: Mapping[str, str] = {
    "FOMM_Partswap": "swaps parts of faces, which nothing here does",
    **{f"FOMM_Seg{count}Chooser": "chooses parts of a face for FOMM_Partswap" for count in (5, 10, 15)},
}
LIVE_PORTRAIT: Mapping[str, str] = {  # another pack, LivePortraitKJ: hints only, for its networks are others
    "DownloadAndLoadLivePortraitModels": "Load FOM Model",
    "LivePortraitLoadCropper": "the detector of Detect Faces",
    "LivePortraitLoadMediaPipeCropper": "the detector of Detect Faces, or its face_landmarks",
    "LivePortraitLoadFaceAlignmentCropper": "the detector of Detect Faces",
    "LivePortraitCropper": "Detect Faces (face_index: face_choice, counted from 1; scale: margin)",
    "LivePortraitProcess": "Animate Face (delta_multiplier: gain; driving_smooth_observation_variance: smoothing)",
    "LivePortraitComposite": "Paste Faces (mask: face_masks)",
    "LivePortraitRetargeting": "nothing here: eyes and lips are not moved apart",
    "KeypointsToImage": "Preview Keypoints",
    "KeypointScaler": "gain and head_gain of Animate Face",
}
SAME_NAMES = {  # widgets that a connection may feed: theirs, ours
    "relative_movement": "relative_motion",
    "relative": "relative_motion",
    "use_relative": "relative_motion",
    "relative_jacobian": "relative_jacobian",
    "adapt_movement_scale": "adapt_movement_scale",
    "adapt_scale": "adapt_movement_scale",
    "frame_rate": "fps",
}
IN_GENERAL = (
    "The faces of the picture are found, moved and put back, so the picture comes out whole and in its own size, where "
    "that pack gave 256x256 pixels of it, squeezed. Without a face its middle is animated.",
    "Of the driver, the square around the face is looked at, unless it shows little else; driving_crop none takes the "
    "whole frame, as that pack did.",
    "smoothing takes out jitter, which that pack left in: 0 is as it was there.",
)


@dataclass(frozen=True)
class Request:
    """What a runner asks for: values of our widgets, by node type, and a line for each thing that differs."""

    values: Mapping[str, Mapping[str, Any]]
    remarks: tuple[str, ...]


def widget_values(type_: str, shown: Any) -> dict[str, Any]:
    """A runner's widgets by name, from the list or dict of a saved graph or a prompt; what is missing is left out."""
    if isinstance(shown, Mapping):
        return dict(shown)
    names = [name for name, _ in RUNNERS[type_].widgets]
    return dict(zip(names, shown if isinstance(shown, list) else (), strict=False))


def request_of(type_: str, shown: Mapping[str, Any], model: str | None) -> Request:
    """Read a runner's widgets. ``model``: what to load in place of the one that they name."""
    runner, remarks = RUNNERS[type_], []
    values = {name: _of_kind(name, default, shown.get(name, default), remarks) for name, default in runner.widgets}
    if runner.network is not None:
        remarks.append(f"Its network, {runner.network}, is not here: First Order Motion moves the face.")
    loaded = model or _model(runner, values, remarks)
    low, high = FPS_RANGE
    fps = min(max(float(values["frame_rate"]), low), high)
    if fps != values["frame_rate"]:
        remarks.append(f"frame_rate {values['frame_rate']:g} became {fps:g}: fps goes from {low:g} to {high:g}.")
    if values.get("predict_mode") == "avd":
        remarks.append("predict_mode avd has no equivalent: relative motion is used.")
    if "max_num_pixels" in values:
        remarks.append("max_num_pixels has no equivalent: chunk_size of Animate Face bounds the memory.")
    relative = all(values.get(name, True) for name in ("relative_movement", "relative", "use_relative"))
    animate = {
        "relative_motion": relative and values.get("predict_mode") != "standard",
        "relative_jacobian": values.get("relative_jacobian", True),
        "adapt_movement_scale": values.get("adapt_movement_scale", values.get("adapt_scale", True)),
        "initial_frame": "best" if values.get("find_best_frame") else "first",
        "fps": fps,
    }
    of_types = {
        "LoadFOMModel": {"model_name": loaded},
        "FOMDetectFaces": {"if_none": "pass through"},
        "FOMAnimateFace": animate,
    }
    return Request({kind.type: of_types.get(kind.type, {}) for kind in KINDS}, tuple(remarks))


def target_of_widget(name: str, kind: Kind) -> str | None:
    """The input of ours that a connection to a runner's widget belongs to; None if there is none."""
    ours = SAME_NAMES.get(name)
    return ours if ours in [widget for widget, *_ in kind.widgets] else None


def _model(runner: Runner, values: Mapping[str, Any], remarks: list[str]) -> str:
    """The catalogue's name of the weights that come nearest."""
    name = values.get("model_name", "")
    known = MODELS.get(name) if runner.network is None else None
    entry = catalogue()[known or BEST]
    if runner.network is None and known is None:
        remarks.append(f"Its model {name!r} is not known: {BEST} is loaded.")
    remarks.append(
        f"{entry.name} is the file {entry.file}: put it from that pack's folder checkpoints into models/fom, or it is "
        f"downloaded ({entry.size_told}) when it is first run."
    )
    return entry.name


def _of_kind(name: str, default: Any, value: Any, remarks: list[str]) -> Any:
    """A value of the kind that a widget has, or its default."""
    kinds = (int, float) if isinstance(default, int | float) and not isinstance(default, bool) else type(default)
    if isinstance(value, kinds) and isinstance(value, bool) == isinstance(default, bool):
        return value
    remarks.append(f"{name} holds no usable value: {default} is used.")
    return default
