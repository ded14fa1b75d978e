"""File formats beside ONNX, each made by the package of an extra and compared by its own runtime."""

from .base import NEVER_RUN, Format, Material
from .coreml import COREML
from .executorch import EXECUTORCH
from .litert import LITERT
from .mnn import MNN
from .ncnn import NCNN
from .openvino import OPENVINO

FORMATS = {form.name: form for form in (LITERT, EXECUTORCH, COREML, MNN, NCNN, OPENVINO)}

__all__ = ["FORMATS", "NEVER_RUN", "Format", "Material"]
