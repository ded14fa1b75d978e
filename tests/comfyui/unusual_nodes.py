"""A pack for ComfyUI that makes pictures which no node should make, and videos as newer versions make them.

Only tests put it into custom_nodes.
"""

import torch
from comfy_api.latest import InputImpl, Types


class Cropped(InputImpl.VideoFromFile):
    """A crop that is still to be applied: the stream is that of the whole video."""

    rect = (0, 0, 0, 0)

    def has_pending_frame_edits(self):
        return True

    def get_dimensions(self):
        return self.rect[2:]

    def get_components(self):
        whole, (x, y, width, height) = super().get_components(), self.rect
        images = whole.images[:, y : y + height, x : x + width].clone()
        return Types.VideoComponents(images=images, audio=whole.audio, frame_rate=whole.frame_rate)


class CroppedVideo:
    """A VIDEO of which a rectangle is shown."""

    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "crop"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        numbers = {name: ("INT", {"default": 0}) for name in ("x", "y", "width", "height")}
        return {"required": {"video": ("VIDEO",)} | numbers}

    def crop(self, video, x, y, width, height):
        cropped = Cropped(video.get_stream_source())
        cropped.rect = (x, y, width, height)
        return (cropped,)


class UnusualImage:
    """An IMAGE with something wrong with it."""

    KINDS = ("empty batch", "not a number")
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "make"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"kind": (list(cls.KINDS),)}}

    def make(self, kind):
        if kind == "empty batch":
            return (torch.zeros(0, 64, 64, 3),)
        image = torch.full((1, 64, 64, 3), 0.5)
        image[0, 3, 4] = torch.nan
        return (image,)


NODE_CLASS_MAPPINGS = {"UnusualImage": UnusualImage, "CroppedVideo": CroppedVideo}
