"""What Animate Picture painted last, for another look of the same clip."""

from __future__ import annotations

import hashlib

from torch import Tensor

from ..fom_core.backends import Backend
from ..fom_core.compose import Composition
from ..fom_core.compose.paintings import Paintings
from ..fom_core.compose.tint import is_grey
from ..fom_core.faces.regions import crop_face
from ..fom_core.pipeline import Scene
from ..fom_core.types import Motion
from . import kept as limits
from .kept import Kept, key_of


def paintings_of(kept: Kept, model: Backend, scene: Scene, look: Composition) -> Paintings | None:
    """What is kept of a scene's frames, and will be; None for a look that takes more than bytes.

    It goes by what each face shows and by its driver's motion, to the last bit. Faces that are encoded come first:
    they and the frames share one room.
    """
    crops = [crop_face(scene.picture, face, model.config.image_size) for face in scene.faces]
    if look.mask == "paddlegan" or look.colour_match or any(map(is_grey, crops)):
        return None
    clip = (*map(key_of, crops), *map(motion_digest, scene.motions), scene.transfer)
    return kept.painted.open(clip, limits.MOST_SOURCES - kept.sources.size)


def motion_digest(motion: Motion) -> bytes:
    """Tells a motion from every other one."""
    points, rest = motion.keypoints, motion.neutral
    found = hashlib.sha256(repr((len(points), motion.fps, motion.seen)).encode())
    for values in (points.value, points.jacobian, *((rest.value, rest.jacobian) if rest is not None else ())):
        found.update(repr(None if values is None else values.shape).encode() + bytes_of(values))
    return found.digest()


def bytes_of(values: Tensor | None) -> bytes:
    return b"" if values is None else values.cpu().contiguous().numpy().tobytes()
