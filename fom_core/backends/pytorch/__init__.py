"""PyTorch's fast form of the networks, a backend beside ONNX Runtime's and OpenVINO's.

:mod:`fom_core.networks` holds the networks as they are trained: every layer a module of its own. Painting pictures
needs less. Normalisation is a multiplication that the convolution before it takes in; heads that see the same features
are one convolution; a 3x3 convolution after a doubling, or in the bottleneck (:mod:`.winograd`), is regrouped so that
most of its multiplications fall away; the warp and the occlusion are one pass; weights lie as the device wants them.
All of this is algebra: the same sums in another order, so that a picture differs by rounding alone, and the equations
between the layers are the trained networks' own code. Half precision and 8-bit integers (:mod:`.integer`) are the one
thing that is not the same, and are taken only where pictures are measured not to suffer.

What suits a device is a :class:`Plan`. It is tried against the networks as trained, on a drawn face, before it is
trusted (:mod:`.choice`), and a plan that fails later gives way to a plainer one (:class:`PyTorchModel`). On a processor
the fastest is chosen, and kept for the next start (:mod:`.remembered`). The form is made layer by layer out of the
trained weights, which go as they are used: there are never two copies of them.
"""

from .model import PyTorchModel
from .plan import EAGER, Plan, plans_for

__all__ = ["EAGER", "Plan", "PyTorchModel", "plans_for"]
