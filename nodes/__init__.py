"""The nodes: thin adapters between ComfyUI and ``fom_core``. One file is one node."""

from __future__ import annotations

import atexit

from comfy_api.latest import ComfyExtension, io

from ..fom_core.files.reserved import clear_away
from . import examples, host
from .animate_face import AnimateFace
from .animate_picture import AnimatePicture
from .detect_faces import DetectFaces
from .enhance_face import EnhanceFace
from .load_model import LoadFOMModel
from .load_motion import LoadMotion
from .paste_faces import PasteFaces
from .pose_face import PoseFace
from .preview_animation import PreviewAnimation
from .preview_keypoints import PreviewKeypoints
from .save_motion import SaveMotion

NODES: list[type[io.ComfyNode]] = [
    LoadFOMModel,
    DetectFaces,
    AnimateFace,
    EnhanceFace,
    PasteFaces,
    AnimatePicture,
    SaveMotion,
    LoadMotion,
    PreviewKeypoints,
    PreviewAnimation,
    PoseFace,
]


class FOMExtension(ComfyExtension):
    """What ComfyUI asks for the pack's nodes."""

    async def on_load(self) -> None:
        atexit.register(clear_away)  # ComfyUI may end while its worker is amid a prompt
        host.register_folders()
        host.share_help_pictures()
        examples.place(host.input_folder())

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
