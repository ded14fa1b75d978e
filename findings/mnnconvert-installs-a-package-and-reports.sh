#!/bin/bash
# MNN 3.6.1: "python -m MNN.tools.mnnconvert" (and "mnnconvert", and any import of MNN.tools) installs a package into whatever
# Python the first "pip" of PATH belongs to, and asks a host for leave to send a report: the machine's id, the system, the
# model's id and sizes, and the options. The conversion itself needs neither: "import MNN, _tools; _tools.mnnconvert(argv)"
# does the same work without.
# Here "pip" is a stand-in that only tells how it was called, "aliyun" one that does nothing, and https ends at a listener on
# this machine that tells the host's name: nothing is installed or sent.
# Exits 0 while that is so. Needs Python 3.10 to 3.13 with venv, on Linux x86-64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q MNN==3.6.1 onnx==1.20.1 numpy==2.2.6
cd "$work"
cat >try.py <<'END'
import os
import pathlib
import socket
import subprocess
import sys
import threading
from importlib.metadata import version

import numpy as np
import onnx

here = pathlib.Path.cwd()
(here / "bin").mkdir()
pip = here / "bin" / "pip"
pip.write_text(f'#!/bin/sh\necho "pip $*" >> "{here}/seen"\n')
pip.chmod(0o755)
stand_in = here / "modules" / "aliyun" / "log"
stand_in.mkdir(parents=True)
(stand_in / "__init__.py").write_text("LogClient = PutLogsRequest = object\n")
(stand_in / "logitem.py").write_text("LogItem = object\n")
listener = socket.create_server(("127.0.0.1", 0))


def listen() -> None:
    while True:
        caller, _ = listener.accept()
        with caller, (here / "seen").open("a") as seen:
            seen.write(caller.recv(4096).decode(errors="replace").partition(" HTTP")[0] + "\n")


threading.Thread(target=listen, daemon=True).start()
node = onnx.helper.make_node("Relu", ["x"], ["y"])
x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 4, 4]) for name in "xy")
model = onnx.helper.make_model(
    onnx.helper.make_graph([node], "one", [x], [y]), opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9
)
onnx.checker.check_model(model)
onnx.save(model, "one.onnx")


def seen_of(*command: str, modules: str = "") -> list[str]:
    """What the converter does beside converting."""
    (here / "seen").write_text("")
    (here / "one.mnn").unlink(missing_ok=True)
    proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    around = os.environ | {"https_proxy": proxy, "HTTPS_PROXY": proxy, "no_proxy": "", "NO_PROXY": ""}
    around |= {"PATH": f"{here}/bin:{os.environ['PATH']}", "PYTHONPATH": modules}
    words = ["-f", "ONNX", "--modelFile", "one.onnx", "--MNNModel", "one.mnn", "--bizCode", "x"]
    subprocess.run([sys.executable, *command, *words], env=around, check=False, capture_output=True, timeout=100)
    assert (here / "one.mnn").is_file()
    return sorted(set((here / "seen").read_text().split("\n")) - {""})


print("MNN", version("MNN"), "numpy", np.__version__)
bare = seen_of("-m", "MNN.tools.mnnconvert")
print("as it is installed:", bare)
ready = seen_of("-m", "MNN.tools.mnnconvert", modules=str(here / "modules"))
print("where that package is there:", ready)
plain = seen_of("-c", "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)")
print("by the converter's own function:", plain)
installs = any("install -U aliyun-log-python-sdk" in line for line in bare)
asks = any(line.startswith("CONNECT ") and "aliyuncs.com" in line for line in ready)
sys.exit(not (installs and asks and not plain))
END
"$work/venv/bin/python" try.py
