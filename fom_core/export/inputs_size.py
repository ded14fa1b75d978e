"""PaddleGAN's ``--inputs_size``: the shapes of source, driving frame, keypoints and jacobians in one word."""

from __future__ import annotations

from ..errors import UsageError
from ..networks.config import ModelConfig

EXAMPLE = "1,3,256,256;1,3,256,256;1,10,2;1,10,2,2"


def size_from_inputs(text: str, config: ModelConfig) -> tuple[int, int]:
    """Height and width of the pictures, once all shapes fit the model; batches may be anything, they stay free.

    Raises UsageError.
    """
    try:
        shapes = [tuple(int(length) for length in part.split(",")) for part in text.strip().strip(";").split(";")]
    except ValueError as error:
        raise UsageError(f"--inputs_size wants shapes like {EXAMPLE!r}, found {text!r}.") from error
    points, channels = config.keypoint_detector.num_kp, config.num_channels
    pictures = [shape[1:] for shape in shapes[:2]]
    if len(pictures) != 2 or len(pictures[0]) != 3 or pictures[0] != pictures[1] or pictures[0][0] != channels:
        raise UsageError(
            f"--inputs_size begins with the shapes of source and driving frame, equal and with {channels} channels: "
            f"1,{channels},256,256;1,{channels},256,256. Found {text!r}."
        )
    wanted = [(points, 2), (points, 2, 2)][: 2 if config.keypoint_detector.estimate_jacobian else 1]
    if [shape[1:] for shape in shapes[2:]] not in ([], wanted):
        example = ";".join(",".join(map(str, (1, *shape))) for shape in wanted)
        raise UsageError(f"--inputs_size goes on with the keypoints of this model: {example}. Found {text!r}.")
    return pictures[0][1], pictures[0][2]
