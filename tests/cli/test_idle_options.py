"""Options of fom evaluate and fom preprocess that change nothing beside others are named."""

from __future__ import annotations

import argparse
from typing import get_args

import pytest

from fom_core.cli import animate_options, evaluate, preprocess
from fom_core.cli.idle import ANIMATE, EVALUATE, PREPROCESS, tell_idle
from fom_core.compose.masks import ROUNDNESS, Look

CUT = ["raw", "--output", "clips"]


@pytest.mark.parametrize(
    ("command", "rules", "words", "idle"),
    [
        (preprocess, PREPROCESS, [*CUT, "--test_share", "0.2", "--face_detector", "yunet"], []),
        (
            preprocess,
            PREPROCESS,
            [*CUT, "--metadata", "cuts.csv", "--test_share", "0.2", "--face_detector", "yunet"],
            ["--test_share", "--face_detector"],
        ),
        (evaluate, EVALUATE, ["clips", "--mobile_net"], []),
        (
            evaluate,
            EVALUATE,
            ["clips", "--model", "mini", "--mobile_net", "--slice_size", "4", "--licence_class", "free"],
            ["--slice_size", "--mobile_net", "--licence_class"],
        ),
    ],
)
def test_what_changes_nothing_is_named(command, rules, words, idle, caplog):
    parser = argparse.ArgumentParser()
    command.declare(parser)

    tell_idle([("", parser.parse_args(words))], command.declare, rules)

    assert [message.split(" has no effect: ")[0] for message in caplog.messages] == idle


@pytest.mark.parametrize("mask", get_args(Look))
def test_a_feather_changes_nothing_of_masks_without_one(mask, caplog):
    parser = argparse.ArgumentParser()
    animate_options.declare(parser)
    words = ["-s", "a.png", "-d", "b.mp4", "--model", "mini", "--mask", mask, "--feather", "0.7"]

    tell_idle([("", parser.parse_args(words))], animate_options.declare, ANIMATE)

    told = f"--feather has no effect: it is of --mask {' and '.join(ROUNDNESS)}."
    assert caplog.messages == ([] if mask in ROUNDNESS else [told])
