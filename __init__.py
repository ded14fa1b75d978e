"""ComfyUI-FOM: brings the faces of a picture to life. ComfyUI imports this file; the work is in ``fom_core``."""

import logging
from typing import Any

WEB_DIRECTORY = "./nodes/web"


async def comfy_entrypoint() -> Any:
    """What ComfyUI calls to get the nodes. Imports happen here, so that other tools can import this file."""
    try:
        from .nodes import FOMExtension  # noqa: PLC0415
    except Exception:
        logging.getLogger(__name__).exception("The face animation nodes cannot be loaded.")
        raise
    return FOMExtension()
