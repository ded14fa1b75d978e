"""Face restoration: finer detail in the faces of a clip, without flicker."""

from .alignment import Alignment, align_face, find_alignment
from .restore import FaceEnhancer, full_size, restore, restored_chunks
from .restorer import Restorer, load_restorer

__all__ = [
    "Alignment",
    "FaceEnhancer",
    "Restorer",
    "align_face",
    "find_alignment",
    "full_size",
    "load_restorer",
    "restore",
    "restored_chunks",
]
