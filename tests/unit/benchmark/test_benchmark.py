"""What the measurements stand on: counted work, their networks from our configuration, charts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fom_core.benchmark.counting import multiply_adds
from fom_core.benchmark.plot import Chart, charts_as_svg, ticks
from fom_core.benchmark.subject import driving_frames, picture_with_faces
from fom_core.benchmark.upstream import Upstream, constructor_arguments
from fom_core.errors import UnsupportedModel, UsageError
from fom_core.files.paths import CONFIGS
from fom_core.weights.config_file import read_config


def test_work_is_counted_per_part(tiny_config):
    work = multiply_adds(tiny_config)
    # The last convolution alone: 64 x 64 pixels, 8 to 3 channels, 7 x 7.
    assert work["decode"] > 64 * 64 * 8 * 3 * 49 / 1e9
    assert all(giga > 0 for giga in work.values())


@pytest.mark.slow
def test_the_work_of_the_published_model_is_the_known_one():
    work = multiply_adds(read_config(CONFIGS / "vox-256.yaml"))
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


@pytest.mark.parametrize(("highest", "expected"), [(1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (7, [0, 2, 4, 6, 8])])
def test_axes_have_round_numbers(highest, expected):
    assert ticks(highest) == pytest.approx(expected)


def test_a_chart_puts_the_highest_point_of_a_full_axis_at_its_end():
    svg = charts_as_svg([Chart("T", "x", "y", {"a <b>": [(0, 0), (10, 5)], "c": [(0, 0), (10, 10)]})])
    points = re.findall(r'<polyline points="([^"]+)"', svg)
    assert points == ["58.0,236.0 404.0,135.0", "58.0,236.0 404.0,34.0"]
    assert "a &lt;b&gt;" in svg
