"""The entry point of the program."""

from __future__ import annotations

import gc
import sys

# Garbage collection is almost turned off: a short process makes hardly any garbage, and looking for it among all that
# is imported, now and again at the end, takes a tenth of the time of `status`.
gc.set_threshold(100_000)

from . import commands, program, signals  # noqa: E402 - with garbage collection as it is now

__all__ = ["commands", "main"]  # importing the commands adds them to the program


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    signals.listen()
    try:
        sys.exit(program.run(sys.argv[1:]))
    finally:
        gc.freeze()
