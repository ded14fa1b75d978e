"""Write a model as ONNX, compared with PyTorch on frames of a clip before it is kept. Wants the extra ``onnx``."""

import fom_core

model = fom_core.load_module("runs/tiny/tiny.safetensors")
exported = fom_core.export_model(model, "exports/tiny", frames="driver.mp4")
print(exported.folder, *exported.package.parts)
