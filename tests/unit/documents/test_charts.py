"""Charts: where points land, and what axes say."""

from __future__ import annotations

import re

import pytest

from fom_core.documents.charts import Chart, charts_as_svg, lines_as_svg, ticks


@pytest.mark.parametrize(("highest", "expected"), [(1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (7, [0, 2, 4, 6, 8])])
def test_axes_have_round_numbers(highest, expected):
    assert ticks(highest) == pytest.approx(expected)


def test_a_chart_puts_the_highest_point_of_a_full_axis_at_its_end():
    svg = charts_as_svg([Chart("T", "x", "y", {"a <b>": [(0, 0), (10, 5)], "c": [(0, 0), (10, 10)]})])
    points = re.findall(r'<polyline points="([^"]+)"', svg)
    assert points == ["58.0,236.0 404.0,135.0", "58.0,236.0 404.0,34.0"]
    assert "a &lt;b&gt;" in svg


def test_lines_share_one_scale_from_the_lowest_value_to_the_highest():
    svg = lines_as_svg([[(1, 0.0), (3, 1.0)], [(1, 0.5), (2, float("inf"))]], ("red", "grey"))
    assert re.findall(r'points="([^"]+)"', svg) == ["8.0,152.0 352.0,8.0", "8.0,80.0"]
    assert lines_as_svg([[(1, float("nan"))]], ("red",)) == ""
