"""Wrong usage in a line: what is wrong, what may have been meant, and where the usage is told."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

MEANT = {  # what other programs for this work call our options
    "--source": "--source_image",
    "--driving": "--driving_video",
    "--output_dir": "--output",
    "--driving_multiplier": "--gain",
    "--flag_relative_motion": "--relative",
    "--flag_crop_driving_video": "--driving_crop face",
    "--flag_do_crop": "--source_crop face",
    "--flag_pasteback": "--mask, for faces always go back into their picture",
    "--device_id": "--device cuda:0",
    "--flag_force_cpu": "--cpu",
    "--driven_audio": "--driving_video, for sound alone moves nothing",
    "--enhance": "--face_enhancement",
}


class Parser(argparse.ArgumentParser):
    """A parser that says a mistake in one line, with the option that is nearest to an unknown one."""

    def error(self, message: str) -> NoReturn:
        end = "" if message.endswith(("?", ".")) else "."
        self.exit(2, f"{self.prog}: {without_letters(message)}{end} Usage: {self.prog} --help\n")

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._about(unknown))
        return known, unknown

    def _about(self, unknown: Sequence[str]) -> str:
        word = next((word for word in unknown if word.startswith("-")), None)
        if word is None:
            return f"too many words: {' '.join(unknown)}"
        name = word.partition("=")[0]
        own = [flag for flag in self._option_string_actions if flag.startswith("--")]
        meant = MEANT.get(name)
        if meant is None or meant.split(",")[0].split()[0] not in own:
            meant = next(iter(get_close_matches(name, own, 1, 0.6)), None)
        return f"there is no option {name}" + (f". Did you mean {meant}?" if meant else "")


def without_letters(message: str) -> str:
    """argparse's message with an option's long name alone: ``-s/--source_image`` is ``--source_image``."""
    return re.sub(r"\bargument -\w/", "argument ", message)
