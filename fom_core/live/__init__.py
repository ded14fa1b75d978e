"""Live: a picture follows a driver while the driver moves.

:class:`LiveAnimator` takes frames and gives frames; :func:`play` feeds it the newest frame of a :class:`Capture` and
shows the results on screens, dropping frames rather than showing them late.
"""

from .animator import LiveAnimator
from .feeds import Camera, Playing
from .meter import Meter
from .newest import Capture, Captured, Newest
from .run import Controls, Screen, play
from .screens import LiveRecording, VirtualCamera, Window
from .serve import Page

__all__ = [
    "Camera",
    "Capture",
    "Captured",
    "Controls",
    "LiveAnimator",
    "LiveRecording",
    "Meter",
    "Newest",
    "Page",
    "Playing",
    "Screen",
    "VirtualCamera",
    "Window",
    "play",
]
