"""The files that the example workflows open."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from ..fom_core.errors import WriteError
from ..fom_core.files.paths import replacing

log = logging.getLogger(__name__)
FILES = Path(__file__).resolve().parents[1] / "workflows" / "inputs"
SUFFIXES = {".jpg", ".mp4"}


def place(folder: Path) -> None:
    """Copy those that are missing in ComfyUI's input folder: its loaders offer nothing else, and no subfolders."""
    for source in sorted(FILES.glob("fom_*")):
        target = folder / source.name
        if source.suffix not in SUFFIXES or target.exists():
            continue
        try:
            with replacing(target) as temporary:
                shutil.copyfile(source, temporary)
        except (OSError, WriteError) as error:
            log.info("The example workflows lack %s: %s", target, error)
