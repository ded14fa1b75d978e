"""What ComfyUI-Manager runs after it has installed requirements.txt: brings OpenCV where there is none.

Works from any folder, says a line for each thing done, and is done at once where nothing is to do. The versions of
torch and numpy stay as they are, and no weights are downloaded. Exit status 1: a person has to look at it.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REQUIREMENT = Path(__file__).absolute().with_name("requirements-opencv.txt")
PROVIDERS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
HEADLESS = "opencv-python-headless"
KEEP = ("numpy", "torch")


def main() -> int:
    """Install OpenCV unless it can be imported."""
    problem = import_problem()
    if problem is None:
        return 0
    present = [name for name in PROVIDERS if installed(name)]
    if present:
        print(
            f"{' and '.join(present)} is installed but cannot be imported ({problem}). "
            f"Run: {sys.executable} -m pip uninstall -y {' '.join(present)}, then this script again."
        )
        return 1
    return install(wanted())


def import_problem() -> str | None:
    """Why ``import cv2`` fails; None when it works. Tried in another process: a broken one may end it."""
    run = subprocess.run([sys.executable, "-c", "import cv2; cv2.resize"], capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else (run.stderr.strip().splitlines() or [f"status {run.returncode}"])[-1]


def installed(name: str) -> str | None:
    """The version of a package, if it is there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def wanted() -> str:
    """The requirement to install; on a Linux without a display's libraries, the variant that does not open windows."""
    lines = REQUIREMENT.read_text(encoding="utf-8").splitlines()
    requirement = next(line for line in lines if line and not line.startswith("#"))
    if sys.platform.startswith("linux") and ctypes.util.find_library("GL") is None:
        return requirement.replace(PROVIDERS[0], HEADLESS)
    return requirement


def install(requirement: str) -> int:
    """Have pip, or uv where there is no pip, install one package beside the versions that must not move."""
    command = next(([sys.executable, "-m", *tool] for tool in (["pip"], ["uv", "pip"]) if found(tool[0])), None)
    if command is None:
        print(f"Neither pip nor uv belongs to {sys.executable}. Install {requirement} into it by hand.")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "keep.txt"
        constraints.write_text("".join(f"{name}=={at}\n" for name in KEEP if (at := installed(name))), encoding="utf-8")
        options = ["--python", sys.executable] if "uv" in command else ["--disable-pip-version-check"]
        arguments = ["install", *options, "--quiet", "--constraint", str(constraints), requirement]
        status = subprocess.run([*command, *arguments], check=False).returncode
    if status:
        print(f"{requirement} could not be installed; the lines above say why. Install it by hand, then start ComfyUI.")
        return 1
    print(f"Installed {requirement}.")
    return 0


def found(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


if __name__ == "__main__":
    sys.exit(main())
