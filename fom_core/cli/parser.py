"""Wrong usage in a line: what is wrong, what may have been meant, and where the usage is told."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from .verbs import HELP

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
        message = in_our_words(message)
        end = "" if message.endswith(("?", ".")) else "."
        self.exit(2, f"{self.prog}: {message}{end} Usage: {self.prog} --help\n")

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
            words = {flag.removeprefix("--"): flag for flag in own}  # the dashes make everything look alike
            near = get_close_matches(name.lstrip("-"), words, 1, 0.6)
            meant = words[near[0]] if near else None
        return f"there is no option {name}" + (f". Did you mean {meant}?" if meant else "")


def in_our_words(message: str) -> str:
    """argparse's message with options by their long names, and with what may have been meant."""
    message = re.sub(r"\bargument -\w/", "argument ", message)  # ``-s/--source_image`` is ``--source_image``
    if both := re.fullmatch(r"argument (\S+): not allowed with argument (\S+)", message):
        return f"{both[1]} and {both[2]} exclude each other: leave one of them out"
    if other := re.match(r"argument COMMAND: invalid choice: '(.*?)' ", message):
        meant = get_close_matches(other[1], HELP, 1, 0.6)
        return f"there is no command {other[1]}. " + (
            f"Did you mean {meant[0]}?" if meant else f"There are {', '.join(HELP)}"
        )
    return message
