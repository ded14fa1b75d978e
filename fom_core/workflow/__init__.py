"""ComfyUI's saved graphs: those made for another pack's nodes, rewritten for ours."""

from .convert import Converted, convert_workflow

__all__ = ["Converted", "convert_workflow"]
