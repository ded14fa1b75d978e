#!/bin/bash
# Each OpenVINO Core that uses the CPU plugin gives the thread it begins in another stack for signals (sigaltstack), and
# unmaps it when it ends. Where two Cores end in the order of their beginning, or one ends in another thread, the thread
# keeps a stack that is no longer mapped: the next signal that Python handles, be it Ctrl-C, a timer or a child's end,
# kills the process with SIGSEGV, which not even faulthandler reports. One Core for all models, kept, avoids it.
# Only looks where the stack lies; sends no signal. Exits 0 while that is so. Linux; needs Python 3.11 or later and the
# package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Without its dependencies, one of which reports each import.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps openvino==2026.4.1 numpy==2.4.6 2>/dev/null

"$work/venv/bin/python" - <<'PYTHON'
import ctypes
import sys
import threading

import openvino


class Stack(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


def signal_stack():
    """Of this thread: none, mapped or gone."""
    stack = Stack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack)) == 0
    if not stack.start:
        return "none"
    with open("/proc/self/maps") as maps:
        areas = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
    return "mapped" if any(first <= stack.start < last for first, last in areas) else "gone"


def core():
    """A core that has its CPU plugin open."""
    core = openvino.Core()
    core.get_property("CPU", "FULL_DEVICE_NAME")
    return core


def told(order, stack):
    print(f"{order}: signal stack {stack}")
    return stack


def fresh(end):
    """How a thread's stack is after its cores have ended."""
    found = []
    thread = threading.Thread(target=lambda: (end(), found.append(signal_stack())))
    thread.start()
    thread.join()
    return found[0]


def last_first():
    cores = [core(), core()]
    del cores[1]
    del cores[0]


def first_first():
    cores = [core(), core()]
    del cores[0]
    del cores[0]


def elsewhere():
    cores = [core()]
    other = threading.Thread(target=cores.clear)
    other.start()
    other.join()


print("OpenVINO", openvino.__version__)
found = [
    told("at first", signal_stack()),
    told("two cores, the last one ends first", fresh(last_first)),
    told("two cores, the first one ends first", fresh(first_first)),
    told("one core, ended in another thread", fresh(elsewhere)),
]
sys.exit(found != ["none", "none", "gone", "gone"])
PYTHON
