"""JSON and CSV that strangers write: read whole, or refused in one line that says where."""

from __future__ import annotations

import pytest

from fom_core.documents import readers as documents
from fom_core.documents.readers import DocumentError, parse_csv, parse_json, read_json, read_lines, read_text, wrong_as
from fom_core.errors import MediaError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "is nested more than 64 deep."),
        ("[" * 65 + "]" * 65, "is nested more than 64 deep."),
        ('{"a": 1, "a": 2}', "'a' was given twice. Remove one of them."),
        ('{"a": NaN}', "has to hold numbers only, found NaN."),
        ('{"a": 1e999}', "has to hold numbers only, found 1e999."),
        ("1" * 5000, "has to hold numbers of at most 64 bits, found one of 5000 digits."),
        ("9223372036854775808", "has to hold numbers of at most 64 bits, found one of 19 digits."),
        ("{'a': 1}", "is no JSON (Expecting property name enclosed in double quotes)."),
        ('{\n "a": 1,\n "b" 2\n}', "line 3, column 6: is no JSON (Expecting ':' delimiter)."),
    ],
)
def test_wrong_json_is_told_in_one_line(text, message):
    with pytest.raises(DocumentError) as refusal:
        parse_json(text)
    assert str(refusal.value) == message


def test_json_within_the_bounds_is_read():
    deep = "[" * 64 + "]" * 64
    assert parse_json(deep) and parse_json("9223372036854775807") == 2**63 - 1
    assert parse_json('{"a": {"x": [1, 2.5, null, true, "[[[["]}}') == {"a": {"x": [1, 2.5, None, True, "[[[["]}}
    assert str(parse_json("[NaN]", finite=False)) == "[nan]"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1}\n\xe9', "line 2: is no text in UTF-8 (byte 0xe9). Save it so."),
        ('{"a": 1}'.encode("utf-16"), "is text in UTF-16. Save it as UTF-8."),
        (b'{"a":\n\0}', "line 2: is no text: it holds a zero byte."),
    ],
)
def test_what_is_no_text_is_told(tmp_path, data, message):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(DocumentError) as refusal:
        read_json(path)
    assert str(refusal.value) == message


def test_files_are_read_up_to_a_bound_and_without_a_byte_order_mark(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(path) == [1]
    with pytest.raises(DocumentError, match="is larger than 0 KiB"):
        read_text(path, most=5)
    monkeypatch.setattr(documents, "MOST_BYTES", 5)
    with pytest.raises(DocumentError, match="is a folder"):
        read_text(tmp_path)


def test_only_line_ends_part_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('["a\u2028b"]\n\n["c"]\n', encoding="utf-8")
    assert read_lines(path) == [(1, '["a\u2028b"]'), (3, '["c"]')]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: there is no column a; wanted a, found nothing."),
        ("a;b\n1;2\n", "line 1: there is no column a; wanted a, found a;b. Columns are separated by commas."),
        ("a\tb\n", "line 1: there is no column a; wanted a, found a\tb. Columns are separated by commas."),
        ("a,b,a\n", "line 1: the column 'a' is there twice. Remove one of them."),
        ("a,b\n1,2\n\n1,2,3\n", "line 4: has 3 fields, and there are 2 columns. Correct the line."),
        ("a,b\n1\n", "line 2: has 1 fields, and there are 2 columns. Correct the line."),
        ("a,b\n1," + "x" * 140_000, "line 2: is no CSV (field larger than field limit (131072))."),
        ('a,b\n1,"2\n', "line 2: is no CSV (unexpected end of data)."),
    ],
)
def test_wrong_csv_is_told_with_its_line(text, message):
    with pytest.raises(DocumentError) as refusal:
        parse_csv(text, ["a"])
    assert str(refusal.value) == message


def test_what_spreadsheets_leave_is_passed_over():
    table = parse_csv('a,b,,\r\n1,"x\r\ny",,\r\n,,,\r\n2,,,\r\n')
    assert table.columns == ["a", "b"]
    assert table.rows == [(3, {"a": "1", "b": "x\r\ny"}), (5, {"a": "2", "b": ""})]


def test_the_error_names_the_file_and_says_what_to_do():
    with (
        pytest.raises(MediaError, match=r"^list\.csv, line 2: is wrong\. Mend it\.$"),
        wrong_as(MediaError, "list.csv", "Mend it."),
    ):
        raise DocumentError("line 2: is wrong.")
    with pytest.raises(MediaError, match=r"^list\.csv is wrong\.$"), wrong_as(MediaError, "list.csv"):
        raise DocumentError("is wrong.")
