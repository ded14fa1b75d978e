"""What computes a model: PyTorch's fast form of it, or an export under another runtime."""

from .exported import ExportedModel
from .open import RUNTIMES, fitting_backend, is_exported, open_exported
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
    "fitting_backend",
    "is_exported",
    "open_exported",
    "read_package",
    "write_manifest",
]
