"""What the measurements stand on: counted work, their networks from our configuration, charts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fom_core.benchmark.counting import multiply_adds
from fom_core.benchmark.subject import driving_frames, picture_with_faces
from fom_core.benchmark.upstream import Upstream, constructor_arguments
from fom_core.errors import UnsupportedModel, UsageError
from fom_core.files.paths import CONFIGS
from fom_core.weights.config_file import read_config


def test_work_is_counted_per_part(tiny_config):
    work = multiply_adds(tiny_config)
    # The last convolution alone: 64 x 64 pixels, 8 to 3 channels, 7 x 7.
    assert work["decode"] > 64 * 64 * 8 * 3 * 49
    assert all(count > 0 for count in work.values())


@pytest.mark.slow
def test_the_work_of_the_published_model_is_the_known_one():
    work = {part: count / 1e9 for part, count in multiply_adds(read_config(CONFIGS / "vox-256.yaml")).items()}
    assert work["keypoints"] == pytest.approx(1.28, abs=0.01)
    assert work["encode"] == pytest.approx(10.28, abs=0.01)
    assert work["dense motion"] == pytest.approx(4.09, abs=0.01)
    assert work["decode"] == pytest.approx(28.99 + 10.28, abs=0.02)


def test_the_authors_constructors_get_their_own_numbers_back():
    arguments = constructor_arguments(read_config(CONFIGS / "vox-256.yaml"))
    assert arguments["keypoint_detector"] == {
        "num_kp": 10, "num_channels": 3, "estimate_jacobian": True, "block_expansion": 32, "max_features": 1024,
        "num_blocks": 5, "temperature": 0.1, "scale_factor": 0.25, "single_jacobian_map": False, "pad": 0,
    }  # fmt: skip
    assert arguments["generator"]["dense_motion_params"] == {
        "block_expansion": 64, "max_features": 1024, "num_blocks": 5, "scale_factor": 0.25, "kp_variance": 0.01,
    }  # fmt: skip
    assert (arguments["generator"]["block_expansion"], arguments["generator"]["max_features"]) == (64, 256)


def test_networks_of_other_widths_are_refused(tiny_config):
    uneven = replace(tiny_config, generator=replace(tiny_config.generator, bottleneck=(12,)))
    with pytest.raises(UnsupportedModel, match="published pattern"):
        constructor_arguments(uneven)


def test_a_folder_that_is_no_checkout_is_named(tmp_path, tiny_model):
    with pytest.raises(UsageError, match=r"no checkout of first-order-model: it has no demo\.py"):
        Upstream(tmp_path, tiny_model, tiny_model.device)


def test_a_short_driver_begins_anew(sound_clip):
    frames = driving_frames(str(sound_clip), 70, (32, 32))
    assert frames.shape == (70, 32, 32, 3)
    assert (frames[60] == frames[0]).all()


def test_faces_of_a_made_picture_lie_in_it_side_by_side():
    picture, faces = picture_with_faces(320, 180, 4)
    assert picture.shape == (180, 320, 3)
    edges = [edge for face in faces for edge in (face.crop_px[0], face.crop_px[2])]
    assert edges == sorted(edges) and edges[0] >= 0 and edges[-1] <= 320
