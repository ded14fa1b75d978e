#!/bin/bash
# `import openvino` alone, nothing read and nothing compiled, writes a client id into ~/intel and looks up a host for
# an event "general_import". It asks nobody first (the dialogue is off), and DO_NOT_TRACK does not stop it. The same
# import is silent where the package openvino_telemetry, which pip installs along, is missing.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 openvino-telemetry==2025.2.0 2>/dev/null

cat > "$work/look.py" <<'PYTHON'
import socket, sys, threading
hosts = []
def refuse(host, *rest, **named):  # nothing leaves this machine
    hosts.append(host)
    raise OSError("refused by the test")
socket.getaddrinfo = refuse
if sys.argv[1] == "without":
    sys.modules["openvino_telemetry"] = None
import openvino
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(5)
print("openvino", openvino.__version__.split("-")[0], "asks for", ",".join(sorted(set(map(str, hosts)))) or "no host")
PYTHON
imported() {
  rm -rf "$work/home" && mkdir "$work/home"
  env -i PATH="$PATH" HOME="$work/home" DO_NOT_TRACK=1 "$work/venv/bin/python" -B "$work/look.py" "$1"
  (cd "$work" && find home -type f | sort)
}
with=$(imported with)
echo "with openvino_telemetry:" $with
without=$(imported without)
echo "without:" $without
[[ $with == *openvino_ga_cid* && $with != *"no host"* && $without == *"no host" ]]
