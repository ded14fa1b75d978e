"""A pack for ComfyUI with small random networks in the place of those that people download.

Only tests put it into custom_nodes.
"""

import torch
from comfy import model_management, model_patcher, sd
from comfy.ldm.models.autoencoder import AutoencoderKL
from comfy.supported_models import SD15
from comfy_extras.frame_interpolation_models.ifnet import IFNet

UNET = {
    "image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 32, "num_res_blocks": [1, 1],
    "channel_mult": [1, 2], "transformer_depth": [1, 1], "transformer_depth_output": [1, 1, 1, 1],
    "transformer_depth_middle": 1, "context_dim": 8, "num_heads": 2, "use_spatial_transformer": True, "legacy": False,
    "adm_in_channels": None, "use_linear_in_transformer": False, "use_temporal_attention": False,
    "dtype": torch.float32,
}  # fmt: skip
VAE = {
    "double_z": True, "z_channels": 4, "resolution": 256, "in_channels": 3, "out_ch": 3, "ch": 32,
    "ch_mult": [1, 1, 1, 1], "num_res_blocks": 1, "attn_resolutions": [], "dropout": 0.0,
}  # fmt: skip


class SmallCheckpoint:
    """MODEL, CLIP and VAE; each text is encoded to a value of its own."""

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "load"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def load(self):
        torch.manual_seed(0)
        network = initialised(SD15(UNET).get_model({}, "", device="cpu"))
        device = model_management.get_torch_device()
        weights = initialised(AutoencoderKL(ddconfig=VAE, embed_dim=4)).state_dict()
        vae = sd.VAE(sd=weights, config={"params": {"ddconfig": VAE, "embed_dim": 4}}, dtype=torch.float32)
        return model_patcher.ModelPatcher(network, device, torch.device("cpu")), SmallText(), vae


class SmallText:
    """What CLIP Text Encode asks of a text encoder."""

    def tokenize(self, text):
        return text

    def encode_from_tokens_scheduled(self, tokens):
        return [[torch.full((1, 4, UNET["context_dim"]), len(tokens) / 100), {"pooled_output": None}]]


class SmallInterpolation:
    """A network of the kind RIFE."""

    RETURN_TYPES = ("INTERP_MODEL",)
    FUNCTION = "load"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def load(self):
        torch.manual_seed(0)
        network = initialised(IFNet(head_ch=4, channels=[16] * 5)).eval()
        device = model_management.get_torch_device()
        return (model_patcher.ModelPatcher(network, device, torch.device("cpu")),)


def initialised(network):
    """Random weights: networks come without any."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0, 0.05)
    return network


NODE_CLASS_MAPPINGS = {"SmallCheckpoint": SmallCheckpoint, "SmallInterpolation": SmallInterpolation}
