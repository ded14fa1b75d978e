"""The networks of trainings that end within seconds."""

NETWORKS = """
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
"""
