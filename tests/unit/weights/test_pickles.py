import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fom_core.errors import UnsupportedModel
from fom_core.weights.pickles import read_arrays

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def global_(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


def array_program(state: bytes) -> bytes:
    """Protocol 2 instructions: an empty array, then ``state`` as its content."""
    make = global_("numpy.core.multiarray", "_reconstruct") + global_("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
    return b"\x80\x03" + make + state + b"b."


def dtype_program(code: str) -> bytes:
    text = code.encode()
    make = global_("numpy", "dtype") + b"X" + len(text).to_bytes(4, "little") + text + b"\x89\x88\x87R"
    return make + b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize(
    "array",
    [
        ARRAY,
        np.asfortranarray(ARRAY),
        ARRAY.astype(">f4"),
        ARRAY.astype(np.float16),
        ARRAY.astype(np.int64),
        ARRAY > 2,
        np.array([[1.5]]),
        np.zeros((), np.float32),
    ],
)
def test_arrays_come_back_as_they_were_saved(tmp_path, array, protocol):
    path = write(tmp_path / "a.pdparams", pickle.dumps({"net": {"w": array, "pair": ("name", array)}}, protocol))
    net = read_arrays(path)["net"]
    np.testing.assert_array_equal(net["w"], array)
    assert net["w"].dtype == array.dtype
    assert net["pair"][0] == "name"


def test_a_trainers_other_values_come_back_too(tmp_path):
    values = {"epoch": 3, "lr": 0.5, "done": False, "none": None, "steps": [1, 2], "big": 2**40}
    assert read_arrays(write(tmp_path / "a.pdparams", pickle.dumps(values, 4))) == values


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_an_attack_is_refused_and_runs_nothing(tmp_path, attack, trace, protocol):
    path = write(tmp_path / "evil.pdparams", pickle.dumps({"generator": {"w": ARRAY, "x": attack}}, protocol))
    with pytest.raises(UnsupportedModel, match=r"evil\.pdparams") as refusal:
        read_arrays(path)
    assert not trace.exists()
    assert "\n" not in str(refusal.value)


def test_the_refused_object_is_named(tmp_path, attack, trace):
    path = write(tmp_path / "evil.pdparams", pickle.dumps(attack, 4))
    with pytest.raises(UnsupportedModel, match=r"(system|builtins\.eval|io\.open)"):
        read_arrays(path)


@pytest.mark.parametrize(
    "program",
    {
        "getattr": b"\x80\x02" + global_("builtins", "getattr") + b".",
        "numpy beyond the list": b"\x80\x02" + global_("numpy", "load") + b".",
        "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.",
        "paddle's eval": b"\x80\x02" + global_("__builtin__", "eval") + b".",
        "new object": b"\x80\x02" + global_("collections", "OrderedDict") + b")\x81.",
        "instance": b"\x80\x02(icollections\nOrderedDict\n.",
        "object": b"\x80\x02(" + global_("collections", "OrderedDict") + b"o.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent id": b"\x80\x02Pid\n.",
        "call of a text": b"\x80\x02X\x01\x00\x00\x00a)R.",
        "state for a dictionary": b"\x80\x02}}b.",
        "state for a global": b"\x80\x02" + global_("numpy", "ndarray") + b"}b.",
        "another encoding": b"\x80\x02"
        + global_("_codecs", "encode")
        + b"X\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
        "objects in an array": b"\x80\x03" + dtype_program("O8") + b".",
        "text in an array": b"\x80\x03" + dtype_program("U9") + b".",
        "records in an array": b"\x80\x03" + dtype_program("V99999999") + b".",
        "array of a list": array_program(b"(K\x01K\x01\x85" + dtype_program("f4") + b"\x89]t"),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_what_no_weights_file_needs_is_refused(tmp_path, program):
    path = write(tmp_path / "evil.pdparams", program[1])
    with pytest.raises(UnsupportedModel, match="nothing in it was run"):
        read_arrays(path)


def test_a_shape_larger_than_its_content_is_refused(tmp_path):
    huge = b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"
    path = write(tmp_path / "a.pdparams", array_program(b"(K\x01" + huge + dtype_program("f4") + b"\x89C\x04abcdt"))
    with pytest.raises(UnsupportedModel, match="4 bytes"):
        read_arrays(path)


def test_a_text_cannot_be_multiplied_into_memory(tmp_path):
    text = b"X" + (10_000).to_bytes(4, "little") + b"a" * 10_000 + b"q\x01"
    encode = global_("_codecs", "encode") + b"q\x02"
    again = b"h\x02h\x01X\x06\x00\x00\x00latin1\x86R"
    with pytest.raises(UnsupportedModel, match="unknown use of encode"):
        read_arrays(write(tmp_path / "a.pdparams", b"\x80\x02" + text + encode + again * 100 + b"."))


def test_control_characters_of_a_name_do_not_reach_the_terminal(tmp_path):
    name = b"\x1b[2J" + b"x" * 500
    path = write(tmp_path / "a.pdparams", b"\x80\x02c" + name + b"\nname\n.")
    with pytest.raises(UnsupportedModel) as refusal:
        read_arrays(path)
    assert "\x1b" not in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_reading_leaves_the_reader_as_it_was(tmp_path):
    good = write(tmp_path / "good.pdparams", pickle.dumps({"net": {"w": ARRAY}}, 4))
    change = b"\x80\x02" + global_("numpy", "ndarray") + b"N}X\x04\x00\x00\x00roleX\x04\x00\x00\x00dicts\x86b."
    with pytest.raises(UnsupportedModel):
        read_arrays(write(tmp_path / "evil.pdparams", change))
    np.testing.assert_array_equal(read_arrays(good)["net"]["w"], ARRAY)


WHOLE = pickle.dumps({"net": {"w": ARRAY, "b": ("x", ARRAY)}, "epoch": 1}, 4)


def test_a_truncated_file_is_reported_as_damaged(tmp_path):
    for length in range(len(WHOLE)):
        with pytest.raises(UnsupportedModel, match="damaged"):
            read_arrays(write(tmp_path / "a.pdparams", WHOLE[:length]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_changed_byte_never_ends_in_another_error(tmp_path, place, value):
    path = write(tmp_path / "a.pdparams", WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :])
    try:
        read_arrays(path)
    except UnsupportedModel as refusal:
        assert "\n" not in str(refusal)


def test_a_list_that_is_copied_again_and_again_counts_each_time(tmp_path, monkeypatch):
    """Or a small file would take memory without bound."""
    copy = global_("collections", "OrderedDict") + b"](" + b"K\x01K\x02\x86" * 2 + b"e\x85R"
    assert read_arrays(write(tmp_path / "few.pdparams", b"\x80\x02}(X\x01\x00\x00\x00a" + copy + b"u.")) is not None
    pairs = b"](" + b"K\x01K\x02\x86" * 1000 + b"eq\x00"
    again = (global_("collections", "OrderedDict") + b"h\x00\x85R") * 200
    monkeypatch.setattr("fom_core.weights.pickle_machine.MAX_INSTRUCTIONS", 50_000)
    with pytest.raises(UnsupportedModel, match="more than 50000 instructions"):
        read_arrays(write(tmp_path / "many.pdparams", b"\x80\x02(" + pairs + again + b"l."))
