"""What PaddleGAN's predictor does with found faces (crops, pasting), and what it writes to disk (checkpoints)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden import formula

PATCH = 40
SOURCE = (96, 128)  # height and width of the picture that faces are pasted into
PASTES: dict[str, tuple[list[tuple[int, int, int, int]], list[float]]] = {
    "single": ([(20, 16, 76, 90)], [0.4]),
    "two": ([(4, 20, 52, 80), (70, 24, 122, 76)], [0.4, 0.45, 0.5, 1.0]),
    "overlap": ([(10, 10, 70, 80), (50, 20, 110, 90)], [0.4, 0.5]),
    "edge": ([(0, 0, 48, 52), (84, 50, 128, 96)], [0.4]),
}
CROPS = 24  # pictures with faces whose crops are stored
FORMATS = {"nested_paddlesave": 4, "nested_paddlesave_proto2": 2, "nested_paddlesave_proto3": 3}
LEGACY = {"nested_legacy20_proto2": 2, "nested_legacy20_proto3": 3}


def predictor(**options: Any) -> Any:
    """PaddleGAN's predictor without its networks."""
    from ppgan.apps.first_order_predictor import FirstOrderPredictor  # type: ignore[import-not-found]

    made = object.__new__(FirstOrderPredictor)
    defaults = {"find_best_frame": False, "best_frame": None, "relative": True, "adapt_scale": False}
    defaults |= {"generator": None, "kp_detector": None}
    vars(made).update({**defaults, "face_detector": "sfd", "output": "", "filename": "", "image_size": PATCH})
    vars(made).update(options)
    return made


def patches(name: str, count: int) -> np.ndarray:
    """Pictures (faces, 2, PATCH, PATCH, 3) that stand for what the networks made, float32 from 0 to 255."""
    colours = [formula.ground(f"paste/{name}/{number}", PATCH, PATCH) for number in range(2 * count)]
    return np.stack(colours).reshape(count, 2, PATCH, PATCH, 3) + formula.spread(name, (PATCH, PATCH, 1), 0, 0.99)


def source() -> np.ndarray:
    return formula.picture("paste/source", *SOURCE)


def pasted(name: str, ratio: float) -> np.ndarray:
    """The frames (2, H, W, 3) uint8 that PaddleGAN's ``run`` writes."""
    rects, _ = PASTES[name]
    made = predictor(ratio=ratio, multi_person=True)
    written: list[np.ndarray] = []

    class Reader(list[np.ndarray]):
        def get_meta_data(self) -> dict[str, float]:
            return {"fps": 25.0}

        def close(self) -> None:
            pass

    imageio: Any = sys.modules["imageio"]
    imageio.get_reader = lambda _: Reader(np.zeros((2, PATCH, PATCH, 3), np.uint8))
    imageio.mimsave = lambda _, frames, fps: written.extend(frames)
    faces = iter(patches(name, len(rects)))
    made.read_img = lambda _: source()
    made.extract_bbox = lambda _: np.array([(*rect, 0) for rect in rects])
    made.make_animation = lambda *_, **__: next(faces)
    made.run("", "")
    return np.stack(written)


def detections(number: int) -> tuple[tuple[int, int], list[list[int]]]:
    """Height and width of a picture, and boxes in it that a detector might find, some of the same face."""
    height, width, count = (formula.fractions(f"crops/{number}", 3) * (300, 400, 5)).astype(int) + np.array([60, 80, 1])
    boxes = []
    for x, y, size, shape in formula.fractions(f"crops/{number}/boxes", 4 * count).reshape(-1, 4):
        w, h = int(16 + size * 80), int((16 + size * 80) * (0.8 + shape / 2))
        left, top = int(x * (width - 8)) - 4, int(y * (height - 8)) - 4
        boxes.append([left, top, left + w, top + h])
        if shape > 0.6:
            boxes.append([left + w // 8, top + h // 10, left + w // 8 + w, top + h // 10 + h])
    return (int(height), int(width)), boxes


def crops(number: int) -> list[list[int]]:
    """The boxes x1, y1, x2, y2 that PaddleGAN cuts out, in its order."""
    (height, width), boxes = detections(number)

    class Detector:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def get_detections_for_image(self, _: Any) -> list[list[int]]:
            return boxes

    detection: Any = sys.modules["ppgan.faceutils.face_detection"]
    detection.FaceAlignment = Detector
    detection.LandmarksType = type("LandmarksType", (), {"_2D": 1})
    found = predictor().extract_bbox(np.zeros((height, width, 3), np.uint8))
    return [[int(value) for value in row[:4]] for row in found]


def faces() -> tuple[formula.Arrays, dict[str, Any]]:
    """Every pasted clip, and the crops of every picture."""
    import paddle  # type: ignore[import-not-found]

    arrays = {f"{name}/{ratio}": pasted(name, ratio) for name, (_, ratios) in PASTES.items() for ratio in ratios}
    about = {
        "made_with": f"PaddleGAN on paddlepaddle {paddle.__version__}",
        "crops": [crops(number) for number in range(CROPS)],
    }
    return arrays, about


def write_formats(folder: Path) -> None:
    """One small network in every form in which Paddle and PaddleGAN have written checkpoints."""
    import paddle  # type: ignore[import-not-found]
    from ppgan.utils import filesystem  # type: ignore[import-not-found]

    network = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm(4))
    own = network.state_dict()
    network.set_state_dict(
        {key: paddle.to_tensor(formula.tensor(f"formats/{key}", key, tuple(own[key].shape))) for key in own}
    )
    state = network.state_dict()
    plain = {key: value.numpy() for key, value in state.items()}
    for name, protocol in FORMATS.items():
        paddle.save({"generator": state, "kp_detector": {}}, str(folder / f"{name}.pdparams"), protocol=protocol)
    for name, protocol in LEGACY.items():
        paddle.framework.io._legacy_save({"generator": plain}, str(folder / f"{name}.pdparams"), protocol)
    paddle.save(state, str(folder / "flat_paddlesave.pdparams"))
    filesystem.save({"Gen_Full": state, "generator": state}, str(folder / "nested_ppgan_weight.pdparams"))
    optimizer = paddle.optimizer.Adam(1e-3, parameters=network.parameters())
    network(paddle.ones([1, 3, 4, 4])).sum().backward()
    optimizer.step()
    filesystem.save(
        {"generator": plain, "epoch": 3, "optimizer_Gen": optimizer.state_dict()},
        str(folder / "nested_ppgan_checkpoint.pdparams"),
    )
