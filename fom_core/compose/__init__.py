"""The stage after the generator: from what it paints of each face to the whole picture, composed or pasted."""

from .canvas import canvas_box
from .composer import Composer, can_compose
from .composition import Composition, Enhance
from .cover import covered, cut_crop
from .finish import Finisher, open_composer, open_finisher
from .lay import CanvasPaster
from .masks import Look, Mask
from .paste import Paster, paste

__all__ = [
    "CanvasPaster",
    "Composer",
    "Composition",
    "Enhance",
    "Finisher",
    "Look",
    "Mask",
    "Paster",
    "can_compose",
    "canvas_box",
    "covered",
    "cut_crop",
    "open_composer",
    "open_finisher",
    "paste",
]
