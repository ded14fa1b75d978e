"""A pack for ComfyUI that makes pictures which no node should make; only tests put it into custom_nodes."""

import torch


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


NODE_CLASS_MAPPINGS = {"UnusualImage": UnusualImage}
