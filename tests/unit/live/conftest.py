"""A live animation of the tiny model, and a driver for it."""

import numpy as np
import pytest

from fom_core.backends.pytorch import PyTorchModel
from fom_core.live import LiveAnimator
from fom_core.types import FaceSet


@pytest.fixture(scope="session")
def model(tiny_model):
    """The tiny model in its fast form."""
    return PyTorchModel.of(tiny_model)


@pytest.fixture(scope="session")
def pictures():
    """Two pictures of noise with a face each, of different size."""
    rng = np.random.default_rng(1)
    found = []
    for side, crop in ((96, (10, 10, 80, 80)), (64, (5, 5, 55, 55))):
        noise = rng.integers(0, 255, (side, side, 3), np.uint8)
        found.append((noise, FaceSet.from_crops([crop], (side, side))))
    return found


@pytest.fixture
def animator(model, pictures):
    """Looks at whole frames, without smoothing."""
    return LiveAnimator(model, pictures, None, smoothing=0)
