"""Options of fom evaluate and fom preprocess that change nothing beside others are named."""

from __future__ import annotations

import argparse

import pytest

from fom_core.cli import evaluate, preprocess
from fom_core.cli.idle import EVALUATE, PREPROCESS, tell_idle

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
