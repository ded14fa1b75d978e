"""Models as files that run without PyTorch: ONNX graphs, and ``torch.export`` archives."""

from .export import Exported, export_model

__all__ = ["Exported", "export_model"]
