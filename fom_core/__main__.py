"""``fom``, also as ``python -m fom_core``."""

import sys

from .signals import starting


def main() -> int:
    """Run the command line; Ctrl-C ends it in one word, however early."""
    starting()
    from .cli import main as run  # noqa: PLC0415 - takes seconds

    return run()


if __name__ == "__main__":
    sys.exit(main())
