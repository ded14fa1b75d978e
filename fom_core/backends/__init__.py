"""What computes a model: PyTorch's fast form of it, or an export under ONNX Runtime or OpenVINO."""

from .exported import ExportedModel
from .open import RUNTIMES, is_exported, open_exported
from .package import MANIFEST, ExportedPart, Package, Variant, read_package, write_manifest
from .protocol import Backend

__all__ = [
    "MANIFEST",
    "RUNTIMES",
    "Backend",
    "ExportedModel",
    "ExportedPart",
    "Package",
    "Variant",
    "is_exported",
    "open_exported",
    "read_package",
    "write_manifest",
]
