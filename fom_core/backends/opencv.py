"""OpenCV's dnn: graphs on the processor by a package that every installation has."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ..errors import MissingPackage, UnsupportedModel, UsageError
from ..resources.faults import pass_on
from .exported import Run

LEAST = 5  # 4.8 to 4.14 do not know GridSample, and 4.8 errs on batches


def require_opencv(provider: str = "auto") -> None:
    """Raise MissingPackage for an OpenCV that does not know the graphs, UsageError for what is no processor."""
    if int(cv2.__version__.partition(".")[0]) < LEAST or not hasattr(cv2, "dnn"):
        raise MissingPackage(
            f"The backend opencv needs OpenCV {LEAST}, whose dnn knows the warp; this is {cv2.__version__}. Run: "
            f'pip install -U "opencv-python>={LEAST}"'
        )
    if provider.lower() not in ("auto", "cpu"):
        raise UsageError(f"The backend opencv computes on the processor, not on {provider}. Leave --provider out.")


def open_graph(path: Path) -> Run:
    """Open a graph on the processor. Raises UnsupportedModel if it is damaged, MissingPackage for an older OpenCV."""
    require_opencv()
    try:
        with _quietly():
            net = cv2.dnn.readNetFromONNX(np.fromfile(path, np.uint8))
            names = net.getUnconnectedOutLayersNames()
    except cv2.error as error:
        pass_on(error)
        raise UnsupportedModel(
            f"OpenCV {cv2.__version__} cannot open {path.name} ({error.err[:200]}). Export the model again."
        ) from error
    one_at_a_time = threading.Lock()

    def run(inputs: dict[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        with one_at_a_time:
            for name, value in inputs.items():
                net.setInput(value, name)
            return dict(zip(names, net.forward(names), strict=True))

    return run


@contextmanager
def _quietly() -> Iterator[None]:
    """Without OpenCV's own words on stderr about a graph that it cannot read."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
