"""Telling memory and devices that gave out from other errors, and saying it."""

from __future__ import annotations

import errno

import cv2
import numpy as np
import pytest
import torch

from fom_core.errors import DeviceLost, MediaError, OutOfMemory, UnsupportedModel
from fom_core.faces.detectors.s3fd import S3FDDetector
from fom_core.media import read_picture, write_picture
from fom_core.resources.faults import asked_bytes, is_device_lost, is_out_of_memory, telling, told
from fom_core.training.checkpoint import _load_whole
from fom_core.weights.read import read_tree

ON_A_CARD = torch.cuda.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.25 GiB is free."
)
ON_THE_HOST = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "5368709120 bytes. Error code 12 (Cannot allocate memory)"
)
SHORT = [
    ON_A_CARD,
    ON_THE_HOST,
    MemoryError(),
    MemoryError("Unable to allocate 7.45 GiB for an array with shape (1000, 1000, 1000) and data type float64"),
    cv2.error("OpenCV(5.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 300000000 bytes in f"),
    RuntimeError("MPS backend out of memory (MPS allocated: 1.00 GB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 12 bytes."),
    RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for buffer of size 9"),
    RuntimeError("std::bad_alloc"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
]
LOST = [
    RuntimeError("CUDA error: unspecified launch failure\nCompile with `TORCH_USE_CUDA_DSA`"),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("HIP error: device kernel failed"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)"),
]
OTHERS = [
    RuntimeError("The size of tensor a must match the size of tensor b"),
    RuntimeError("CUDA error: no kernel image is available for execution on the device"),
    RuntimeError("CUDA error: operation not permitted when stream is capturing"),
    ValueError("math domain error"),
    OSError(errno.ENOSPC, "No space left on device"),
    cv2.error("OpenCV(5.0) error: (-215:Assertion failed) !_src.empty() in function 'cvtColor'"),
    MediaError("/videos/out of memory.mp4 does not exist."),
    KeyboardInterrupt(),
]
if hasattr(torch, "AcceleratorError"):
    LOST.append(torch.AcceleratorError("CUDA error: device-side assert triggered"))
    SHORT.append(torch.AcceleratorError("CUDA error: out of memory"))


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_all_words_for_want_of_memory_are_understood(error):
    assert is_out_of_memory(error)
    assert not is_device_lost(error)
    assert isinstance(told(error), OutOfMemory)


@pytest.mark.parametrize("error", LOST, ids=str)
def test_a_device_that_is_gone_is_told_as_such(error):
    assert is_device_lost(error)
    assert not is_out_of_memory(error)
    sentence = told(error)
    assert isinstance(sentence, DeviceLost)
    assert str(sentence).startswith("The graphics card stopped working (")
    assert "Start the program again" in str(sentence)
    assert "\n" not in str(sentence)


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_other_errors_are_neither(error):
    assert not is_out_of_memory(error)
    assert not is_device_lost(error)
    assert told(error) in (None, error)


def test_the_sentence_says_what_ran_out_how_much_and_what_to_do():
    assert str(told(ON_A_CARD)) == (
        "The graphics card's memory ran out: 2.0 GB more were wanted, 1.25 GiB were free. Use a smaller picture, fewer "
        "faces or a smaller image_size, close other programs, or let the processor compute (--cpu)."
    )
    assert str(told(MemoryError())) == (
        "The memory of this machine (RAM) ran out. Use a smaller picture, fewer faces or a smaller image_size, close "
        "other programs."
    )


def test_free_memory_is_told_where_less_is_free_than_was_wanted(monkeypatch, tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal:       16000000 kB\nMemAvailable:    1048576 kB\n")
    monkeypatch.setattr("fom_core.resources.faults._MEMINFO", tmp_path / "meminfo")
    assert "ran out: 5.0 GB more were wanted, 1.0 GB are free. " in str(told(ON_THE_HOST))
    monkeypatch.setattr("fom_core.resources.faults._MEMINFO", tmp_path / "none")
    assert "ran out: 5.0 GB more were wanted. " in str(told(ON_THE_HOST))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Tried to allocate 2.00 GiB.", 2 * 2**30),
        ("Tried to allocate 20.00 MiB (GPU 0", 20 * 2**20),
        ("you tried to allocate 123 bytes", 123),
        ("Failed to allocate 300 bytes in function", 300),
        ("requested buffer of size 77", 77),
        ("no number at all", None),
    ],
)
def test_what_was_asked_for_is_read(words, expected):
    assert asked_bytes(RuntimeError(words)) == expected


def test_for_torch_the_sentence_about_a_card_stays_an_error_of_memory():
    with pytest.raises(torch.cuda.OutOfMemoryError) as caught, telling():
        raise ON_A_CARD
    assert isinstance(caught.value, OutOfMemory)


def test_what_the_failed_work_held_is_let_go():
    class Large:
        alive = 0

        def __init__(self):
            Large.alive += 1

        def __del__(self):
            Large.alive -= 1

    def work():
        held = Large()
        raise MemoryError(id(held))

    with pytest.raises(OutOfMemory) as caught, telling():
        work()
    assert caught.value.__suppress_context__
    assert Large.alive == 0


def test_other_errors_pass_as_they_are():
    with pytest.raises(ValueError, match=r"^as it was$"), telling():
        raise ValueError("as it was")


def test_want_of_memory_is_not_taken_for_a_damaged_file(monkeypatch, tmp_path):
    """Handlers that take whatever a library raises for damage."""

    def short(*_, **__):
        raise ON_THE_HOST

    def little(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes.")

    torch.save({"a": torch.zeros(2000)}, tmp_path / "weights.pth")
    monkeypatch.setattr("fom_core.weights.torch_files.open_records", little)
    with pytest.raises(RuntimeError, match="can't allocate"):
        S3FDDetector(tmp_path / "weights.pth")
    monkeypatch.setattr("fom_core.training.checkpoint.load_checkpoint", short)
    with pytest.raises(RuntimeError, match="can't allocate"):  # an older checkpoint would undo hours of training
        _load_whole(tmp_path)

    def no_room(*_):
        raise SHORT[4]

    write_picture(tmp_path / "picture.png", np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr("cv2.imdecode", no_room)
    with pytest.raises(cv2.error):
        read_picture(tmp_path / "picture.png")


def test_weights_that_ask_for_more_than_they_hold_are_damaged_and_others_met_want_of_memory(monkeypatch, tmp_path):
    def short(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes.")

    file = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(2000)}, file)
    monkeypatch.setattr("fom_core.weights.torch_files.open_records", short)
    with pytest.raises(RuntimeError, match="can't allocate"):
        read_tree(file)
    torch.save({"a": torch.zeros(2)}, file)
    with pytest.raises(UnsupportedModel, match="damaged or incomplete"):
        read_tree(file)


def test_damage_is_still_damage(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"weights")
    with pytest.raises(UnsupportedModel, match="is not a weights file, or is damaged"):
        S3FDDetector(tmp_path / "weights.pth")
