"""How far a form's results are from those of the modules as they were trained, on a picture made for that."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry import identity_grid
from ...metrics import psnr_db
from ...networks.model import MotionModel
from .form import Form
from .plan import EAGER, settings

PSNR_BOUND_DB = 45.0
KEYPOINT_BOUND = 1e-3  # of half a picture's side
COARSE_DB = 20.0  # below it, a picture in a type that was asked for is wrong rather than rounded
CLEARLY_DB = 6.0  # twice the error
ROUNDS, ENOUGH_S = 3, 1.0  # of timing, and seconds after which there are no more
SMALL = 128  # pixels of a side that suffice to see whether a plan works at all


@dataclass(frozen=True)
class Error:
    """``psnr_db`` of the picture, ``keypoints`` in [-1, 1] units at most."""

    psnr_db: float
    keypoints: float

    @property
    def within(self) -> bool:
        """Whether nobody sees it. NaN and infinity are never within."""
        return self.psnr_db >= PSNR_BOUND_DB and self.keypoints <= KEYPOINT_BOUND

    def no_worse_than(self, plain: Error) -> bool:
        """Whether it is what the type brings anyhow, going by the error of a plainer way in the same type."""
        by_picture = self.psnr_db >= max(plain.psnr_db - CLEARLY_DB, COARSE_DB)
        return by_picture and self.keypoints <= max(2 * plain.keypoints, KEYPOINT_BOUND)

    def __str__(self) -> str:
        return f"{self.psnr_db:.1f} dB, keypoints {self.keypoints:.1e}"


@dataclass(frozen=True)
class Reference:
    """What the networks as trained make of a picture drawn for that, ``images`` (2, C, H, W) in [0, 1]."""

    images: Tensor
    keypoints: Tensor
    picture: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, networks: MotionModel, *, small: bool = False) -> Reference:
        """On their device. The same networks on the same device always give the same.

        ``small``: at 128 pixels at most, a quarter of the time at 256: that tells whether a plan works, not how well.
        """
        height, width = networks.config.image_size
        if small:
            multiple = networks.config.size_multiple
            side = multiple * max(1, SMALL // multiple)
            height, width = min(height, side), min(width, side)
        images = probe_pictures(networks.config.num_channels, (height, width)).to(networks.device)
        with settings(EAGER, networks.device):
            return cls(images, *_animate(networks, images))

    @torch.no_grad()
    def error_of(self, form: Form) -> Error:
        """How far a form is from it, on the same device."""
        with settings(form.plan, self.images.device):
            points, picture = _animate(form, self.images)
        psnr = float(psnr_db(picture[None], self.picture[None], most=math.inf))
        return Error(psnr, float((points - self.keypoints).abs().max()))

    def picture_ms(self, form: Form) -> float:
        """Milliseconds that one thread of a processor works on a driving picture's keypoints and on painting.

        The least of some. As frames are computed, each by one thread; what else runs here counts little, for time in
        which the thread has to wait is left out.
        """
        before = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(self._timed, form).result()
        finally:
            torch.set_num_threads(before)  # of threads that are yet to come, too

    @torch.no_grad()
    def _timed(self, form: Form) -> float:
        torch.get_num_threads()  # a thread's own number begins with this call
        torch.set_num_threads(1)
        found = form.keypoint_detector(self.images)
        source = form.generator.encode(self.images[:1], found[:1])
        took = []
        while len(took) < ROUNDS and sum(took) < ENOUGH_S:
            started = time.thread_time()
            form.generator(source, form.keypoint_detector(self.images[1:]))
            took.append(time.thread_time() - started)
        return 1e3 * min(took)


def probe_pictures(channels: int, size: tuple[int, int]) -> Tensor:
    """A drawn face, and the same a little aside with its mouth open: (2, C, H, W) in [0, 1].

    A face, for that is what most models know: on a picture without one, keypoints are a toss-up in any type.
    """
    grain = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0)) * 0.02
    pictures = (torch.cat([_draw(size, 0.0, 0.05), _draw(size, 0.08, 0.12)]) + grain).clamp(0, 1)
    return pictures if channels == 3 else pictures.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)


# Centre, radii and colour of the ellipses that make up the face, back to front; y downwards.
_FACE = (
    ((0.0, 1.15), (0.9, 0.5), (0.25, 0.3, 0.5)),  # shoulders
    ((0.0, -0.12), (0.6, 0.72), (0.22, 0.15, 0.1)),  # hair
    ((0.0, 0.62), (0.2, 0.3), (0.75, 0.56, 0.46)),  # neck
    ((0.0, 0.05), (0.46, 0.6), (0.86, 0.67, 0.56)),  # face
    ((-0.19, -0.1), (0.1, 0.05), (0.95, 0.95, 0.95)),  # eyes
    ((0.19, -0.1), (0.1, 0.05), (0.95, 0.95, 0.95)),
    ((-0.19, -0.1), (0.045, 0.045), (0.15, 0.1, 0.08)),
    ((0.19, -0.1), (0.045, 0.045), (0.15, 0.1, 0.08)),
    ((-0.19, -0.23), (0.13, 0.025), (0.25, 0.17, 0.12)),  # brows
    ((0.19, -0.23), (0.13, 0.025), (0.25, 0.17, 0.12)),
    ((0.0, 0.14), (0.07, 0.1), (0.76, 0.56, 0.46)),  # nose
)


def _draw(size: tuple[int, int], aside: float, mouth: float) -> Tensor:
    grid = identity_grid(*size, like=torch.zeros(1))
    picture = (0.55 - 0.15 * grid[..., 1]).expand(3, *size)
    for (x, y), radii, colour in (*_FACE, ((0.0, 0.36), (0.17, mouth), (0.6, 0.25, 0.25))):
        outside = ((grid - grid.new_tensor([x + aside, y])) / grid.new_tensor(radii)).square().sum(dim=-1)
        picture = torch.lerp(picture, grid.new_tensor(colour)[:, None, None], torch.sigmoid(12 * (1 - outside)))
    return picture[None]


def _animate(networks: MotionModel | Form, images: Tensor) -> tuple[Tensor, Tensor]:
    """Keypoints of both pictures, and the first one in the pose of the second."""
    found = networks.keypoint_detector(images)
    source = networks.generator.encode(images[:1], found[:1])
    return found.value, networks.generator(source, found[1:]).prediction
