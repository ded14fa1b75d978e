"""Learn a tiny model from clips, measure it, and write it for other runtimes.

Wants ``clips`` in the working folder, with videos in its subfolders ``train`` and ``test``. Real trainings take the
configurations that come along, such as "mini" or "vox-256", and hours.
"""

from pathlib import Path

import fom_core

CONFIG = """
dataset_params: {frame_shape: [32, 32, 3], num_workers: 0}
model_params:
  common_params: {num_kp: 3, num_channels: 3, estimate_jacobian: true}
  kp_detector_params: {temperature: 0.1, block_expansion: 4, max_features: 8, num_blocks: 2, scale_factor: 0.5}
  generator_params:
    block_expansion: 4
    max_features: 8
    num_down_blocks: 1
    num_bottleneck_blocks: 1
    estimate_occlusion_map: true
    dense_motion_params: {block_expansion: 4, max_features: 8, num_blocks: 2, scale_factor: 0.5}
train_params:
  num_epochs: 2
  batch_size: 1
  scales: [1]
  loss_weights: {perceptual: [1]}
perceptual_widths: [4]
"""

Path("tiny.yaml").write_text(CONFIG, encoding="utf-8")
inputs = fom_core.TrainingInputs("tiny.yaml", data="clips")
weights = fom_core.train_from_folder(inputs, "runs/tiny", device="cpu")  # a second call goes on

model = fom_core.load_model(weights, device="cpu")
table = fom_core.evaluate_folder(model, "clips", "runs/figures", frames=4, weights=weights)
print(table)
