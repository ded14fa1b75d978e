"""Writes what the page needs beside the exported model: face detector, motions, example pictures, icon.

python tools/assets.py FOLDER
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from fom_core.backends.quiet import import_onnxruntime
from fom_core.demo import demo_picture
from fom_core.faces.detectors.embedded import ASSET, STRIDES, EmbeddedDetector, agreed, decode
from fom_core.media import write_picture
from fom_core.motion import embedded_motion, embedded_names, save_motion

ICON = Path(__file__).resolve().parents[3] / "docs" / "icon.svg"
OPSET = 18
PORTRAIT = (432 + 38, 101 + 38, 848 - 38, 619 - 38)  # the middle print of the demo's wall, without its frame
LARGEST_DIFFERENCE = 1e-3  # of boxes in pixels, between the exported detector and PyTorch's


class FaceGraph(nn.Module):
    """image (1, 3, H, W) in [0, 1] → scores (N,) and boxes (N, 4) in its pixels; H and W are multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.network = EmbeddedDetector(ASSET).network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        logits, boxes = decode(agreed(self.network(torch.cat([image, image.flip(-1)]))))
        return logits[0].sigmoid(), boxes[0]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_detector(folder / "face_detector.onnx")
    write_motions(folder / "motions")
    write_pictures(folder / "pictures")
    shutil.copyfile(ICON, folder / "icon.svg")  # the last one: with it all is there
    print(folder)


def write_detector(path: Path) -> None:
    """The embedded face detector as ONNX, for pictures of any size; compared with PyTorch before it is kept."""
    graph = FaceGraph().eval()
    rows, columns = torch.export.Dim("rows", min=1, max=64), torch.export.Dim("columns", min=1, max=64)
    temporary = path.with_name(path.name + ".tmp")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (torch.rand(1, 3, 5 * STRIDES[-1], 7 * STRIDES[-1]),),
            temporary,
            input_names=["image"],
            output_names=["scores", "boxes"],
            dynamic_shapes=({2: STRIDES[-1] * rows, 3: STRIDES[-1] * columns},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    check_detector(temporary, graph)
    temporary.replace(path)


def check_detector(path: Path, graph: FaceGraph) -> None:
    """Raise SystemExit if ONNX Runtime finds other boxes than PyTorch."""
    session = import_onnxruntime().InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in ((160, 224), (320, 256)):
        image = torch.rand(1, 3, *size)
        with torch.inference_mode():
            wanted = graph(image)
        found = session.run(None, {"image": image.numpy()})
        apart = max(float((torch.from_numpy(a) - b).abs().max()) for a, b in zip(found, wanted, strict=True))
        if not apart <= LARGEST_DIFFERENCE:
            raise SystemExit(f"The exported face detector is {apart:.2g} off at {size}, wanted {LARGEST_DIFFERENCE}.")


def write_motions(folder: Path) -> None:
    """The embedded motions in single precision, and a list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for name in embedded_names():
        motion = embedded_motion(name)
        save_motion(motion, folder / f"{name}.safetensors")
        listed.append({"name": name, "seconds": round(len(motion) / motion.fps, 1), "model": motion.model})
    (folder / "index.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def write_pictures(folder: Path) -> None:
    """The demo's wall with three prints, and its middle print alone."""
    wall = demo_picture()
    x0, y0, x1, y1 = PORTRAIT
    write_picture(folder / "portrait.png", wall[y0:y1, x0:x1])
    write_picture(folder / "wall.png", wall)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
