"""An exported model in the place of PyTorch's network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import UnsupportedModel, UsageError
from ..types import DenseMotion, Generated, Keypoints, SourceFeatures
from .package import STREAMING, Package, format_and_precision

Run = Callable[[dict[str, np.ndarray]], Mapping[str, np.ndarray]]
"""Computes one graph: its inputs by name to its outputs by name."""


def one_by_one(run: Run) -> Run:
    """For a graph of a fixed batch of one: any batch, frame after frame."""

    def each(inputs: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        batch = max(len(value) for value in inputs.values())
        frames = [
            run({name: value if len(value) == 1 else value[i : i + 1] for name, value in inputs.items()})
            for i in range(batch)
        ]
        return frames[0] if batch == 1 else {name: np.concatenate([one[name] for one in frames]) for name in frames[0]}

    return each


class ExportedModel:
    """The graphs of a :class:`Package` behind the calls of :class:`Backend`. Tensors live on the processor.

    open_graph: opens one graph file with the runtime that is to compute it.
    precision:  of the files, as :func:`.variant_name` calls it, such as "float32", "int8" or "litert"; parts without a
                file of that precision compute in float32.
    Raises UnsupportedModel for a variant that the package lacks, and for missing files.
    """

    def __init__(
        self, package: Package, folder: Path, open_graph: Callable[[Path], Run], precision: str = "float32"
    ) -> None:
        if precision not in package.precisions:
            raise UnsupportedModel(f"The export in {folder} has no {precision} files{_why(package, precision)}.")
        self.name = package.name
        self.config = package.config
        self.device = torch.device("cpu")
        self.in_float32 = [name for name in STREAMING if precision not in package.parts[name].files]
        self._inputs = {name: package.parts[name].inputs for name in STREAMING}
        self._graphs = {name: open_graph(package.file_of(folder, name, precision)) for name in STREAMING}

    def detect_keypoints(self, images: Tensor) -> Keypoints:
        """(B, C, H, W) in [0, 1] → keypoints of each picture. Raises UsageError for another size than exported."""
        self._check(images)
        found = self._compute("keypoint_detector", {"image": images})
        return Keypoints(found["value"], found.get("jacobian"))

    def encode_source(self, image: Tensor, keypoints: Keypoints | None = None) -> SourceFeatures:
        """(S, C, H, W) in [0, 1] → all that :meth:`generate` needs of the sources. Raises UsageError like above.

        ``keypoints`` are detected unless given. The graph takes one source at a time.
        """
        self._check(image)
        found = self.detect_keypoints(image) if keypoints is None else keypoints
        encoded = [self._compute("source_encoder", {"source": one}) for one in image.split(1)]
        small, features = (torch.cat([one[name] for one in encoded]) for name in ("small", "features"))
        return SourceFeatures(image, small, features, found)

    def generate(self, source: SourceFeatures, keypoints: Keypoints, details: bool = False) -> Generated:
        """Paint the source in the poses of B keypoint sets, or B sources in one pose each, one after the other.

        Raises UsageError for details, which are not exported.
        """
        if details:
            raise UsageError("An exported model gives no details of its motion. Use the backend torch for them.")
        if len(source.features) > 1:
            faces = range(len(source.features))
            return Generated.cat([self.generate(source.pick([face]), keypoints[face : face + 1]) for face in faces])
        inputs = {
            "features": source.features,
            "small": source.small,
            "source_value": source.keypoints.value,
            "source_jacobian": source.keypoints.jacobian,
            "driving_value": keypoints.value,
            "driving_jacobian": keypoints.jacobian,
        }
        painted = self._compute("generator", {name: value for name, value in inputs.items() if value is not None})
        motion = DenseMotion(painted["deformation"], painted.get("occlusion_map"), painted["mask"])
        return Generated(painted["prediction"], motion)

    def _compute(self, part: str, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        arrays = {name: inputs[name].detach().cpu().float().contiguous().numpy() for name in self._inputs[part]}
        return {name: torch.from_numpy(value) for name, value in self._graphs[part](arrays).items()}

    def _check(self, images: Tensor) -> None:
        wanted = (self.config.num_channels, *self.config.image_size)
        if tuple(images.shape[1:]) != wanted:
            found = "x".join(map(str, images.shape[1:]))
            raise UsageError(
                f"The exported model takes pictures of {'x'.join(map(str, wanted))} (channels, height, width), got "
                f"{found}. Resize the pictures, or export the model with another --image_size."
            )


def _why(package: Package, variant: str) -> str:
    """The rest of a sentence that says which files there are, and how to get others where that is possible."""
    form, precision = format_and_precision(variant)
    here = f"only {', '.join(_of_format(package, form))}. Choose one of them"
    if lines := package.left_out.get(variant):
        return f" ({' '.join(lines).removesuffix('.')}), {here}"
    return f", {here}, or export the model again with --format {form} --precision {precision}"


def _of_format(package: Package, form: str) -> list[str]:
    """The precisions of a format's files, as ``--precision`` takes them; all that there is where it has none."""
    here = [format_and_precision(each) for each in package.precisions]
    return [precision for each, precision in here if each == form] or package.precisions
