#!/bin/bash
# `import onnxruntime` alone, no session and no model, writes a device id and a queue of events into the user's home
# (~/.cache/Microsoft/DeveloperTools/.onnxruntime) and a session file into the temporary folder, since telemetry came
# to the Linux wheels. DO_NOT_TRACK does not stop it; ORT_DISABLE_TELEMETRY=1, set before the import, does.
# Exits 0 while that is so. Needs Python 3.11 or later and the package index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 2>/dev/null

imported() {  # with these variables set, the files that the import leaves
  rm -rf "$work/home" "$work/tmp" && mkdir "$work/home" "$work/tmp"
  env -i PATH="$PATH" HOME="$work/home" TMPDIR="$work/tmp" "$@" "$work/venv/bin/python" -B -c "import onnxruntime"
  (cd "$work" && find home tmp -type f | sort)
}
"$work/venv/bin/python" -c 'import os; os.environ["ORT_DISABLE_TELEMETRY"] = "1"; import onnxruntime; print("onnxruntime", onnxruntime.__version__)'
plain=$(imported NOTHING=1)
echo "import onnxruntime leaves:" $plain
asked=$(imported DO_NOT_TRACK=1)
echo "with DO_NOT_TRACK=1:" $asked
off=$(imported ORT_DISABLE_TELEMETRY=1)
echo "with ORT_DISABLE_TELEMETRY=1:" ${off:-nothing}
[[ $plain == *deviceid* && $plain == *onnxruntime.db* && $asked == *deviceid* && -z $off ]]
