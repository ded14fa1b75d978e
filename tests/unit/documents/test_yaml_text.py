"""YAML that strangers write: plain values, or one line that says where it is something else."""

from __future__ import annotations

import pytest

from fom_core.documents.options import SettingsError
from fom_core.documents.yaml_text import parse_settings

DOUBLING = "a0: &a0 [1, 2]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
MERGING = "a0: &a0 {k0: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
DEEPENING = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [[*a{n - 1}]]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: " + "[" * 10_000, "line 1: is nested more than 64 deep."),
        (DEEPENING, "line 33: is nested more than 64 deep."),
        (DOUBLING, "line 16: stands for more than 100000 values. Write fewer anchors."),
        (MERGING, "line 16: stands for more than 100000 values. Write fewer anchors."),
        ("b: 1\na: &a [*a]", "line 2: 'a' contains itself."),
        ("a: *b", "line 1: is not YAML (found undefined alias 'b')."),
        ("a: 1\nb: " + "1" * 5000, f"line 2: '{'1' * 40}' is no int."),
        ("b: " + "1:" * 5000 + "1", f"line 1: '{'1:' * 20}' is no int."),
        ("b: 0x" + "f" * 20, "line 1: has to hold numbers of at most 64 bits."),
        ("b: !!int two", "line 1: 'two' is no int."),
        ("b: !!bool two", "line 1: 'two' is no bool."),
        ("b: !!float two", "line 1: 'two' is no float."),
        ("a: 1\nb: !!timestamp 2024-99-99", "line 2: is not YAML (could not determine a constructor for the tag "),
        ("a: 1\na: 2", "line 2: a was given already in line 1."),
        ("a:\n\tb: 1", "line 2: is not YAML (found character '\\t' that cannot start any token). Indent with blanks."),
        ("- 1\n- 2", "has to be a table of options, found a list of 2."),
    ],
)
def test_what_is_not_plain_is_told_with_its_line(text, message):
    with pytest.raises(SettingsError) as refusal:
        parse_settings(text)
    assert str(refusal.value).startswith(message)


def test_anchors_merges_and_dates_are_read_as_people_mean_them():
    table = parse_settings("base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\nday: 2024-02-30\nrate: 2e-4\nnone: None\n")
    assert table["own"] == {"x": 1, "y": 3}
    assert (table["day"], table["rate"], table["none"]) == ("2024-02-30", 2e-4, None)
    assert table.places["day"] == "line 3"
