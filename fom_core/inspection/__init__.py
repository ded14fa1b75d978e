"""Looking before the leap: what will become of a picture and a driver, in a sheet and in words."""

from .findings import Finding
from .inspect import Inspection, inspect_animation

__all__ = ["Finding", "Inspection", "inspect_animation"]
