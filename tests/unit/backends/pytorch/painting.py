"""What models paint of a few pictures: the first one is the source, all drive."""

import torch


@torch.inference_mode()
def animate(model, images, size=5, details=False):
    """Predictions (T, 3, H, W), ``size`` frames at a time."""
    source = model.encode_source(images[:1])
    parts = [
        model.generate(source, model.detect_keypoints(images[start : start + size]), details)
        for start in range(0, len(images), size)
    ]
    return torch.cat([part.prediction for part in parts])
